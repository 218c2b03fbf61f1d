import CLinuxMemory
import Wire

/// A memfd of ``WireLimit/framesOfSegment`` pages that only one mapping, the daemon's, can ever write.
///
/// The seals let no descriptor write it, cut it or punch holes into it, not even one that root opens; mode 0400
/// keeps others from opening it at all. Clients get one open file for all of them: mappings of different opens never
/// join in one VMA.
@safe
struct Segment {
    /// The mapping that frames are written through.
    let bytes: UnsafeMutableRawPointer
    /// The read-only descriptor for clients.
    let shared: Int32
    /// A read-only open of our own: for reading, and to find out whether it is the last one.
    let witness: Int32
    /// Frames given out so far, from the front.
    var used: UInt32 = 0
    /// Frames that the budget counts: all that have got memory.
    var stored: UInt32 = 0
    /// Who is charged for its frames: each for those from the place on, up to the next; `nil` where nobody is.
    private var payers: [(account: FrameAccount?, first: UInt32)] = []
    /// Frames given out and released since.
    var released: UInt32 = 0

    /// Whether no frame of it is in use.
    var isUnused: Bool { released == used }

    /// Makes a segment; `nil` when memory or descriptors are short.
    static func make(size: Int) -> Segment? {
        // SAFETY: plain system calls; the name is a static string.
        var descriptor = unsafe lm_memfd_create(
            "samepage-frames", UInt32(LM_MFD_CLOEXEC | LM_MFD_ALLOW_SEALING | LM_MFD_NOEXEC_SEAL))
        if descriptor < 0 {
            // Kernels before 6.3 do not know the no-exec seal.
            descriptor = unsafe lm_memfd_create("samepage-frames", UInt32(LM_MFD_CLOEXEC | LM_MFD_ALLOW_SEALING))
        }
        guard descriptor >= 0 else { return nil }
        // The kernel does not count this first open for leases, and nobody needs it once the mapping stands.
        defer { _ = lm_close(descriptor) }
        guard lm_ftruncate(descriptor, Int64(size)) == 0, lm_fchmod(descriptor, 0o400) == 0 else { return nil }
        let address = lm_mmap(
            0, size, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(LM_MAP_SHARED), descriptor, 0)
        // SAFETY: a successful mmap gives a non-null address of `size` bytes.
        guard lm_is_error(address) == 0, let bytes = unsafe UnsafeMutableRawPointer(bitPattern: address) else {
            return nil
        }
        let seals = Int32(LM_SEAL_SHRINK | LM_SEAL_GROW | LM_SEAL_FUTURE_WRITE | LM_SEAL_SEAL)
        let witness = lm_add_seals(descriptor, seals) == 0 ? reopen(descriptor) : -1
        let shared = witness >= 0 ? reopen(descriptor) : -1
        guard shared >= 0 else {
            if witness >= 0 { _ = lm_close(witness) }
            _ = lm_munmap(UInt(bitPattern: address), size)
            return nil
        }
        _ = lm_madvise(UInt(bitPattern: address), size, Int32(LM_MADV_DONTFORK))
        // What is in clients' memory does not belong into our core dumps.
        _ = lm_madvise(UInt(bitPattern: address), size, Int32(LM_MADV_DONTDUMP))
        return unsafe Segment(bytes: bytes, shared: shared, witness: witness)
    }

    /// Notes who is charged for the next frames.
    mutating func charge(_ account: FrameAccount?) {
        if payers.isEmpty ? account == nil : payers[payers.count - 1].account === account { return }
        payers.append((account, used))
    }

    /// Who is charged for a frame; `nil` if nobody is.
    func payer(of slot: UInt32) -> FrameAccount? {
        var (low, high) = (0, payers.count)
        while low < high {
            let middle = (low + high) / 2
            if payers[middle].first <= slot { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : payers[low - 1].account
    }

    /// Gives up the mapping and the clients' descriptor; the witness stays open.
    func withdraw(size: Int) {
        // SAFETY: the store hands out no pointers into segments that it withdraws.
        _ = unsafe lm_munmap(UInt(bitPattern: bytes), size)
        _ = lm_close(shared)
    }
}

/// Opens a file of ours a second time; minus an error number when that fails.
func reopen(_ descriptor: Int32, _ flags: Int32 = Int32(LM_O_RDONLY)) -> Int32 {
    // The thread's own table: another thread may have one of its own.
    // SAFETY: the path lives during the call.
    unsafe lm_open("/proc/thread-self/fd/\(descriptor)", flags)
}
