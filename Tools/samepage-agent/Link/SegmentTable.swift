import CLinuxMemory

/// A segment of frames, as far as the agent has it open.
@safe
struct AgentSegment {
    /// The address of its view; 0 while it is not viewed.
    var address: UInt
    /// The file that had this number last, also when it is closed: pages may still lie over it.
    var inode: UInt64
    /// Its descriptor; 0 while it is not open (0 to 2 are taken).
    var descriptor: Int32
}

/// The segments of the daemon's store, by number. Used by the agent's thread only.
@safe
struct SegmentTable {
    /// All numbers ever used are below.
    private var used: UInt32 = 0
    private var views = SegmentViews()

    /// Bytes of a segment.
    static var size: Int { Int(WireLimit.framesOfSegment) << 12 }

    private var table: UnsafeMutablePointer<AgentSegment> {
        // SAFETY: there is a table once a number is used.
        unsafe UnsafeMutablePointer(bitPattern: agentMemory.address(of: .segments)).unsafelyUnwrapped
    }

    private subscript(number: UInt32) -> AgentSegment {
        get {
            // SAFETY: the check; there is a table once a number is used.
            guard number < used else { return AgentSegment(address: 0, inode: 0, descriptor: 0) }
            return unsafe table[Int(number)]
        }
        nonmutating set {
            guard number < used else { return }
            unsafe table[Int(number)] = newValue
        }
    }

    /// The descriptor to map a frame from; below 0 if its segment is not open.
    mutating func descriptor(of frame: UInt32) -> Int32 {
        let number = frame / WireLimit.framesOfSegment
        return isMapped(number) ? self[number].descriptor : -1
    }

    /// The bytes of a frame, which cannot be written through this pointer; `nil` if its segment is not open.
    func bytes(of frame: UInt32) -> UnsafeRawPointer? {
        let segment = self[frame / WireLimit.framesOfSegment]
        guard segment.address != 0 else { return nil }
        return unsafe UnsafeRawPointer(
            bitPattern: segment.address + UInt(frame % WireLimit.framesOfSegment) << 12)
    }

    /// Takes a descriptor, in any case; `false` if it is not what a segment must be.
    ///
    /// A segment must not shrink, or whoever reads a page of it may be killed; nobody may write to it any more but who
    /// holds a mapping from before; and its pages must be of 4 KiB, and need no reserve that may be used up. While it cannot be mapped merges with its frames fail.
    mutating func open(_ number: UInt32, _ descriptor: Int32) -> Bool {
        let needed = Int32(LM_SEAL_SHRINK | LM_SEAL_FUTURE_WRITE | LM_SEAL_SEAL)
        let file = lm_file_identity(descriptor)
        guard number < WireLimit.segments, file.error == 0, file.is_regular != 0, file.size == Int64(SegmentTable.size),
            lm_get_seals(descriptor) & needed == needed, lm_is_in_plain_memory(descriptor) != 0, makeRoom(number)
        else {
            _ = lm_close(descriptor)
            return false
        }
        close(number)
        if self[number].inode != file.inode {
            // What lies over the segment that had the number before is of no frame that anyone can name.
            if self[number].inode != 0 { makeForeign(overSegment: number) }
            self[number].inode = file.inode
        }
        self[number].descriptor = descriptor
        _ = isMapped(number)
        return true
    }

    /// Whether a segment is viewed, or can be now.
    ///
    /// Not while whatever is mapped is locked: the kernel would fill every hole of the segment with memory. Nor in a
    /// process whose address space is limited: its own mmap would fail for what a segment takes of it.
    private mutating func isMapped(_ number: UInt32) -> Bool {
        let segment = self[number]
        if segment.address != 0 {
            views.touch(segment.address)
            return true
        }
        guard segment.descriptor != 0, unsafe lm_atomic_load(&locksFuture) == 0, lm_address_space_is_limited() == 0,
            agentMemory.canMerge, let place = views.place()
        else { return false }
        if let before = views.holder(of: place) { self[before].address = 0 }
        guard views.map(place, number, segment.descriptor) else { return false }
        self[number].address = views.address(of: place)
        return true
    }

    /// Whether a segment is open, if not viewed.
    func isOpen(_ frame: UInt32) -> Bool { self[frame / WireLimit.framesOfSegment].descriptor != 0 }

    /// Another window is about to be merged: what earlier ones needed may go out of view.
    mutating func beginWindow() { views.beginWindow() }

    /// Takes all segments out of view; they stay open, and are viewed again when needed.
    mutating func unmapAll() {
        for number in 0..<used where self[number].address != 0 { takeOutOfView(number) }
    }

    private mutating func takeOutOfView(_ number: UInt32) {
        views.clear(self[number].address)
        self[number].address = 0
    }

    /// Closes a segment. Pages that lie over it stay as they are.
    mutating func close(_ number: UInt32) {
        let segment = self[number]
        guard segment.descriptor != 0 else { return }
        if segment.address != 0 { takeOutOfView(number) }
        _ = lm_close(segment.descriptor)
        forget(number)
    }

    private func forget(_ number: UInt32) {
        self[number].address = 0
        self[number].descriptor = 0
    }

    /// Closes all segments.
    mutating func closeAll() {
        for number in 0..<used { close(number) }
    }

    /// Another store: numbers mean other segments from now on. All are closed.
    func forgetFiles() {
        for number in 0..<used { self[number].inode = 0 }
    }

    /// In a forked child: the numbers of the descriptors are the program's, and what the parent's agent viewed is nothing
    /// to it.
    mutating func forgetAfterFork() {
        unmapAll()
        for number in 0..<used { forget(number) }
    }

    private mutating func makeRoom(_ number: UInt32) -> Bool {
        let size = Int(number + 1) * MemoryLayout<AgentSegment>.stride
        guard withAgentLock({ agentMemory.reach(.segments, size) }) else { return false }
        used = max(used, number + 1)
        return true
    }
}

/// The segments of the process.
@safe
nonisolated(unsafe) var segments = SegmentTable()
