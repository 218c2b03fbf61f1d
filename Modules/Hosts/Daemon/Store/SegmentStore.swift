import CLinuxMemory
import Synchronization
package import PageMemory
import Wire

/// The frames of one domain, in memfd segments that the daemon alone can write.
///
/// A frame is written once, before its number leaves the daemon, and never again while its segment lives: clients map
/// it privately, and see what the file holds. Frames are freed by segments, and a segment only on proof: when
/// all its frames are released it retires, and when a write lease on it is granted no descriptor and no mapping of
/// it is left in any process, forked children included. Nothing that a client says or keeps silent about counts.
///
/// Confined to one thread.
package final class SegmentStore {
    /// Bytes in a page, and so in a frame.
    package let pageSize: Int
    /// A random number that tells this store's frames from those of any other, in two halves.
    package let identity: (high: UInt64, low: UInt64)
    private let budget: UserBudget?
    private var live: [Segment?] = []
    private var current: Int?
    private var retired: [(number: UInt32, witness: Int32, frames: Int, stored: Int)] = []
    /// Numbers that are never used again, because the kernel does not tell whether their segments are.
    private var lost: Set<UInt32> = []
    /// Frames that pages may map now.
    package private(set) var framesInUse = 0
    private var framesReleased = 0

    /// An empty store.
    ///
    /// - Parameter budget: Bounds the number of segments.
    package init(pageSize: Int, budget: UserBudget? = nil) {
        self.pageSize = pageSize
        self.budget = budget
        identity = (UInt64.random(in: 1...UInt64.max), UInt64.random(in: 1...UInt64.max))
    }

    deinit {
        budget?.giveBackSegments(segmentCount)
        for case .some(let segment) in live {
            budget?.giveBackStored(Int(segment.stored) * pageSize)
            segment.withdraw(size: segmentSize)
            _ = lm_close(segment.witness)
        }
        for segment in retired {
            budget?.giveBackStored(segment.stored * pageSize)
            _ = lm_close(segment.witness)
        }
    }

    private var segmentSize: Int { Int(WireLimit.framesOfSegment) * pageSize }

    /// Frames released that wait for the rest of their segment, or for clients to let their segment go.
    package var framesHeld: Int { framesReleased }
    /// Segments, retired ones included.
    package var segmentCount: Int { live.count { $0 != nil } + retired.count }
    /// Segments without a frame in use that someone may still hold.
    package var retiredCount: Int { retired.count }

    /// Bytes of memory that the kernel holds for all segments, retired ones included, by its own account.
    package var storedBytes: Int {
        var total = 0
        for case .some(let segment) in live { total += Int(max(0, lm_stored_bytes(segment.witness))) }
        for segment in retired { total += Int(max(0, lm_stored_bytes(segment.witness))) }
        return total
    }

    /// Makes new rows of frames, one after the other in the order given: what neighbouring pages map lies side by
    /// side where it can.
    ///
    /// - Parameters:
    ///   - contents: What each row holds, and how many frames it has. Nobody may change the content meanwhile.
    ///   - rows: Cleared, then filled with one row for each content, `nil` where memory, descriptors or numbers are
    ///     short.
    package func add(_ contents: [RowContent], into rows: inout [FrameRow?]) {
        rows.removeAll(keepingCapacity: true)
        while rows.count < contents.count {
            let start = rows.count
            guard let number = segment(withRoomFor: contents[start].count) else {
                rows.append(nil)
                continue
            }
            let first = live[number]!.used
            var end = start
            var next = first
            while end < contents.count, contents[end].count <= WireLimit.framesOfSegment - next {
                next += contents[end].count
                end += 1
            }
            let isThere = populate(first..<next, of: live[number]!)
            if isThere { live[number]!.stored = next }
            for place in start..<end { rows.append(isThere ? write(contents[place], to: number) : nil) }
        }
    }

    /// Lets the next frames lie in a new segment: of those that there are nobody who maps one sees what comes later.
    package func beginSegment() { current = nil }

    /// A segment that has so many frames left: the one in use, or a new one.
    private func segment(withRoomFor count: UInt32) -> Int? {
        guard count >= 1, count <= WireLimit.framesOfSegment else { return nil }
        if let current, let used = live[current]?.used, count <= WireLimit.framesOfSegment - used { return current }
        guard let number = freeNumber, budget?.takeSegment() != false else { return nil }
        guard let segment = Segment.make(size: segmentSize) else {
            budget?.giveBackSegments(1)
            return nil
        }
        if number == live.count { live.append(segment) } else { live[number] = segment }
        current = number
        return number
    }

    /// Gets memory for frames. Where there is none the kernel says so here; a store into them would be met with
    /// SIGBUS.
    private func populate(_ frames: Range<UInt32>, of segment: Segment) -> Bool {
        guard budget?.store(frames.count * pageSize) != false else { return false }
        var isThere = false
        defer { if !isThere { budget?.giveBackStored(frames.count * pageSize) } }
        guard GroupMemory.ofProcess.withLock({ $0.take(frames.count * pageSize) }) else { return false }
        // SAFETY: the frames lie within the mapping, and hold nothing yet.
        let start = unsafe UInt(bitPattern: segment.bytes) + UInt(frames.lowerBound) * UInt(pageSize)
        var result: Int32
        repeat {
            result = lm_madvise(start, frames.count * pageSize, Int32(LM_MADV_POPULATE_WRITE))
        } while result == -Int32(LM_EINTR) || result == -Int32(LM_EAGAIN)
        isThere = result == 0
        return isThere
    }

    /// Fills the next frames of a segment, which have memory; only then they are given out.
    private func write(_ content: RowContent, to number: Int) -> FrameRow {
        let slot = live[number]!.used
        live[number]!.charge(content.payer)
        for offset in 0..<content.count {
            // SAFETY: the frames lie within the mapping.
            unsafe lm_copy(live[number]!.bytes + Int(slot + offset) * pageSize, content.bytes, pageSize)
        }
        live[number]!.used += content.count
        framesInUse += Int(content.count)
        return FrameRow(
            first: Frame(rawValue: UInt32(number) * WireLimit.framesOfSegment + slot), count: content.count)
    }

    /// The lowest number that no segment has, retired ones included.
    private var freeNumber: Int? {
        let number = live.indices.first { index in
            let number = UInt32(index)
            return live[index] == nil && !lost.contains(number) && !retired.contains { $0.number == number }
        }
        if let number { return number }
        return live.count < Int(WireLimit.segments) ? live.count : nil
    }

    /// Gives frames back. They stay as they are until their segment goes.
    package func release(_ row: FrameRow) {
        let number = Int(row.first.rawValue / WireLimit.framesOfSegment)
        guard number < live.count, live[number] != nil else { return }
        live[number]!.payer(of: row.first.rawValue % WireLimit.framesOfSegment)?.giveBack(Int(row.count))
        live[number]!.released += row.count
        framesInUse -= Int(row.count)
        framesReleased += Int(row.count)
    }

    /// Retires all segments without a frame in use, and returns their numbers: clients are to let them go.
    package func retireUnused() -> [UInt32] {
        var numbers: [UInt32] = []
        for index in live.indices {
            guard let segment = live[index], segment.isUnused else { continue }
            segment.withdraw(size: segmentSize)
            live[index] = nil
            if index == current { current = nil }
            retired.append((UInt32(index), segment.witness, Int(segment.released), Int(segment.stored)))
            numbers.append(UInt32(index))
        }
        return numbers
    }

    /// Frees retired segments that nobody holds any more, and returns their numbers.
    ///
    /// Where the system grants no leases at all, the last mapping frees them, unseen; their numbers are used up.
    package func reapRetired() -> [UInt32] {
        var numbers: [UInt32] = []
        retired.removeAll { segment in
            let result = lm_try_lease(segment.witness)
            guard result != -Int32(LM_EAGAIN) else { return false }
            if result != 0 { lost.insert(segment.number) }
            _ = lm_close(segment.witness)
            framesReleased -= segment.frames
            budget?.giveBackStored(segment.stored * pageSize)
            numbers.append(segment.number)
            return true
        }
        budget?.giveBackSegments(numbers.count)
        return numbers
    }

    /// The read-only descriptor of a segment for clients; `nil` when there is no such segment (any more).
    package func descriptor(ofSegment number: UInt32) -> Int32? { segment(number)?.shared }

    private func segment(_ number: UInt32) -> Segment? {
        Int(number) < live.count ? live[Int(number)] : nil
    }

    /// The bytes of a frame; `nil` when its segment is gone.
    package func bytes(of frame: Frame) -> UnsafeMutableRawPointer? {
        guard let segment = segment(frame.rawValue / WireLimit.framesOfSegment) else { return nil }
        // SAFETY: slots lie within the mapping.
        return unsafe segment.bytes + Int(frame.rawValue % WireLimit.framesOfSegment) * pageSize
    }
}

/// What a new row of frames is to hold.
@safe
package struct RowContent {
    /// A page of bytes, which stays there until the row is made.
    let bytes: UnsafeRawPointer
    /// How many frames the row has.
    let count: UInt32
    /// Who is charged for them already.
    let payer: FrameAccount?

    /// Names bytes that nobody but the daemon can change.
    package init(_ bytes: UnsafeRawPointer, count: UInt32, payer: FrameAccount? = nil) {
        unsafe self.bytes = bytes
        self.count = count
        self.payer = payer
    }
}
