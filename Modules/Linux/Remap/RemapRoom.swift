internal import CLinuxMemory

/// Address space that the caller keeps for a remapper: it maps nothing elsewhere, and these stay mapped when it ends.
@frozen
public struct RemapRoom: Sendable {
    /// ``scratchSize`` bytes that can be written.
    public var scratch: UInt
    /// Private anonymous memory without any access, ``stagingSize`` bytes from a multiple of 2 MiB on, with more of it below. It
    /// can be written only from a merge until ``Remapper/closeStaging()``.
    public var staging: UInt
    /// ``copiesSize`` bytes; what is mapped there is mapped over, and without any access afterwards.
    public var copies: UInt

    /// Takes the addresses.
    public init(scratch: UInt, staging: UInt, copies: UInt) {
        self.scratch = scratch
        self.staging = staging
        self.copies = copies
    }

    /// Bytes of ``scratch``.
    public static var scratchSize: Int { Scratch.size }
    /// Bytes of ``staging``, for pages of 4096 bytes.
    public static var stagingSize: Int { Remapper.stagingSize(4096) }
    /// Bytes of ``copies``, for pages of 4096 bytes.
    public static var copiesSize: Int { Remapper.windowCapacity * 4096 }
}

extension Remapper {
    /// Takes the caller's room in use.
    static func takeRoom(
        _ room: RemapRoom, context: Int32, pageSize: Int, failure: inout RemapError
    ) -> (staging: UInt, scratch: Scratch) {
        _ = lm_madvise(room.scratch, Scratch.size, Int32(LM_MADV_POPULATE_WRITE))
        let size = stagingSize(pageSize)
        // As a stack: those do not count against RLIMIT_DATA, which is for the program alone. It cannot grow, as there is
        // memory below.
        let flags = LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE | LM_MAP_FIXED | LM_MAP_GROWSDOWN
        let mapped = lm_mmap(room.staging, size, Int32(LM_PROT_NONE), Int32(flags), -1, 0)
        if lm_is_error(mapped) != 0 { failure = RemapError(call: .map, code: Int32(-mapped)) }
        _ = lm_madvise(room.staging, size, Int32(LM_MADV_NOHUGEPAGE))
        _ = lm_madvise(room.staging, size, Int32(LM_MADV_DONTDUMP))
        let registered = lm_uffd_register(context, room.staging, size, LM_UFFD_MODE_MISSING)
        if registered != 0 { failure = RemapError(call: .register, code: -registered) }
        return (room.staging, Scratch(address: room.scratch))
    }

    /// Makes the staging area usable. `false` without memory for it.
    mutating func openStaging() -> Bool {
        if stagingIsOpen { return true }
        let protection = Int32(LM_PROT_READ | LM_PROT_WRITE)
        stagingIsOpen = lm_mprotect(staging, Self.stagingSize(pageSize), protection) == 0
        return stagingIsOpen
    }

    /// Until the next merge nothing of the staging area can be used. Whoever read it from outside, as debuggers and
    /// checkpoints read whatever can be read, waits for a page that nobody brings: it wakes, and finds nothing there.
    public mutating func closeStaging() {
        guard stagingIsOpen else { return }
        let size = Self.stagingSize(pageSize)
        stagingIsOpen = lm_mprotect(staging, size, Int32(LM_PROT_NONE)) != 0
        _ = lm_uffd_wake(context, staging, size)
    }
}
