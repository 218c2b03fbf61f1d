internal import CLinuxMemory

/// All memory of the agent: one stretch of address space, reserved when the library is loaded, away from where the kernel
/// puts what the program maps. Nothing of it can be used, and it counts as address space only, until a part makes some
/// of itself writable. It is left out of core dumps. Nothing of the agent lies anywhere else: a hole that the program makes in its own memory is the
/// program's.
struct AgentMemory {
    /// The first address, a multiple of 2 MiB; 0 where there is none.
    private(set) var base: UInt = 0
    /// The mapping around it.
    private var mapped: (start: UInt, end: UInt) = (0, 0)
    /// Bytes of each part, from its start, that can be written.
    private var reached = InlineArray<20, Int>(repeating: 0)
    /// 1 when what only merging needs has been given back, for good.
    private var hasShed: UInt32 = 0

    /// The part of the address space that is ours, nothing of which the program can have mapped.
    var bounds: (start: UInt, end: UInt) { mapped }

    /// Whether a part of it lies between two addresses.
    func touches(_ start: UInt, _ end: UInt) -> Bool { start < mapped.end && end > mapped.start }

    /// Whether merging has the address space that it needs.
    var canMerge: Bool {
        mutating get { unsafe base != 0 && lm_atomic_load(&hasShed) == 0 }
    }

    /// Reserves it, once, by the constructor. `false` where the address space of the program is limited, or full.
    mutating func reserve() -> Bool {
        guard lm_address_space_is_limited() == 0 else { return false }
        let alignment: UInt = 2 << 20
        let size = MemoryPart.total + Int(alignment)
        // SAFETY: an address inside this library, used as a number.
        let here = unsafe withUnsafeMutablePointer(to: &base) { UInt(bitPattern: $0) }
        let distance: UInt = 64 << 30
        let place = here > distance ? (here - distance) & ~(alignment - 1) : 0
        // Where that is taken the kernel chooses: the program has made no holes yet.
        let result = lm_mmap(place, size, Int32(LM_PROT_NONE), AgentMemory.flags, -1, 0)
        guard lm_is_error(result) == 0 else { return false }
        let start = UInt(bitPattern: result)
        _ = lm_madvise(start, size, Int32(LM_MADV_NOHUGEPAGE))
        _ = lm_madvise(start, size, Int32(LM_MADV_DONTDUMP))
        mapped = (start, start + UInt(size))
        base = (start + alignment - 1) & ~(alignment - 1)
        return true
    }

    private static var flags: Int32 { Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE) }

    /// Where a part begins.
    func address(of part: MemoryPart) -> UInt { base + UInt(part.offset) }

    /// The first bytes of a part can be written when this answers `true`; they are zeros at first. Whoever uses the part
    /// calls it, under the same lock.
    mutating func reach(_ part: MemoryPart, _ size: Int) -> Bool {
        let before = reached[part.number]
        if size <= before { return true }
        guard canMerge, size <= part.capacity else { return false }
        let end = min((size + part.step - 1) / part.step * part.step, part.capacity)
        let result = lm_mprotect(
            address(of: part) + UInt(before), end - before, Int32(LM_PROT_READ | LM_PROT_WRITE))
        guard result == 0 else { return false }
        reached[part.number] = end
        return true
    }

    /// The last bytes of a part can be written: for a stack. Those below stay inaccessible.
    mutating func reachFromEnd(_ part: MemoryPart, _ size: Int) -> UInt? {
        guard base != 0, size < part.capacity else { return nil }
        let start = address(of: part) + UInt(part.capacity - size)
        if size > reached[part.number] {
            guard canMerge, lm_mprotect(start, size, Int32(LM_PROT_READ | LM_PROT_WRITE)) == 0 else { return nil }
            reached[part.number] = size
        }
        return start
    }

    /// Stacks are used from their ends downwards.
    private static func isStack(_ number: Int) -> Bool {
        number == MemoryPart.stack.number || number == MemoryPart.trapStack.number
    }

    /// Gives memory of a part back: its bytes from a place on cannot be used any more.
    mutating func withdraw(_ part: MemoryPart, keeping size: Int) {
        let before = reached[part.number]
        guard size < before else { return }
        let start = address(of: part) + UInt(size)
        _ = lm_madvise(start, before - size, Int32(LM_MADV_DONTNEED))
        if lm_mprotect(start, before - size, Int32(LM_PROT_NONE)) == 0 { reached[part.number] = size }
    }

    /// Makes a stretch what it was at the start, whatever lies there now: nobody else can map there meanwhile.
    func clear(_ start: UInt, _ size: Int) {
        _ = lm_mmap(start, size, Int32(LM_PROT_NONE), AgentMemory.flags | Int32(LM_MAP_FIXED), -1, 0)
        _ = lm_madvise(start, size, Int32(LM_MADV_DONTDUMP))
    }

    /// Gives the large parts of the reservation back to the program, for good: what it may map or lock is limited.
    /// Nothing merges any more. `false` where that was done before. The lock is held, and no segment is viewed.
    ///
    /// - Parameter hasRemapper: Whether there is one, which keeps what a merge needs.
    mutating func shed(hasRemapper: Bool) -> Bool {
        guard base != 0, unsafe lm_atomic_exchange(&hasShed, 1) == 0 else { return false }
        let parts = MemoryPart.all
        for number in (hasRemapper ? 2 : 0)..<20 {
            let part = parts[number]
            let used = reached[number]
            guard used < part.capacity else { continue }
            let offset = AgentMemory.isStack(number) ? 0 : used
            _ = lm_munmap(address(of: part) + UInt(offset), part.capacity - used)
        }
        let end = base + UInt(MemoryPart.total)
        if base > mapped.start { _ = lm_munmap(mapped.start, Int(base - mapped.start)) }
        if mapped.end > end { _ = lm_munmap(end, Int(mapped.end - end)) }
        return true
    }

    /// Lets go of locks that the program put on all its memory.
    func unlock() {
        guard base != 0, hasShed == 0 else { return }
        _ = lm_system_call(
            Int(LM_SYS_MUNLOCK), Int(bitPattern: mapped.start), Int(mapped.end - mapped.start), 0, 0, 0, 0)
    }

    /// Bytes of a part that can be used now.
    func reached(_ part: MemoryPart) -> Int { reached[part.number] }

    /// Bytes of all parts that are in memory, segments of frames not counted.
    ///
    /// - Complexity: O(n) in the pages that can be written.
    var residentBytes: UInt64 {
        var bytes: UInt64 = 0
        let parts = MemoryPart.all
        for number in 0..<20 where reached[number] > 0 {
            let part = parts[number]
            let size = reached[part.number]
            let start = address(of: part)
            bytes += residentSize(AgentMemory.isStack(number) ? start + UInt(part.capacity - size) : start, size)
        }
        return bytes
    }

    private func residentSize(_ start: UInt, _ size: Int) -> UInt64 {
        var bytes: UInt64 = 0
        var offset = 0
        var vector = InlineArray<512, UInt8>(repeating: 0)
        while offset < size {
            let part = min(size - offset, 512 << 12)
            // SAFETY: room for a byte a page.
            let result = unsafe withUnsafeMutableBytes(of: &vector) { room in
                unsafe lm_mincore(start + UInt(offset), part, room.baseAddress?.assumingMemoryBound(to: UInt8.self))
            }
            if result == 0 { for page in 0..<(part + 4095) >> 12 where vector[page] & 1 != 0 { bytes += 4096 } }
            offset += part
        }
        return bytes
    }
}

/// The memory of the process's agent.
@safe
nonisolated(unsafe) var agentMemory = AgentMemory()
