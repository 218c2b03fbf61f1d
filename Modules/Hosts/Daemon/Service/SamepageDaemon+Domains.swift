import CLinuxMemory
import Merger
import Remap
import Synchronization
import SystemThreads
import Wire

extension SamepageDaemon {
    /// Gives a process to its domain, which is made if need be.
    func welcome(_ guest: Guest) throws(Refusal) {
        let user = guest.key.payer
        try state.withLock { state throws(Refusal) in
            guard !state.isStopping else { throw Refusal("the daemon is stopping") }
            guard state.clients.values.reduce(0, +) < state.mostClients else {
                throw Refusal("the daemon serves \(state.mostClients) programs, and no more are possible")
            }
            guard state.clients[user, default: 0] < state.mostClientsOfUser else {
                throw Refusal(
                    "the daemon serves \(state.mostClientsOfUser) programs of user \(user), and no more are possible")
            }
            let known = state.domains.first { $0.key == guest.key }
            let domain = if let known { known } else { try makeDomain(guest.key, in: &state) }
            state.clients[user, default: 0] += 1
            let full = UInt32(RemapFeatures.Userfault.full.rawValue)
            let device = guest.mayHaveDevice && guest.hello.userfault < full ? state.device?.descriptor : nil
            domain.post { engine in
                if let engine { return engine.admit(guest, device: device) }
                _ = lm_close(guest.descriptor)
                _ = lm_close(guest.identity.pidfd)
            }
        }
    }

    private func makeDomain(_ key: DomainKey, in state: inout ServiceState) throws(Refusal) -> Domain {
        guard state.domains.count(where: { $0.key.payer == key.payer }) < Self.mostDomainsOfUser else {
            throw Refusal(
                "user \(key.payer) has \(Self.mostDomainsOfUser) merge domains, and no more are possible: "
                    + "use fewer salts"
            )
        }
        var parts: MergerParts
        do {
            parts = try makeParts()
            // The template has never scanned: its policy knows what was set, and nothing else.
            parts.policy = state.template.policyInForce
        } catch {
            throw Refusal("the daemon cannot make a merger for it: \(error)")
        }
        let domain = Domain(key: key, fullScansBefore: state.fullScans(of: .everyone))
        let settings = state.settings
        let share = state.share
        let changes = state.changes.filter { !state.policyAttributes.contains($0.name) }
        let budget =
            state.budgets[key.payer]
            ?? UserBudget(boundsFrames: key.payer != ownUser, pageSize: pageSize, of: state.stored)
        state.budgets[key.payer] = budget
        let isStarted = domain.start(
            priority: BackgroundThread.Priority(nice: settings.nice, isIdle: settings.schedIdle),
            make: { [self, parts] in
                let engine = DomainEngine(
                    key: key, parts: parts, pageSize: pageSize, settings: settings.wire,
                    lingerSeconds: settings.lingerSeconds, scans: domain.scans, budget: budget, share: share,
                    membership: membership, gate: gate,
                    clientLeft: { [self] in self.state.withLock { $0.clientLeft(of: key.payer) } })
                for change in changes { engine.apply(change) }
                return engine
            }, retire: { [self] engine in retire(domain, engine) })
        guard isStarted else { throw Refusal("the daemon has no memory or threads left") }
        state.domains.append(domain)
        return domain
    }

    /// Whether a domain without clients may end now; nobody reaches it any more then.
    private func retire(_ domain: Domain, _ engine: DomainEngine) -> Bool {
        let report = engine.lastReport()
        return state.withLock { state in
            guard domain.hasNoJobs, let place = state.domains.firstIndex(where: { $0 === domain }) else { return false }
            state.keepFullScans()
            state.domains.remove(at: place)
            state.past[domain.key.user, default: PastTally()].add(report)
            return true
        }
    }
}
