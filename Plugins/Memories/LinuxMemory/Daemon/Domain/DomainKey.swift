import Glibc

/// What decides who shares memory with whom: processes of one domain may read one another's memory anyway (ptrace), by
/// the kernel's own facts, and agree on a salt.
struct DomainKey: Hashable, Sendable {
    /// The user: real, effective and saved.
    var user: UInt32
    /// The group: real, effective and saved.
    var group: UInt32
    /// The capabilities that the process may use.
    var capabilities: UInt64
    /// The user namespace.
    var userNamespace: FileIdentity
    /// The PID namespace.
    var processNamespace: FileIdentity
    /// What confines the process: no_new_privs, the seccomp mode, and its label among the security modules. A confined
    /// program may not be able to read another of the same user (Landlock implies no_new_privs).
    var confinement: String
    /// The salt; 0 for none.
    var salt: UInt64 = 0
}

/// A file, by the numbers of its device and its inode.
struct FileIdentity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// The file at a path, following links; `nil` when it cannot be looked at.
    init?(path: String) {
        var status = stat()
        // SAFETY: a string terminated by zero and a local structure.
        guard unsafe path.withCString({ unsafe stat($0, &status) }) == 0 else { return nil }
        self.init(status)
    }
}

/// The number that stands for a text of the settings among salts; 0 for none.
func saltNumber(_ text: String) -> UInt64 {
    guard !text.isEmpty else { return 0 }
    // FNV-1a, 64 bits.
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    return hash == 0 ? 1 : hash
}
