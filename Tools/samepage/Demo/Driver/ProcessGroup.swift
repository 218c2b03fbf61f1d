import Glibc

/// All processes of the demo, which do the same at the same time.
final class ProcessGroup {
    /// Without any sign of life for so long, a process has failed.
    static let patienceSeconds: UInt64 = 60

    /// The processes, by their numbers.
    let processes: [SpawnedProcess]
    private let layout: DemoLayout
    private let interruption: Interruption
    private var progress = ProgressLine()

    /// Starts the processes.
    ///
    /// - Parameters:
    ///   - agent: The library that is loaded into them.
    ///   - socketPath: Where they reach the daemon.
    init(
        layout: DemoLayout, agent: String, socketPath: String, interruption: Interruption
    ) throws(CommandFailure) {
        self.layout = layout
        self.interruption = interruption
        // No settings for Samepage that are meant for other programs.
        var environment = EnvironmentList(
            entries: EnvironmentList.inherited().entries.filter { !$0.starts(with: "SAMEPAGE_".utf8) })
        environment.preload(agent)
        environment["SAMEPAGE_SOCKET"] = socketPath
        // Swift's handlers of crashes would keep a broken process for a while.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        var processes: [SpawnedProcess] = []
        for number in 0..<layout.processes {
            processes.append(try SpawnedProcess(number: number, layout: layout, environment: environment))
        }
        self.processes = processes
    }

    /// Has all processes do something, and waits for their answers.
    ///
    /// - Parameter step: What to show while they do it.
    /// - Returns: Their numbers, by process.
    /// - Throws: That one of them failed, died or is silent, or that the demo was interrupted.
    func ask(_ request: DemoRequest, showing step: String) throws(CommandFailure) -> [Int] {
        defer { progress.clear() }
        for process in processes { try process.send(request) }
        var answers = [Int?](repeating: nil, count: processes.count)
        var donePages = [Int](repeating: 0, count: processes.count)
        var lastSigns = [UInt64](repeating: Accounts.wallNanoseconds(), count: processes.count)
        while answers.contains(nil) {
            for number in try wait(for: answers.indices.filter { answers[$0] == nil }, milliseconds: 100) {
                lastSigns[number] = Accounts.wallNanoseconds()
                for answer in try processes[number].receive() {
                    switch answer {
                    case .progress(let pages): donePages[number] = min(pages, layout.pagesPerProcess)
                    case .done(let value) where answers[number] == nil: answers[number] = value
                    case .done: throw unasked(number)
                    case .failed(let reason):
                        throw CommandFailure("process \(processes[number].pid) of the demo: \(reason)")
                    }
                }
                if answers[number] != nil { donePages[number] = layout.pagesPerProcess }
            }
            let now = Accounts.wallNanoseconds()
            for number in answers.indices
            where answers[number] == nil && now > lastSigns[number] + ProcessGroup.patienceSeconds * 1_000_000_000 {
                throw CommandFailure(
                    "process \(processes[number].pid) of the demo gave no sign of life for "
                        + "\(ProcessGroup.patienceSeconds) seconds while \(step)")
            }
            progress.show(step, done: donePages.reduce(0, +), of: layout.pages)
        }
        return answers.map { $0! }
    }

    /// Waits while the processes have nothing to do.
    ///
    /// - Throws: That one of them died, or that the demo was interrupted.
    func pause(milliseconds: Int32) throws(CommandFailure) {
        for number in try wait(for: Array(processes.indices), milliseconds: milliseconds) {
            if try !processes[number].receive().isEmpty { throw unasked(number) }
        }
    }

    /// Lets all processes end by themselves.
    func quit() throws(CommandFailure) {
        _ = try ask(.quit, showing: "ending")
        for process in processes { try process.waitUntilEnded() }
    }

    /// Ends all processes now, whatever they do.
    func end() { for process in processes { process.end() } }

    /// What the pages of all processes must hold.
    func record(pageSize: Int) throws(CommandFailure) -> PageRecord {
        var hashes: [UInt64] = []
        hashes.reserveCapacity(layout.pages)
        for process in processes { hashes += try process.fingerprints(pages: layout.pagesPerProcess) }
        return PageRecord(hashes: hashes, pageSize: pageSize)
    }

    private func unasked(_ number: Int) -> CommandFailure {
        CommandFailure("process \(processes[number].pid) of the demo answers what nobody asked")
    }

    /// Waits until one of some processes says something or ends.
    ///
    /// - Returns: The numbers of those that did.
    private func wait(for numbers: [Int], milliseconds: Int32) throws(CommandFailure) -> [Int] {
        let descriptors = [interruption.descriptor] + numbers.map { processes[$0].connection }
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // SAFETY: the entries outlive the call.
        _ = unsafe poll(&entries, nfds_t(entries.count), milliseconds)
        if entries[0].revents != 0 {
            throw CommandFailure("interrupted; all processes of the demo have been ended")
        }
        return numbers.indices.filter { entries[$0 + 1].revents != 0 }.map { numbers[$0] }
    }
}
