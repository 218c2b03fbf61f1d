internal import CLinuxMemory

/// Address space that the caller keeps for a remapper: it maps nothing elsewhere, and these stay mapped when it ends.
@frozen
public struct RemapRoom: Sendable {
    /// ``scratchSize`` bytes that can be written.
    public var scratch: UInt
    /// Private anonymous memory without any access, ``stagingSize`` bytes from a multiple of 2 MiB on. It can be written,
    /// and counts as data, only from a merge until ``Remapper/closeStaging()``.
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
        let registered = lm_uffd_register(context, room.staging, stagingSize(pageSize), LM_UFFD_MODE_MISSING)
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

    /// Until the next merge the staging area counts as address space only, where the caller gave room for it.
    public mutating func closeStaging() {
        guard room != nil, stagingIsOpen else { return }
        stagingIsOpen = lm_mprotect(staging, Self.stagingSize(pageSize), Int32(LM_PROT_NONE)) != 0
    }
}
