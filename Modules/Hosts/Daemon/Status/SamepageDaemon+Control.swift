import CLinuxMemory
public import FrontEnd
import Logging
public import Merger
import ScanPolicy
import Synchronization

extension SamepageDaemon {
    static let budgetAttribute = "vma_budget_percent"
    static let shareAttribute = "cpu_share"

    /// The counters of all domains together.
    public func counters() throws -> Counters { counters(of: .everyone) }

    /// The merger's attributes by today's names, whatever its dialect, `vma_budget_percent` and `cpu_share`.
    public func attributes() throws -> [String] {
        state.withLock { $0.template.attributes(in: .linux) } + [Self.budgetAttribute, Self.shareAttribute]
    }

    /// The value of an attribute; `pages_shared` is today's. One that a policy changes by itself is the oldest domain's.
    ///
    /// - Throws: ``DaemonError``.
    public func value(of attribute: String) throws -> String { try value(of: attribute, for: .everyone) }

    /// Sets an attribute in all domains, and in those to come. `run` 2 returns when everything is unmerged.
    ///
    /// - Throws: ``DaemonError``; the attribute keeps its value, but `run` is 0 when 2 found no memory for all pages.
    public func set(_ attribute: String, to value: String) throws { try change(attribute, to: value) }

    /// What the mergers are made of, how long the daemon has run, and what it has used. Asks the agents of all clients
    /// for their CPU time, at most once a second.
    public func description() throws -> MergerDescription { description(for: .everyone) }

    /// All clients. Asks their agents, at most once a second, and looks at every page that is kept.
    public func clients() throws -> [ClientReport] { clients(of: .everyone) }

    /// Root and the daemon's own user see and set everything; others see their own domains only.
    public func asSeen(by user: UInt32) -> any MergerControl {
        user == 0 || user == ownUser ? self : DaemonView(daemon: self, user: user)
    }
}

extension SamepageDaemon {
    /// Asks all domains that somebody sees, at once, and waits for the answers.
    ///
    /// - Returns: The answers, and what ended domains have counted.
    private func ask<Answer: Sendable>(
        _ viewer: Viewer, _ body: @escaping @Sendable (DomainEngine) -> Answer
    ) -> (answers: [Answer], past: PastTally) {
        while true {
            let (replies, past) = state.withLock { state in
                var past = PastTally()
                for (user, tally) in state.past where viewer.sees(user) {
                    past.counters.addPast(tally.counters)
                    past.cpuNanoseconds &+= tally.cpuNanoseconds
                    past.writesWaited &+= tally.writesWaited
                }
                let domains = state.domains.filter { viewer.sees($0.key.user) }
                let replies = domains.map { domain in
                    domain.ask { (engine, reply: Reply<Answer>) in reply.answer(body(engine)) }
                }
                return (replies, past)
            }
            let answers = replies.map { $0.wait() }
            // One that ended meanwhile counts among the ended ones now, or the daemon stops.
            guard answers.contains(where: { $0 == nil }), !state.withLock({ $0.isStopping }) else {
                return (answers.compactMap { $0 }, past)
            }
        }
    }

    func counters(of viewer: Viewer) -> Counters {
        let (answers, past) = ask(viewer) { engine in
            engine.refreshCounters()
            return engine.counters(with: engine.memory.base.statistics)
        }
        var sum = past.counters
        for counters in answers { sum.add(counters) }
        sum.fullScans = state.withLock { $0.fullScans(of: viewer) }
        return sum
    }

    func value(of attribute: String, for viewer: Viewer) throws(DaemonError) -> String {
        if attribute == Self.budgetAttribute { return state.withLock { String($0.settings.vmaBudgetPercent) } }
        if attribute == Self.shareAttribute { return state.withLock { String($0.settings.cpuShare) } }
        let attribute = MergerDialect.linux.todaysName(of: attribute)
        let (value, isOfPolicy) = try state.withLock { state throws(DaemonError) in
            do throws(AttributeError) {
                return (try state.template.value(of: attribute, in: .linux), state.policyAttributes.contains(attribute))
            } catch {
                throw DaemonError(error.description)
            }
        }
        if isOfPolicy {
            return ask(viewer) { try? $0.merger.value(of: attribute, in: .linux) }.answers.first.flatMap { $0 } ?? value
        }
        return counters(of: viewer).value(of: attribute, pageSize: pageSize) ?? value
    }

    func description(for viewer: Viewer) -> MergerDescription {
        let (answers, past) = ask(viewer) { $0.report() }
        var description = state.withLock { state in
            var description = state.description
            description.policy = state.template.policyInForce.name
            let uptime = state.started.map { lm_monotonic_nanoseconds() - $0 } ?? 0
            description.uptimeSeconds = Int(uptime / 1_000_000_000)
            description.rewrittenPages = state.settings.trapsWrites ? "trap" : "leave"
            description.limitation = state.device?.limitation
            return description
        }
        description.domains = answers.count
        description.storedBytes = answers.reduce(0) { $0 + $1.storedBytes }
        description.cpuNanoseconds = answers.reduce(past.cpuNanoseconds) { $0 &+ $1.cpuNanoseconds }
        description.writesWaited = answers.reduce(past.writesWaited) { $0 &+ $1.writesWaited }
        return description
    }

    func clients(of viewer: Viewer) -> [ClientReport] { ask(viewer) { $0.clientReports() }.answers.flatMap { $0 } }

    /// Sets an attribute everywhere, as far as its value is one.
    private func change(_ attribute: String, to value: String) throws(DaemonError) {
        if attribute == Self.budgetAttribute { return try setBudget(value) }
        if attribute == Self.shareAttribute { return try setShare(value) }
        try refuseWhileShared(attribute, value)
        let replies = try state.withLock { state throws(DaemonError) in
            do throws(AttributeError) {
                try state.template.set(attribute, to: value)
            } catch {
                throw DaemonError(error.description)
            }
            return state.setEverywhere(AttributeChange(name: attribute, value: value))
        }
        let answers = replies.compactMap { $0.wait() }
        if answers.count < replies.count, state.withLock({ $0.isStopping }) {
            throw DaemonError("the daemon is stopping: \(attribute) may not be set everywhere")
        }
        let pagesLeft = answers.reduce(0) { $0 + $1.pagesLeft }
        if pagesLeft > 0 {
            state.withLock { state in
                // Domains where nothing was left follow the others.
                guard state.template.run == .unmerge else { return }
                state.template.setRun(.stop)
                _ = state.setEverywhere(AttributeChange(name: "run", value: "0"))
            }
            throw DaemonError(
                "\(pagesLeft) pages stay merged: no memory or map entries left for copies; free some and try again")
        }
        if let error = answers.lazy.compactMap(\.error).first { throw DaemonError(error) }
    }

    /// Refuses another value of an attribute that may change only while no domain shares anything, before anybody takes it.
    ///
    /// A domain that begins to share at this very moment takes the new value, too: all have the same one always.
    private func refuseWhileShared(_ attribute: String, _ value: String) throws(DaemonError) {
        guard Merger.attributesOfUnshared.contains(attribute) else { return }
        let isChange = try state.withLock { state throws(DaemonError) in
            do throws(AttributeError) {
                let before = try state.template.value(of: attribute)
                try state.template.set(attribute, to: value)
                let after = try state.template.value(of: attribute)
                try state.template.set(attribute, to: before)
                return after != before
            } catch {
                throw DaemonError(error.description)
            }
        }
        guard isChange, counters(of: .everyone).pagesShared > 0 else { return }
        throw DaemonError(AttributeError.whileShared(name: attribute).description)
    }

    private static func percent(
        _ value: String, _ attribute: String, in range: ClosedRange<UInt64>
    ) throws(DaemonError) -> UInt32 {
        do throws(AttributeError) {
            return UInt32(try parseUnsignedAttribute(value, name: attribute, in: range))
        } catch {
            throw DaemonError(error.description)
        }
    }

    private func setShare(_ value: String) throws(DaemonError) {
        let percent = try Self.percent(value, Self.shareAttribute, in: 1...100)
        state.withLock { state in
            state.settings.cpuShare = percent
            state.tellSettings()
        }
    }

    private func setBudget(_ value: String) throws(DaemonError) {
        let percent = try Self.percent(value, Self.budgetAttribute, in: 1...90)
        state.withLock { state in
            state.settings.vmaBudgetPercent = percent
            state.tellSettings()
        }
    }

    /// Takes new settings while the daemon runs: those for agents, how long domains linger, and the policy's
    /// attributes. The log says what was not taken, and what needs a restart.
    ///
    /// - Parameters:
    ///   - settings: The settings, as the daemon would start with them now.
    ///   - attributes: Attributes by name.
    public func update(_ settings: DaemonSettings, attributes: [String: String]) {
        let late = state.withLock { state in
            let old = state.settings
            if 1...90 ~= settings.vmaBudgetPercent, settings.vmaBudgetPercent != state.toldSettings.vmaBudgetPercent {
                state.settings.vmaBudgetPercent = settings.vmaBudgetPercent
            }
            if 1...100 ~= settings.cpuShare, settings.cpuShare != state.toldSettings.cpuShare {
                state.settings.cpuShare = settings.cpuShare
            }
            state.toldSettings = settings
            state.settings.trapsWrites = settings.trapsWrites
            state.settings.excludesDontDump = settings.excludesDontDump
            state.settings.lingerSeconds = max(0, settings.lingerSeconds)
            state.tellSettings()
            var late: [String] = []
            if settings.socketPath != old.socketPath { late.append("socket") }
            if settings.clientGroup != old.clientGroup { late.append("clientGroup") }
            if settings.domains != old.domains { late.append("domains") }
            if settings.servesNamespaces != old.servesNamespaces { late.append("userNamespaces") }
            if settings.unmergedPrograms != old.unmergedPrograms { late.append("noMerge") }
            if settings.mostStored != old.mostStored { late.append("maxStored") }
            if settings.salt != old.salt { late.append("salt") }
            if settings.nice != old.nice { late.append("nice") }
            if settings.schedIdle != old.schedIdle { late.append("schedIdle") }
            return late
        }
        if !(1...100 ~= settings.cpuShare) {
            logger.error("cpuShare is \(settings.cpuShare) and takes 1 to 100: it keeps its value")
        }
        if !(1...90 ~= settings.vmaBudgetPercent) {
            logger.error("vmaBudgetPercent is \(settings.vmaBudgetPercent) and takes 1 to 90: it keeps its value")
        }
        if !late.isEmpty { logger.warning("changed, but used only after a restart: \(late.joined(separator: ", "))") }
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            do throws(DaemonError) {
                try change(name, to: value)
            } catch {
                logger.error("\(error.description)")
            }
        }
    }
}

extension ServiceState {
    /// Sets in all domains what the template has taken, and remembers it. Called under the lock, so that all domains
    /// get changes in the same order.
    fileprivate mutating func setEverywhere(_ change: AttributeChange) -> [Reply<SetAnswer>] {
        remember(change)
        if template.run == .unmerge, change.name == "run" { forgetFullScans() }
        return domains.map { domain in
            domain.ask { engine, reply in engine.set(change.name, to: change.value, reply) }
        }
    }

    /// Tells all domains the settings of agents.
    fileprivate func tellSettings() {
        let (wire, linger) = (settings.wire, settings.lingerSeconds)
        for domain in domains { domain.post { $0?.apply(wire, lingerSeconds: linger) } }
    }
}
