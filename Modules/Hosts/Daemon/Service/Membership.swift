import Synchronization

/// Decides which domain a process belongs to: by the kernel's facts, by root's rules, and by the word of whoever
/// started it.
final class Membership: Sendable {
    private let rules: [DomainRule]
    private let started = Mutex<[ProcessStart: (user: UInt32, name: UInt64)]>([:])
    /// Programs that were started under names, of one user.
    private static let mostStartedOfUser = 1024
    /// How far up the starter of a program is looked for.
    private static let mostAncestors = 32

    /// Takes root's rules.
    init(rules: [DomainRule] = []) { self.rules = rules }

    /// The domain of a process.
    ///
    /// - Parameter salt: Its salt; 0 for none.
    func key(_ facts: ProcessFacts, salt: UInt64) -> DomainKey {
        var key = DomainKey(
            user: facts.user, group: facts.group, payer: facts.namespaceOwner ?? facts.user, rights: facts.rights,
            company: .unconfined, salt: salt)
        if let rule = rules.first(where: { $0.applies(toProcess: facts.start.pid, user: facts.user) }) {
            key.rights = nil
            key.company = .rule(rule.name)
        } else if let reason = facts.confinement.reason {
            key.company = name(of: facts).map { .started(under: $0) } ?? .alone(facts.start, why: reason)
        }
        return key
    }

    /// Whoever is about to start a program says under which name it and its children share. A process in a sandbox may
    /// not say so: it would choose whom to look at.
    func start(_ facts: ProcessFacts, under name: UInt64) throws(Refusal) {
        guard !facts.confinement.isSandboxed else {
            throw Refusal(
                "it is confined already (\(facts.confinement.reason ?? "")): --share-confined is for those who start "
                    + "sandboxes, and root's key 'domains' for the others")
        }
        guard enter(facts, name) else { throw Refusal("too many programs of its user share by name") }
    }

    private func enter(_ facts: ProcessFacts, _ name: UInt64) -> Bool {
        started.withLock { started in
            if started.values.count(where: { $0.user == facts.user }) >= Self.mostStartedOfUser {
                started = started.filter { ProcessFacts.startTime(ofProcess: $0.key.pid) == $0.key.time }
            }
            guard started.values.count(where: { $0.user == facts.user }) < Self.mostStartedOfUser else { return false }
            started[facts.start] = (facts.user, name)
            return true
        }
    }

    /// The name under which a process, or the nearest of its ancestors that has one, was started.
    private func name(of facts: ProcessFacts) -> UInt64? {
        let started = started.withLock { $0 }
        if started.isEmpty { return nil }
        var process = facts.start
        var parent: Int32? = facts.parent
        for _ in 0..<Self.mostAncestors {
            if let entry = started[process] {
                guard entry.user == facts.user else { return nil }
                // Its children are found even when those between have ended.
                if process != facts.start { _ = enter(facts, entry.name) }
                return entry.name
            }
            guard let next = parent, next > 1, let time = ProcessFacts.startTime(ofProcess: next) else { return nil }
            process = ProcessStart(pid: next, time: time)
            parent = ProcessFacts.parent(ofProcess: next)
        }
        return nil
    }
}
