import CLinuxMemory

/// Who answers for processes in user namespaces: one user may have many numbers in namespaces of their own.
enum UserNamespace {
    /// The daemon's own.
    static let own = FileIdentity(path: "/proc/self/ns/user")

    /// Who answers for a process: `nil` for its own user, in the daemon's namespace; else who made the namespace that lies
    /// below the daemon's, with all in it. ``ProcessFacts/overflowUser`` where the kernel does not say.
    static func owner(ofProcess pid: Int32) -> UInt32? {
        guard let own, let first = FileIdentity(path: "/proc/\(pid)/ns/user"), first != own else { return nil }
        var descriptor = unsafe "/proc/\(pid)/ns/user".withCString { unsafe lm_open($0, Int32(LM_O_RDONLY)) }
        // The kernel nests them 32 deep.
        for _ in 0..<40 where descriptor >= 0 {
            let parent = lm_parent_namespace(descriptor)
            if parent >= 0, FileIdentity(descriptor: parent) != own {
                _ = lm_close(descriptor)
                descriptor = parent
                continue
            }
            if parent >= 0 { _ = lm_close(parent) }
            defer { _ = lm_close(descriptor) }
            var user = ProcessFacts.overflowUser
            // SAFETY: a local variable.
            let result = unsafe lm_namespace_owner(descriptor, &user)
            return parent >= 0 && result == 0 ? user : ProcessFacts.overflowUser
        }
        if descriptor >= 0 { _ = lm_close(descriptor) }
        return ProcessFacts.overflowUser
    }
}
