/// A part of the agent's memory: see ``AgentMemory``.
struct MemoryPart {
    /// Its number, below 20.
    let number: Int
    /// Where it begins in the reservation.
    let offset: Int
    /// Its bytes.
    let capacity: Int
    /// So many bytes at a time become writable.
    let step: Int

    private init(_ number: Int, after offset: Int, _ capacity: Int, step: Int = 65536) {
        self.number = number
        self.offset = offset
        self.capacity = (capacity + 4095) & ~4095
        self.step = step
    }

    /// The offset after the part.
    private var end: Int { offset + capacity }

    // In this order: what needs the alignment of a huge page first.

    /// Where pages stay during a merge: see ``RemapRoom/staging``. Writable by the remapper.
    /// Nothing but the reservation lies below.
    static var staging: MemoryPart { MemoryPart(0, after: 2 << 20, RemapRoom.stagingSize) }
    /// Copies of pages that are to take their places: see ``RemapRoom/copies``. Never writable by itself.
    static var copies: MemoryPart { MemoryPart(1, after: staging.end, RemapRoom.copiesSize) }
    /// Read-only views of segments of frames, as many as ``SegmentViews/count``. Never writable.
    static var views: MemoryPart { MemoryPart(2, after: copies.end, SegmentViews.count * SegmentTable.size) }
    /// The stack of the agent's thread, from the end downwards.
    static var stack: MemoryPart { MemoryPart(3, after: views.end, 16 << 20) }
    /// The word that tells of forks: see ``ForkSign``. A page of its own.
    static var sign: MemoryPart { MemoryPart(4, after: stack.end, 4096, step: 4096) }

    // Writable as a whole, so that they are one map entry together.

    /// Buffers of the agent's thread: see ``AgentBuffers``.
    static var buffers: MemoryPart { MemoryPart(11, after: sign.end, AgentBuffers.size, step: AgentBuffers.size) }
    /// Buffers of a merge: see ``RemapRoom/scratch``.
    static var scratch: MemoryPart {
        MemoryPart(12, after: buffers.end, RemapRoom.scratchSize, step: RemapRoom.scratchSize)
    }
    /// Text of /proc: see ``SmapsReader``.
    static var text: MemoryPart { MemoryPart(10, after: scratch.end, TableMemory.textBytes) }
    /// The same for a job that comes while text is read.
    static var jobText: MemoryPart { MemoryPart(16, after: text.end, TableMemory.textBytes) }

    // Those that grow.

    /// Descriptions of ranges.
    static var ranges: MemoryPart {
        MemoryPart(5, after: jobText.end, TableMemory.rangeCapacity * MemoryLayout<AgentRange>.stride)
    }
    /// Entries of small ranges.
    static var slots: MemoryPart {
        let size = TableMemory.rangeCapacity * TableMemory.slotPages * MemoryLayout<PageEntry>.stride
        return MemoryPart(6, after: ranges.end, size)
    }
    /// The order of ranges.
    static var order: MemoryPart { MemoryPart(7, after: slots.end, TableMemory.rangeCapacity * 4) }
    /// How often places were used.
    static var uses: MemoryPart { MemoryPart(8, after: order.end, TableMemory.rangeCapacity * 2) }
    /// What the program mapped itself.
    static var mappings: MemoryPart {
        MemoryPart(9, after: uses.end, TableMemory.mappingCapacity * MemoryLayout<OwnMapping>.stride)
    }
    /// Pages of different protection: see ``MapReserve``. Never writable.
    static var reserve: MemoryPart { MemoryPart(17, after: mappings.end, 65536) }
    /// The stack of the thread that serves trapped writes: see ``TrapState``.
    static var trapStack: MemoryPart { MemoryPart(18, after: reserve.end, 8 << 20) }
    /// Copies of a block on their way to its place. Never writable by itself.
    static var aside: MemoryPart { MemoryPart(19, after: trapStack.end, 65536) }
    /// The segments of the store by number.
    static var segments: MemoryPart {
        MemoryPart(13, after: aside.end, Int(WireLimit.segments) * MemoryLayout<AgentSegment>.stride)
    }
    /// Which pages of ``entries`` are in use: a bit for each.
    static var entryMap: MemoryPart { MemoryPart(14, after: segments.end, EntryMemory.pageCapacity / 8) }
    /// Entries of larger ranges.
    static var entries: MemoryPart { MemoryPart(15, after: entryMap.end, EntryMemory.pageCapacity << 12) }

    /// Bytes of all parts.
    static var total: Int { entries.end }

    /// All parts that can be writable.
    static var all: [20 of MemoryPart] {
        [
            staging, copies, views, stack, sign, ranges, slots, order, uses, mappings, text, buffers, scratch, segments,
            entryMap, entries, jobText, reserve, trapStack, aside,
        ]
    }
}
