public import PageMemory

/// Why the simulated kernel refused what a program asked for.
public enum SimulatedFault: Error, Hashable, Sendable, CaseIterable {
    /// `ENOMEM`: there is no memory for it, or a part of the range is not mapped; see the call.
    case noMemory
    /// `EAGAIN`: advice that failed for want of memory, and may succeed later.
    case tryAgain
    /// `EINVAL`: a reversed range, ranges that overlap, or advice that such pages never take.
    case invalid
    /// `EEXIST`: pages are mapped there already.
    case exists
    /// `EFAULT`: a part of the range to be moved is not mapped.
    case badAddress
    /// `ESRCH`: there is no such address space.
    case noSuchSpace
    /// `SIGSEGV`: the program touched a page that is not mapped.
    case notMapped
}

extension SimulatedFault: CustomStringConvertible {
    /// The kernel's name of the error, or of the signal.
    public var description: String {
        switch self {
        case .noMemory: "ENOMEM"
        case .tryAgain: "EAGAIN"
        case .invalid: "EINVAL"
        case .exists: "EEXIST"
        case .badAddress: "EFAULT"
        case .noSuchSpace: "ESRCH"
        case .notMapped: "SIGSEGV"
        }
    }
}

/// What kind of pages a program maps.
public enum SimulatedMapping: Hashable, Sendable, CaseIterable {
    /// Private and anonymous: the only kind that merges.
    case anonymous
    /// Shared memory: parent and child see each other's writes.
    case shared
    /// Memory of a device (`VM_PFNMAP`, `VM_IO`).
    case special
}

/// What a program may tell the kernel about pages.
public enum SimulatedAdvice: Hashable, Sendable, CaseIterable {
    /// `MADV_MERGEABLE`
    case mergeable
    /// `MADV_UNMERGEABLE`
    case unmergeable
    /// `MADV_DONTNEED`
    case dontNeed
}

/// What the page tables say of a page.
public enum SimulatedPageState: Hashable, Sendable {
    /// Nothing is there: never touched, or discarded.
    case notPresent
    /// The zero page, because a merge gave the page back.
    case zero
    /// Memory of its own, writable.
    case present
    /// Memory that a fork made copy-on-write and that nobody else maps any more: the next write takes it.
    case writeProtected
    /// Memory shared with parent or child: the next write copies it.
    case copyOnWrite
    /// A frame of the store: the next write copies it.
    case merged(Frame)
}
