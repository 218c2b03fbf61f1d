import CLinuxMemory

/// Files of a process in the daemon's /proc, to lend to its agent: it sees there who traces it, and who has its memory open, from
/// outside of its own namespaces. Nothing can be read or written by the second one.
struct OutsideView {
    /// What the kernel says of the process.
    let status: Int32
    /// Its memory, opened without any access.
    let memory: Int32

    /// Opens them; `nil` where the process sees the daemon's mounts itself, has ended, or cannot be looked at.
    init?(of client: ClientIdentity) {
        guard client.pidfd >= 0, let own = FileIdentity(path: "/proc/self/ns/mnt"),
            let other = FileIdentity(path: "/proc/\(client.pid)/ns/mnt"), own != other
        else { return nil }
        status = unsafe "/proc/\(client.pid)/status".withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        memory = unsafe "/proc/\(client.pid)/mem".withCString { unsafe lm_open($0, Int32(LM_O_NO_ACCESS)) }
        // The number may have become another's.
        guard status >= 0, memory >= 0, !client.hasEnded else {
            close()
            return nil
        }
    }

    /// Closes them.
    func close() {
        if status >= 0 { _ = lm_close(status) }
        if memory >= 0 { _ = lm_close(memory) }
    }
}
