import CLinuxMemory
import Glibc

/// Who a client is, by the kernel's word.
package struct ClientIdentity: Sendable, Hashable {
    /// The number of the process.
    package var pid: Int32
    /// Its user.
    package var user: UInt32
    /// Its group.
    package var group: UInt32
    /// A descriptor of the process, or -1; it belongs to the ``AgentConnection`` that got the identity.
    package var pidfd: Int32
    /// The name of its program, as the kernel keeps it (at most 15 bytes).
    package var command: String

    /// Describes a client.
    package init(pid: Int32, user: UInt32, group: UInt32, pidfd: Int32, command: String) {
        self.pid = pid
        self.user = user
        self.group = group
        self.pidfd = pidfd
        self.command = command
    }

    /// Whether the process has ended; `false` without a pidfd.
    var hasEnded: Bool { pidfd >= 0 && ClientIdentity.hasEnded(pidfd) }

    /// Whether the process of a pidfd has ended.
    static func hasEnded(_ pidfd: Int32) -> Bool {
        var entry = lm_poll_entry(descriptor: pidfd, events: Int16(LM_POLL_IN), found: 0)
        // SAFETY: one entry.
        return unsafe lm_poll(&entry, 1, 0) != 0
    }

    /// The CPU time that the process has used; 0 if it has ended.
    var cpuNanoseconds: UInt64 {
        var clock = clockid_t()
        var time = timespec()
        // SAFETY: both are local and outlive the calls.
        guard unsafe clock_getcpuclockid(pid, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else { return 0 }
        return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(max(0, time.tv_nsec))
    }
}
