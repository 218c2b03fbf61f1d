internal import CLinuxMemory

/// A page that the kernel empties in every forked child, also where libc's fork was passed by.
enum ForkSign {
    /// Whether this process is a child that does not know it yet.
    static var isMissing: Bool {
        // SAFETY: the page is mapped for good once it is.
        guard let sign = unsafe tables.forkSign else { return false }
        return unsafe lm_atomic_load(sign) == 0
    }

    /// The process knows what it is.
    static func set() {
        if let sign = unsafe tables.forkSign { unsafe lm_atomic_store(sign, 1) }
    }
}
