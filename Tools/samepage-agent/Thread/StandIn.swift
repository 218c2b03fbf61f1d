internal import CLinuxMemory

// What jobs need that un-merge pages, where no daemon has served the process: right after a fork, and where there can be no thread.

/// Whether the program's only thread does a job in the place of the agent's. The descriptors that it opens are closed afterwards.
nonisolated(unsafe) private var isStandingIn = false

/// Does a job on a thread of the program.
func standIn(for job: AgentJob) -> Int {
    // Nobody else sees its descriptors, which are in the program's own table.
    guard job.mayUnmerge, programHasOneThread() else { return job.run() }
    unsafe isStandingIn = true
    defer { unsafe isStandingIn = false }
    let result = job.run()
    work.closeRemapper()
    unsafe kernelMap.close()
    return result
}

/// Opens the remapper if there is none, and it can be told who uses its descriptors.
func openRemapperForJob() {
    let isAgent = unsafe UInt(lm_this_thread()) == agentThread.pointer
    guard unsafe work.remapper == nil, unsafe isAgent || isStandingIn, lm_address_space_is_limited() == 0 else {
        return
    }
    if !isAgent {
        unsafe kernelMap.open()
        guard buffers.prepare() else { return }
    }
    _ = work.openRemapper(device: -1)
}

extension AgentJob {
    /// Whether it may give pages memory of their own.
    fileprivate var mayUnmerge: Bool {
        switch self {
        case .unmerge, .move, .giveWay: true
        case .discard, .lockAll, .shed, .freeMapEntries: false
        }
    }
}
