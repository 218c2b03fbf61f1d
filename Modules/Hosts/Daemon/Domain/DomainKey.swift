import Glibc

/// What decides who shares memory with whom: processes of one domain may read one another's memory anyway (ptrace), by
/// the kernel's own facts, and agree on a salt.
struct DomainKey: Hashable, Sendable {
    /// The user: real, effective and saved.
    var user: UInt32
    /// The group: real, effective and saved.
    var group: UInt32
    /// Who answers for what it takes: the user, or the owner of the user namespace that it is in.
    var payer: UInt32
    /// Capabilities and namespaces; `nil` where root's rule brings programs together in spite of them.
    var rights: Rights?
    /// Who shares among processes of the same rights.
    var company: Company
    /// The salt; 0 for none.
    var salt: UInt64 = 0
}

extension DomainKey {
    /// What else than the user decides whether a process may read another.
    struct Rights: Hashable, Sendable {
        /// The capabilities that the process may use.
        var capabilities: UInt64
        /// The user namespace.
        var userNamespace: FileIdentity
        /// The PID namespace.
        var processNamespace: FileIdentity
    }

    /// Who shares with a process.
    enum Company: Hashable, Sendable {
        /// All that nothing confines.
        case unconfined
        /// Nobody: the process is confined, and no fact of the kernel says that another is so in the same way.
        case alone(ProcessStart, why: String)
        /// Those that were started under one name, which has this number.
        case started(under: UInt64)
        /// Those to whom a rule of root applies, by the name of its domain.
        case rule(String)
    }

    /// The domain and why a process is in it, in a line for people.
    var reason: String {
        switch company {
        case .unconfined: "user \(user)'s"
        case .alone(_, let why): "its own: \(why)"
        case .started: "user \(user)'s, by --share-confined"
        case .rule(let name): "'\(name)', by root's rule"
        }
    }
}

/// One process among all that have its number in the course of time.
struct ProcessStart: Hashable, Sendable {
    /// Its number.
    var pid: Int32
    /// When it began, in ticks since the machine did.
    var time: UInt64
}

/// A file, by the numbers of its device and its inode.
struct FileIdentity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64

    init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// The file of a descriptor; `nil` when it cannot be looked at.
    init?(descriptor: Int32) {
        var status = stat()
        // SAFETY: a local structure.
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
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
