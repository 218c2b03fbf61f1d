import CLinuxMemory

/// How many page faults a process has had, as the kernel counts them: a process that has had none since all of its pages
/// were armed has written to none. Costs a few microseconds, and the process nothing.
package final class FaultCount {
    private let file: Int32

    /// `nil` where the kernel does not tell it of that process.
    package init?(of identity: ClientIdentity) {
        file = unsafe "/proc/\(identity.pid)/stat".withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        guard file >= 0 else { return nil }
        // The file of another process, if the number went to one, tells of another forever.
        guard identity.pidfd >= 0, !identity.hasEnded else { return nil }
    }

    deinit { if file >= 0 { _ = lm_close(file) } }

    /// The count now, without those that needed a device and with them; `nil` when the process has ended.
    package func read() -> UInt64? {
        var text = InlineArray<512, UInt8>(repeating: 0)
        // SAFETY: the buffer has that size.
        let size = unsafe withUnsafeMutableBytes(of: &text) { room in
            unsafe lm_pread(file, room.baseAddress, room.count, 0)
        }
        guard size > 0 else { return nil }
        // The name of the program, in brackets, may hold anything.
        var place = min(size, 512) - 1
        while place > 0, text[place] != UInt8(ascii: ")") { place -= 1 }
        var field = 2
        var numbers: (minor: UInt64, major: UInt64) = (0, 0)
        while place < size, field <= 12 {
            let byte = text[place]
            place += 1
            if byte == UInt8(ascii: " ") {
                field += 1
            } else if field == 10, 48...57 ~= byte {
                numbers.minor = numbers.minor &* 10 &+ UInt64(byte - 48)
            } else if field == 12, 48...57 ~= byte {
                numbers.major = numbers.major &* 10 &+ UInt64(byte - 48)
            }
        }
        return field > 12 ? numbers.minor &+ numbers.major : nil
    }
}

extension AgentConnection {
    /// The page faults of the process at a wake-up of the merger, or a little later; `nil` where nobody can tell.
    func faults(at wakeUp: UInt64) -> UInt64? {
        if lastFaults.wakeUp == wakeUp { return lastFaults.count }
        if faultCount == nil, wakeUp >= nextFaultCount {
            faultCount = FaultCount(of: identity)
            // There may be descriptors later.
            nextFaultCount = wakeUp + 256
        }
        lastFaults = (wakeUp, faultCount?.read())
        return lastFaults.count
    }

    /// Takes what the agent says that its thread has used: not more than its process has, as the kernel counts it. What it
    /// used before it was first heard is nobody's.
    ///
    /// - Returns: How much more that is than before, in nanoseconds.
    func noteCPU(microseconds total: UInt32) -> UInt64 {
        let ofProcess = identity.cpuNanoseconds
        defer { (cpuHeard, cpuOfProcess) = (total, max(ofProcess, cpuOfProcess ?? 0)) }
        guard let before = cpuOfProcess, ofProcess > before else { return 0 }
        let nanoseconds = min(UInt64(total &- cpuHeard) * 1000, ofProcess - before)
        cpuNanoseconds &+= nanoseconds
        return nanoseconds
    }
}
