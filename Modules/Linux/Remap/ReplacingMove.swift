internal import CLinuxMemory

/// Copies on their way over the pages that they were made of: one mremap, which readers do not notice.
///
/// The kernel unmaps the pages before it asks whether the copies may stay mapped as well, as data (RLIMIT_DATA), where
/// their place is to be kept. It may once the copies count already, which ``makeReady(_:_:)`` sees to, unless the limit
/// falls at that very moment.
@safe
struct ReplacingMove {
    /// Whether the place that the copies leave stays mapped.
    private(set) var keepsPlace: Bool
    /// Calls of mremap.
    private(set) var calls: UInt32 = 0
    /// Whether the pages are unmapped, and the copies could not be put there.
    private(set) var losesPages = false

    init(keepsPlace: Bool) { self.keepsPlace = keepsPlace }

    /// How often to try where the copies are all there is.
    private static let patience = 10_000

    /// Lets memory that the caller keeps without access count as data, or finds that the limit forbids it: a new mapping over
    /// it is not counted. 0, or minus an error number.
    static func makeReady(_ place: UInt, _ size: Int) -> Int32 {
        lm_mprotect(place, size, Int32(LM_PROT_READ | LM_PROT_WRITE))
    }

    /// Moves the copies there. 0, or minus an error number: the pages are as they were, unless ``losesPages``.
    mutating func move(_ copies: UInt, _ size: Int, to pages: UInt) -> Int32 {
        var error: Int32 = 0
        for attempt in 0..<Self.patience {
            let how = LM_MREMAP_MAYMOVE | LM_MREMAP_FIXED | (keepsPlace ? LM_MREMAP_DONTUNMAP : 0)
            calls &+= 1
            let moved = lm_mremap(copies, size, size, Int32(how), pages)
            if lm_is_error(moved) == 0 { return 0 }
            error = Int32(moved)
            var byte: UInt8 = 0
            // SAFETY: one byte for one page.
            if unsafe lm_mincore(pages, 1, &byte) == 0 { return error }
            // They are unmapped: the copies are all there is. If they leave their place the kernel needs nothing more.
            keepsPlace = false
            if attempt > 0 { lm_yield() }
        }
        losesPages = true
        return error
    }

    /// Maps a place that copies have left, without any access; `false` if it is no longer the caller's, because another thread
    /// has mapped something there.
    static func takePlaceAgain(_ place: UInt, _ size: Int) -> Bool {
        let flags = LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_NORESERVE | LM_MAP_FIXED_NOREPLACE
        let mapped = lm_mmap(place, size, Int32(LM_PROT_NONE), Int32(flags), -1, 0)
        return mapped == Int(bitPattern: place)
    }
}
