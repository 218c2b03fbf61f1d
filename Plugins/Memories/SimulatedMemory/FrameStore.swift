internal import PageMemory

/// The frames that merged pages map, each with the number of its mappers.
struct FrameStore {
    /// One frame.
    struct Record {
        /// Its content; never changes while the frame lives.
        let bytes: PageBytes
        /// The node of the page that it was filled from.
        let node: UInt8
        /// How many pages map it now.
        var mappers = 0
        /// Whether the merger has given it back; it lives on until its last mapper goes.
        var isReleased = false
    }

    /// The frames that live.
    private(set) var records: [Frame: Record] = [:]
    private var nextNumber: UInt32 = 0
    private var freeNumbers: [Frame] = []
    private let reusesNumbers: Bool

    /// A store without frames. `reusesNumbers` says whether numbers of frames that were freed come again.
    init(reusesNumbers: Bool) {
        self.reusesNumbers = reusesNumbers
    }

    /// A row of `count` new frames with the same content. O(count)
    mutating func makeRow(of bytes: PageBytes, node: UInt8, count: UInt32) -> FrameRow {
        let first: Frame
        if count == 1, let free = freeNumbers.popLast() {
            first = free
        } else {
            first = Frame(rawValue: nextNumber)
            nextNumber += count
        }
        let row = FrameRow(first: first, count: count)
        for frame in row.frames {
            records[frame] = Record(bytes: bytes, node: node)
        }
        return row
    }

    /// Counts a new mapper. Traps when the frame does not live.
    mutating func addMapper(to frame: Frame) {
        records[frame]!.mappers += 1
    }

    /// A mapper has gone; frees the frame if it was the last one of a released frame.
    mutating func removeMapper(from frame: Frame) {
        records[frame]!.mappers -= 1
        freeIfUnused(frame)
    }

    /// Gives a frame back; it is freed at once, or when its last mapper goes.
    mutating func release(_ frame: Frame) {
        records[frame]!.isReleased = true
        freeIfUnused(frame)
    }

    private mutating func freeIfUnused(_ frame: Frame) {
        guard let record = records[frame], record.isReleased, record.mappers == 0 else { return }
        records[frame] = nil
        if reusesNumbers { freeNumbers.append(frame) }
    }
}

extension FrameRow {
    /// All its frames, ascending.
    var frames: [Frame] { (first.rawValue..<first.rawValue + count).map(Frame.init(rawValue:)) }
}
