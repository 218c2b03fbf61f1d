import CLinuxMemory
import Wire

/// The memory through which an agent hands pages to the daemon: the agent writes them to a file, and the daemon reads
/// that file. Read that way a page is copied once, whatever the agent writes meanwhile, and a hole that the agent
/// punches into it is zeros, not a signal.
///
/// Nothing here changes the file: an agent that writes to it from memory that never comes (userfaultfd, FUSE) holds its
/// lock for as long as it likes. Reading takes no lock; agents empty the buffer themselves.
struct UploadBuffer: ~Copyable {
    /// Our own open of it.
    private let own: Int32
    /// The descriptor for the agent, until it is passed.
    private(set) var passed: Int32
    private let pageSize: Int

    /// Makes one; `nil` when memory or descriptors are short.
    init?(pageSize: Int) {
        // SAFETY: a plain system call; the name is a static string.
        let descriptor = unsafe lm_memfd_create("samepage-upload", UInt32(LM_MFD_CLOEXEC | LM_MFD_ALLOW_SEALING))
        guard descriptor >= 0 else { return nil }
        let seals = Int32(LM_SEAL_SHRINK | LM_SEAL_GROW | LM_SEAL_SEAL)
        let isReady =
            lm_ftruncate(descriptor, Int64(WireLimit.uploadPages * pageSize)) == 0
            && lm_fchmod(descriptor, 0o600) == 0 && lm_add_seals(descriptor, seals) == 0
        let own = isReady ? reopen(descriptor, Int32(LM_O_RDWR)) : -1
        guard own >= 0 else {
            _ = lm_close(descriptor)
            return nil
        }
        self.own = own
        passed = descriptor
        self.pageSize = pageSize
    }

    deinit {
        _ = lm_close(own)
        if passed >= 0 { _ = lm_close(passed) }
    }

    /// The agent has its descriptor.
    mutating func closePassed() {
        _ = lm_close(passed)
        passed = -1
    }

    /// Copies the first places to memory of the daemon's own; the number of whole pages.
    func read(into memory: UnsafeMutableRawPointer, pages: Int) -> Int {
        // SAFETY: callers have room for so many pages.
        max(0, unsafe lm_pread(own, memory, pages * pageSize, 0)) / pageSize
    }
}
