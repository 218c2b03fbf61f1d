import CLinuxMemory
import PageMemory

/// The frames of one process: memfd segments of 64 MiB, filled from the front, sealed against shrinking and growing.
///
/// A frame is written once, before anyone maps it, and never again while its segment exists: a private mapping shows what
/// its file holds until it is broken by a write. Frames are therefore freed by segments: when all frames
/// of one are released the store drops its own descriptor and mapping, and the kernel frees the memory when the last
/// other mapping of it (a forked child's) is gone. That needs no proof of ours.
struct FrameStore: ~Copyable {
    /// Frames of a segment.
    static let framesPerSegment: UInt32 = 16384

    @safe
    struct Segment {
        var descriptor: Int32
        var bytes: UnsafeMutableRawPointer
        /// Frames given out so far, from the front.
        var used: UInt32 = 0
        /// Frames given out and released since.
        var released: UInt32 = 0
    }

    let pageSize: Int
    private(set) var segments: [Segment?] = []
    private var current: Int?
    private(set) var framesInUse = 0
    /// Frames that are released and still held by their segment.
    private(set) var framesHeld = 0
    private let references: FrameReferences

    init(pageSize: Int, references: FrameReferences) {
        self.pageSize = pageSize
        self.references = references
    }

    deinit {
        for segment in segments {
            guard let segment = segment else { continue }
            // SAFETY: nobody reads frames through the store any more; clients have mappings of their own.
            _ = unsafe lm_munmap(UInt(bitPattern: segment.bytes), FrameStore.segmentSize(pageSize))
            _ = lm_close(segment.descriptor)
        }
    }

    private static func segmentSize(_ pageSize: Int) -> Int { Int(framesPerSegment) * pageSize }

    /// Bytes of memory that the kernel holds for all segments, by its own account.
    var storedBytes: Int {
        var total = 0
        for segment in segments {
            guard let segment = segment else { continue }
            total += Int(max(0, lm_stored_bytes(segment.descriptor)))
        }
        return total
    }

    /// Makes sure that `count` neighbouring frames can be taken, and returns the first of them without taking it.
    /// A shortage of memory or descriptors gives `nil`.
    mutating func reserve(_ count: UInt32) -> Frame? {
        if let current, let segment = segments[current], segment.used + count <= FrameStore.framesPerSegment {
            return Frame(rawValue: UInt32(current) * FrameStore.framesPerSegment + segment.used)
        }
        guard count <= FrameStore.framesPerSegment, let fresh = makeSegment() else { return nil }
        current = fresh
        return Frame(rawValue: UInt32(fresh) * FrameStore.framesPerSegment)
    }

    /// Takes the frames that ``reserve(_:)`` returned last.
    mutating func take(_ count: UInt32) {
        guard let current else { return }
        segments[current]!.used += count
        framesInUse += Int(count)
    }

    /// Frames of a segment that can still be taken from the one in use.
    var room: UInt32 {
        guard let current, let segment = segments[current] else { return 0 }
        return FrameStore.framesPerSegment - segment.used
    }

    /// Gives frames back.
    mutating func release(_ row: FrameRow) {
        let index = Int(row.first.rawValue / FrameStore.framesPerSegment)
        segments[index]!.released += row.count
        framesInUse -= Int(row.count)
        framesHeld += Int(row.count)
        dropIfUnused(index)
    }

    /// The bytes of a frame, read-only by agreement.
    func bytes(of frame: Frame) -> UnsafeMutableRawPointer {
        let segment = Int(frame.rawValue / FrameStore.framesPerSegment)
        let slot = Int(frame.rawValue % FrameStore.framesPerSegment)
        // SAFETY: a frame that someone still holds lies in a live segment, and slots lie within its mapping.
        return unsafe segments[segment]!.bytes + slot * pageSize
    }

    /// The descriptor to map a frame from, and its place in the file.
    func location(of frame: Frame) -> (descriptor: Int32, offset: Int64) {
        let segment = Int(frame.rawValue / FrameStore.framesPerSegment)
        let slot = Int64(frame.rawValue % FrameStore.framesPerSegment)
        return (segments[segment]!.descriptor, slot * Int64(pageSize))
    }

    /// Writes bytes to neighbouring frames that nobody maps yet. What the system could not read or store is missing.
    ///
    /// - Returns: The number of whole frames written, or minus an error number.
    func fill(_ first: Frame, from source: UnsafeRawPointer, count: Int) -> Int {
        let (descriptor, offset) = location(of: first)
        // SAFETY: the system copies from the program's memory and answers EFAULT for what is not mapped.
        let written = unsafe lm_pwrite(descriptor, source, count * pageSize, offset)
        return written < 0 ? written : written / pageSize
    }

    /// Drops all segments that nobody needs any more.
    mutating func dropUnused() {
        for index in segments.indices { dropIfUnused(index) }
    }

    /// A segment without frames in use, which no page lies over, goes.
    private mutating func dropIfUnused(_ index: Int) {
        guard let segment = segments[index], segment.released == segment.used,
            references.count(ofSegment: index) == 0
        else { return }
        if index == current { current = nil }
        // SAFETY: every frame of the segment was released, so nothing of ours points into it.
        _ = unsafe lm_munmap(UInt(bitPattern: segment.bytes), FrameStore.segmentSize(pageSize))
        _ = lm_close(segment.descriptor)
        framesHeld -= Int(segment.released)
        segments[index] = nil
    }

    private mutating func makeSegment() -> Int? {
        let size = FrameStore.segmentSize(pageSize)
        // SAFETY: plain system calls; the name is a static string.
        var descriptor = unsafe lm_memfd_create(
            "samepage-frames", UInt32(LM_MFD_CLOEXEC | LM_MFD_ALLOW_SEALING | LM_MFD_NOEXEC_SEAL))
        if descriptor < 0 {
            // Kernels before 6.3 do not know the no-exec seal.
            descriptor = unsafe lm_memfd_create("samepage-frames", UInt32(LM_MFD_CLOEXEC | LM_MFD_ALLOW_SEALING))
        }
        guard descriptor >= 0 else { return nil }
        guard lm_ftruncate(descriptor, Int64(size)) == 0,
            lm_add_seals(descriptor, Int32(LM_SEAL_SHRINK | LM_SEAL_GROW)) == 0
        else {
            _ = lm_close(descriptor)
            return nil
        }
        let address = lm_mmap(0, size, Int32(LM_PROT_READ), Int32(LM_MAP_SHARED), descriptor, 0)
        // SAFETY: a successful mmap gives a non-null address of `size` bytes.
        guard lm_is_error(address) == 0, let bytes = unsafe UnsafeMutableRawPointer(bitPattern: address) else {
            _ = lm_close(descriptor)
            return nil
        }
        _ = lm_madvise(UInt(bitPattern: bytes), size, Int32(LM_MADV_DONTFORK))
        let segment = unsafe Segment(descriptor: descriptor, bytes: bytes)
        if let hole = segments.firstIndex(where: { $0 == nil }) {
            segments[hole] = segment
            return hole
        }
        segments.append(segment)
        return segments.count - 1
    }
}

/// How many pages of all regions lie over the frames of each segment.
final class FrameReferences {
    private var counts: [Int] = []

    func count(ofSegment index: Int) -> Int { index < counts.count ? counts[index] : 0 }

    func add(_ change: Int, for frame: Frame) {
        let index = Int(frame.rawValue / FrameStore.framesPerSegment)
        while counts.count <= index { counts.append(0) }
        counts[index] += change
    }
}
