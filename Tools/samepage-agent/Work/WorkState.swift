import CLinuxMemory
import CXXHashInline

/// What the agent's thread works with. Only that thread uses it: no lock protects it.
@safe
struct WorkState {
    /// What merges; `nil` where the kernel does not permit it, and before the first welcome.
    var remapper: UnsafeMutablePointer<Remapper>?
    /// Map entries.
    var budget = MapBudget()
    /// What the thread may do.
    var rights = Rights()
    /// Its CPU time.
    var cpu = CPUBudget()
    /// Pages taken back from forked children.
    var takenBack = TakenBack()
    /// Frames are written into core dumps, as far as can be.
    var dumpsFrames = false
    /// The checksum function for this processor.
    var xxh3: samepage_xxh3_function?

    /// Chooses what depends on the processor.
    mutating func chooseFunctions() { unsafe xxh3 = samepage_xxh3_choose() }
}

/// The work of the agent's thread.
@safe
nonisolated(unsafe) var work = WorkState()

extension WorkState {
    /// Opens the remapper, with the rights of the process or on a device that was handed over; returns why there is
    /// none.
    mutating func openRemapper(device: Int32) -> WireReason? {
        if unsafe remapper != nil { return nil }
        guard agentMemory.canMerge, withAgentLock({ agentMemory.reach(.scratch, RemapRoom.scratchSize) }) else {
            return .outOfResources
        }
        let room = RemapRoom(
            scratch: agentMemory.address(of: .scratch), staging: agentMemory.address(of: .staging),
            copies: agentMemory.address(of: .copies))
        do throws(RemapError) {
            #if Mutants
                var opened = try Remapper(device: device, room: room)
                unsafe opened.mutants = agentSettings.mutants
            #else
                let opened = try Remapper(device: device, room: room)
            #endif
            // SAFETY: the room is large enough and holds nothing.
            unsafe buffers.remapperRoom.initialize(to: opened)
            unsafe remapper = buffers.remapperRoom
            // Where mlockall said so the kernel has filled the staging area.
            if unsafe lm_atomic_load(&locksFuture) != 0 { unsafe buffers.remapperRoom.pointee.emptyStaging() }
            return nil
        } catch {
            switch error.call {
            case .openUserfault: return .noUserfault
            case .userfaultFeatures, .scan: return .kernelTooOld
            case .openPagemap: return .noProc
            case .map, .register, .unregister: return .outOfResources
            }
        }
    }

    /// Closes the remapper, on the thread that opened it: what is tracked is tracked no more.
    mutating func closeRemapper() {
        guard let opened = unsafe remapper else { return }
        unsafe remapper = nil
        // SAFETY: it was made in its room, and nobody uses it any more.
        unsafe _ = opened.deinitialize(count: 1)
        withAgentLock {
            for position in 0..<ranges.count { unsafe ranges[position].raise(AgentRange.lacksTracking) }
        }
    }

    /// In a forked child: what the remapper has does not exist here, or belongs to the program.
    mutating func forgetAfterFork() {
        unsafe remapper = nil
        Remapper.forgetAfterFork()
        forgetTraps()
        budget = MapBudget()
        rights = Rights()
        cpu = CPUBudget()
    }
}
