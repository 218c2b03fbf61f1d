/// Why marked memory is not merged.
@frozen
public enum WireReason: UInt32, Sendable {
    /// Nothing wrong: not looked at yet.
    case notExamined = 0
    /// Shared with other processes by the program itself, or of a file.
    case sharedOrFile = 1
    /// Not both readable and writable, or executable.
    case protection = 2
    /// Locked in memory.
    case locked = 3
    /// Huge pages of hugetlbfs, device memory, sealed memory, memory with tags or protection keys.
    case specialKind = 4
    /// The heap, a stack, or memory that malloc owns: the program did not map it itself; or pages lent by vmsplice.
    case notMappedByProgram = 5
    /// A NUMA policy of its own.
    case memoryPolicy = 6
    /// To be emptied in forked children.
    case wipeOnFork = 7
    /// The program uses userfaultfd on it.
    case userfaultInUse = 8
    /// No memory or map entries left to track it.
    case outOfResources = 9
    /// More areas than an agent keeps.
    case tooManyAreas = 10
    /// The kernel does not let this process merge: no full userfaultfd.
    case noUserfault = 11
    /// The kernel lacks something that merging needs (Linux 6.8).
    case kernelTooOld = 12
    /// The process has no access to its own /proc files.
    case noProc = 13
    /// Advice that differs within one range.
    case mixedAdvice = 14
    /// Left out of core dumps, and the settings say that such memory is not merged.
    case dontDump = 15
    /// Written since it was merged: it keeps memory of its own until it is discarded or mapped anew.
    case rewritten = 16
    /// Somebody traces the program or has its memory open, and could not wait for a merge.
    case watched = 17

    /// One line for people.
    public var text: StaticString {
        switch self {
        case .notExamined: "not looked at yet"
        case .sharedOrFile: "shared, or of a file"
        case .protection: "not readable and writable, or executable"
        case .locked: "locked in memory"
        case .specialKind: "huge pages, device, sealed or tagged memory"
        case .notMappedByProgram: "memory of malloc, the heap or a stack, or lent to a pipe"
        case .memoryPolicy: "has a NUMA policy"
        case .wipeOnFork: "marked MADV_WIPEONFORK"
        case .userfaultInUse: "used with another userfaultfd"
        case .outOfResources: "no memory or map entries left"
        case .tooManyAreas: "too many separate ranges"
        case .noUserfault: "full userfaultfd is not permitted to the process"
        case .kernelTooOld: "the kernel lacks UFFDIO_MOVE or PAGEMAP_SCAN (Linux 6.8)"
        case .noProc: "/proc cannot be read"
        case .dontDump: "marked MADV_DONTDUMP"
        case .rewritten: "written since it was merged"
        case .watched: "traced by a debugger, or open as /proc/PID/mem"
        case .mixedAdvice: "different madvise advice on parts of it"
        }
    }
}
