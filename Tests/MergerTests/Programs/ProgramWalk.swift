import Merger
import PageMemory
import ScanPolicy
import SimulatedMemory
import Simulation

/// One sequence of operations on a machine with several programs, watched by a plain model of what each of them wrote.
final class ProgramWalk {
    let variant: Variant
    let machine: SimulatedMachine
    var programs: [ModelProgram?] = Array(repeating: nil, count: ProgramStep.slots)
    /// Pages that have a frame since a fork.
    var inherited: [ModelPlace: Frame] = [:]
    /// Pages of each frame that has more than it may take: forks gave them to it, and no merge may add to them once the
    /// merger has counted all.
    var excess: [Frame: Int] = [:]
    var isAllCounted = true
    var limit: Int
    var mergesAcross = true
    var givesZerosBack: Bool
    var evidence = Evidence()
    /// Operations that did something.
    private(set) var performed = 0
    /// The first thing that went wrong.
    private(set) var failure: String?
    var isInScan = false
    private var races: [(countdown: Int, step: ProgramStep)] = []
    private var strikes: [(instant: MachineOperation.Instant, countdown: Int, strike: MachineOperation.Strike)] = []
    private var latestSpace: UInt32 = 0
    private var observations = 0

    var memory: SimulatedMemory { machine.memory }
    var isShort: Bool { memory.allocationsUntilFailure == 0 }

    init(_ variant: Variant) {
        self.variant = variant
        machine = SimulatedMachine(
            parts: variant.parts, pageSize: variant.pageSize, tracksChanges: variant.tracksChanges,
            nodeCount: variant.nodes)
        limit = variant.dialect == .linux ? Int(variant.maxPageSharing) : .max
        givesZerosBack = variant.usesZeroPages
        memory.interference = { [unowned self] _, moment in
            race()
            if !strikes.isEmpty { strike(moment) }
        }
    }

    /// Runs operations up to the first failure, then ends all programs and looks for what is left.
    static func run(_ operations: [MachineOperation], _ variant: Variant) -> ProgramWalk {
        let walk = ProgramWalk(variant)
        for (number, operation) in operations.enumerated() {
            if walk.perform(operation) { walk.performed += 1 }
            walk.verify()
            if let failure = walk.failure {
                walk.failure = "operation \(number), \(operation): \(failure)"
                return walk
            }
        }
        walk.finish()
        if let failure = walk.failure { walk.failure = "at the end: \(failure)" }
        walk.evidence.note("merge for want of memory", Int(walk.machine.counters.notMerged[.outOfMemory] ?? 0))
        return walk
    }

    func fail(_ message: String) {
        if failure == nil { failure = message }
    }

    /// - Returns: Whether it did something.
    private func perform(_ operation: MachineOperation) -> Bool {
        switch operation {
        case .program(let step): return perform(step)
        case .race(let countdown, let step): races.append((countdown, step))
        case .strike(let instant, let countdown, let strike): strikes.append((instant, countdown, strike))
        case .scan(let count): return scan(count)
        case .wakeUp(let count):
            isInScan = true
            for _ in 0..<count { machine.wakeUp() }
            isInScan = false
        case .run(let run): return set(run: run)
        case .limit(let limit): return set(limit: limit)
        case .acrossNodes(let mergesAcross): return set(mergesAcross: mergesAcross)
        case .zeros(let givesBack):
            guard variant.dialect == .linux, givesBack != givesZerosBack else { return false }
            set("use_zero_pages", givesBack ? "1" : "0")
            givesZerosBack = givesBack
        case .shortage(let count): memory.allocationsUntilFailure = count
        case .blind(let every):
            memory.refusal =
                every == 0 ? nil : { [unowned self] step, _ in step == .observe && isBlind(every) ? .outOfMemory : nil }
        case .quiesce: quiesce()
        }
        return true
    }

    private func isBlind(_ every: Int) -> Bool {
        observations += 1
        guard observations % every == 0 else { return false }
        evidence.note("blind observation")
        return true
    }

    private func race() {
        guard isInScan else { return }
        for index in races.indices.reversed() {
            races[index].countdown -= 1
            guard races[index].countdown < 0 else { continue }
            _ = perform(races.remove(at: index).step)
        }
    }

    /// Does to the page that the merger is at what was to be done at such a moment.
    private func strike(_ moment: SimulatedMoment) {
        let (instant, page): (MachineOperation.Instant, PageAddress)
        switch moment {
        case .beforeChecksum(let address): (instant, page) = (.examined, address)
        case .beforeVerifying(let address): (instant, page) = (.verified, address)
        case .afterMapping(let address): (instant, page) = (.mapped, address)
        case .beforeUnmerging(let address): (instant, page) = (.unmerged, address)
        default: return
        }
        for index in strikes.indices.reversed() where strikes[index].instant == instant {
            strikes[index].countdown -= 1
            guard strikes[index].countdown < 0,
                let area = memory.registeredAreas.first(where: { $0.id == page.area }),
                let slot = programs.firstIndex(where: { $0?.id == area.space })
            else { continue }
            let number = area.firstPage + UInt64(page.index)
            let pages = number..<number + 1
            let step: ProgramStep =
                switch strikes.remove(at: index).strike {
                case .write(let content): .fill(slot: slot, pages, content: content)
                case .discard: .advise(slot: slot, pages, .dontNeed)
                case .unmergeable: .advise(slot: slot, pages, .unmergeable)
                case .unmap: .unmap(slot: slot, pages)
                case .exit: .exit(slot: slot)
                }
            if perform(step) { evidence.note("strike at \(instant)") }
        }
    }

    /// The number of a program that starts now.
    func nextSpace() -> AddressSpaceID {
        latestSpace += 1
        return AddressSpaceID(rawValue: latestSpace)
    }

    func note(_ space: AddressSpaceID) { latestSpace = max(latestSpace, space.rawValue) }

    // MARK: The merger

    private func scan(_ count: Int) -> Bool {
        isInScan = true
        let scans = machine.scan(UInt64(count))
        isInScan = false
        let anyMergeable = programs.contains { $0?.pages.values.contains(where: \.isMergeable) ?? false }
        if run == "1", anyMergeable, scans != count { fail("\(scans) of \(count) scans were done") }
        return scans > 0
    }

    private var run: String { (try? machine.value(of: "run")) ?? "" }

    private func set(_ attribute: String, _ value: String) {
        do throws(AttributeError) { try machine.set(attribute, to: value) } catch { fail("\(attribute): \(error)") }
    }

    private func set(run number: Int) -> Bool {
        guard run != String(number) else { return false }
        set("run", String(number))
        guard number == 2 else { return true }
        if run == "0", isShort {
            // As in the kernel: what could not be unmerged stays merged.
            evidence.note("unmerge for want of memory")
            return true
        }
        let counters = machine.counters
        if run != "2" || counters.pagesShared + counters.items + counters.zeroPages + Int(counters.fullScans) != 0 {
            fail("run is \(run) after 2 was written, and \(counters)")
        }
        return true
    }

    /// Sets what may change only while nothing is shared.
    ///
    /// - Returns: Whether it changed.
    private func setOfUnshared(_ attribute: String, _ value: String) -> Bool {
        let isShared = machine.counters.pagesShared > 0
        do throws(AttributeError) {
            try machine.set(attribute, to: value)
            if isShared { fail("\(attribute) changes while pages are shared") }
            return true
        } catch {
            if !isShared || error.kernelError != "EBUSY" { fail("\(error)") }
            evidence.note("EBUSY")
            return false
        }
    }

    private func set(limit new: UInt32) -> Bool {
        guard variant.dialect == .linux, Int(new) != limit else { return false }
        guard setOfUnshared("max_page_sharing", String(new)) else { return true }
        limit = Int(new)
        evidence.note("limit set")
        // Frames that children still have of a time before are of the old limit.
        isAllCounted = false
        return true
    }

    private func set(mergesAcross new: Bool) -> Bool {
        guard variant.dialect == .linux, variant.nodes > 1, new != mergesAcross else { return false }
        if machine.counters.pagesShared == 0 {
            // Frames that a child still has of a time before may be of another node.
            for (slot, program) in programs.enumerated() {
                for page in program?.pages.keys.sorted() ?? [] {
                    if case .merged = memory.state(of: page, in: program!.id) {
                        guard perform(.rewrite(slot: slot, page: page)) else { return false }
                    }
                }
            }
        }
        guard setOfUnshared("merge_across_nodes", new ? "1" : "0") else { return true }
        mergesAcross = new
        evidence.note("nodes set")
        return true
    }

    /// Lets everything come to rest, and holds all figures against the truth.
    private func quiesce() {
        memory.allocationsUntilFailure = nil
        memory.refusal = nil
        races = []
        strikes = []
        for (slot, program) in programs.enumerated() {
            for (page, record) in program?.pages ?? [:] {
                for _ in 0..<record.pins { _ = perform(.unpin(slot: slot, page: page)) }
            }
        }
        _ = set(run: 1)
        _ = scan(variant.smartScan ? 40 : 12)
        verifyFigures()
        evidence.note("quiet point")
    }

    /// Ends all programs: nothing may be left.
    private func finish() {
        races = []
        strikes = []
        memory.allocationsUntilFailure = nil
        memory.refusal = nil
        for slot in programs.indices { _ = perform(.exit(slot: slot)) }
        if run == "0" { _ = set(run: 1) }
        machine.wakeUp()
        if memory.census() != SimulatedCensus() { fail("\(memory.census()) is left") }
        let counters = machine.counters
        if counters.items + counters.pagesShared + counters.zeroPages != 0 { fail("figures are left: \(counters)") }
        verify()
    }
}
