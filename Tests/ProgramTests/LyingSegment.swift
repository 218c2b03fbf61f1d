import CLinuxMemory
import Conformance
import Glibc
import Testing
import Wire

/// A segment of frames for the pages of a program: a right one for each page, and some that are not.
@safe
final class LyingSegment {
    /// What a frame is of the page that it is for.
    enum Frame: Int, CaseIterable {
        /// As the page was when the segment was made.
        case right
        /// One byte of it is another.
        case oneByte
        /// The last byte is.
        case lastByte
        /// Zeros.
        case hole
    }

    let descriptor: Int32
    private let memory: UnsafeMutableRawPointer
    private static let size = Int(WireLimit.framesOfSegment) * 4096

    /// Makes a segment for at most 4,096 pages that hold `pages` now, sealed as an agent wants it.
    init(of pages: [UInt8], random: inout SplitMix64) throws {
        // SAFETY: a literal, terminated by zero.
        descriptor = unsafe lm_memfd_create("frames", UInt32(LM_MFD_CLOEXEC | LM_MFD_ALLOW_SEALING))
        try #require(descriptor >= 0 && ftruncate(descriptor, Self.size) == 0)
        let mapped = lm_mmap(
            0, Self.size, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(LM_MAP_SHARED), descriptor, 0)
        try #require(lm_is_error(mapped) == 0)
        unsafe memory = UnsafeMutableRawPointer(bitPattern: mapped)!
        for page in 0..<pages.count / 4096 {
            for kind in Frame.allCases where kind != .hole {
                var bytes = Array(pages[page * 4096..<(page + 1) * 4096])
                if kind == .oneByte { bytes[Int(random.next() % 4096)] ^= UInt8(random.next() % 255) + 1 }
                if kind == .lastByte { bytes[4095] ^= 1 }
                // SAFETY: four frames for each of at most 4,096 pages fill the mapping.
                unsafe memory.advanced(by: Int(Self.frame(kind, of: page)) * 4096).copyMemory(
                    from: bytes, byteCount: 4096)
            }
        }
        let seals = Int32(LM_SEAL_SHRINK | LM_SEAL_GROW | LM_SEAL_FUTURE_WRITE | LM_SEAL_SEAL)
        try #require(lm_add_seals(descriptor, seals) == 0)
    }

    deinit {
        // SAFETY: mapped by the initializer.
        unsafe munmap(memory, Self.size)
        _ = lm_close(descriptor)
    }

    /// The number of a frame in the segment 0.
    static func frame(_ kind: Frame, of page: Int) -> UInt32 { UInt32(page * 4 + kind.rawValue) }
}
