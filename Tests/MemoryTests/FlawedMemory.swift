import PageChecksum
import PageMemory
import PageTree
import SimulatedMemory

/// What can be wrong with a memory.
enum Flaw: String, CaseIterable, Sendable {
    case missesWrites, missesSecondWrite, missesDiscards, reportsTooMuch, reportsMergedPages, marksUnaskedPages
    case reportsOldDiscards
    case ignoresForgetting, keepsDroppedAreas
    case staleChecksums, skipsUnreadable, comparesSigned, comparesFirstHalf, neverGone
    case mergesBlindly, trustsDigests, mergesUnequalSilently, dropsZerosBlindly, swapsOutcomes, hidesRows, shortRows
    case spoilsMergedPages, answersGoneAsChanged
    case unmergesToZeros, unmergesNothing, refusesAll

    /// Whether the flaw shows only on a memory that tracks changes.
    var needsTracking: Bool {
        [
            .missesWrites, .missesSecondWrite, .reportsTooMuch, .ignoresForgetting, .marksUnaskedPages,
            .reportsOldDiscards,
        ].contains(self)
    }
}

/// A layer on simulated memory that breaks one promise.
struct FlawedMemory: MergeableMemory {
    let simulation: SimulatedMemory
    let flaw: Flaw
    private var observationCounts: [AreaID: Int] = [:]
    private var oldDigests: [PageAddress: PageDigest?] = [:]
    private var mergedOnce: [PageAddress] = []

    init(simulation: SimulatedMemory, flaw: Flaw) {
        self.simulation = simulation
        self.flaw = flaw
    }

    var pageSize: Int { simulation.pageSize }
    var tracksChanges: Bool { simulation.tracksChanges }

    mutating func observe(
        _ area: AreaID, pages: Range<UInt32>, into runs: inout [ObservedRun]
    ) throws(PageMemoryError) {
        if flaw == .marksUnaskedPages {
            try simulation.observe(area, pages: 0..<UInt32.max, into: &runs)
            runs.removeAll { $0.start < pages.lowerBound || $0.start + $0.count > pages.upperBound }
            return
        }
        do {
            try simulation.observe(area, pages: pages, into: &runs)
        } catch {
            if flaw == .keepsDroppedAreas { return }
            throw error
        }
        observationCounts[area, default: 0] += 1
        switch flaw {
        case .missesWrites: runs.removeAll { $0.state == .changed && $0.start == 3 }
        case .missesSecondWrite: if observationCounts[area]! > 2 { runs.removeAll { $0.state == .changed } }
        case .missesDiscards: runs.removeAll { $0.state == .absent }
        case .reportsTooMuch:
            if !pages.isEmpty {
                runs = [ObservedRun(start: pages.lowerBound, count: UInt32(pages.count), state: .changed)]
            }
        case .reportsMergedPages:
            if runs.isEmpty || !tracksChanges, let page = mergedOnce.first(where: { $0.area == area }) {
                runs.insert(ObservedRun(start: page.index, count: 1, state: .changed), at: 0)
            }
        case .reportsOldDiscards:
            if runs.isEmpty, let page = mergedOnce.first(where: { $0.area == area }) {
                runs = [ObservedRun(start: page.index, count: 1, state: .discarded)]
            }
        default: break
        }
    }

    mutating func forgetObservations(of area: AreaID) {
        if flaw != .ignoresForgetting { simulation.forgetObservations(of: area) }
    }

    mutating func takeChecksums(
        of pages: [PageAddress], with checksum: any PageChecksum, into digests: inout [PageDigest?]
    ) {
        simulation.takeChecksums(of: pages, with: checksum, into: &digests)
        switch flaw {
        case .skipsUnreadable: digests.removeAll { $0 == nil }
        case .staleChecksums:
            for (place, page) in pages.enumerated() {
                if let old = oldDigests[page] { digests[place] = old } else { oldDigests[page] = digests[place] }
            }
        default: break
        }
    }

    func compare(_ first: PageContent, _ second: PageContent) -> PageOrder {
        let order = simulation.compare(first, second)
        guard case .page(let left) = first, case .page(let right) = second else { return order }
        switch flaw {
        case .neverGone: return order == .gone ? .same : order
        case .comparesSigned, .comparesFirstHalf:
            guard order != .gone else { return .gone }
            let count = flaw == .comparesFirstHalf ? pageSize / 2 : pageSize
            let bytes = [left, right].map { simulation.read($0).prefix(count).map { Int8(bitPattern: $0) } }
            if flaw == .comparesFirstHalf { return bytes[0] == bytes[1] ? .same : order }
            return bytes[0] == bytes[1] ? .same : bytes[0].lexicographicallyPrecedes(bytes[1]) ? .before : .after
        default: return order
        }
    }
}

extension FlawedMemory {
    mutating func merge(_ plan: MergePlan, into outcome: inout MergeOutcome) {
        var plan = plan
        prepare(&plan)
        simulation.merge(plan, into: &outcome)
        mergedOnce += zip(plan.sites, outcome.sites).filter { $0.1 == .merged }.map(\.0.page)
        switch flaw {
        case .mergesUnequalSilently: outcome.sites = outcome.sites.map { $0 == .changed ? .merged : $0 }
        case .swapsOutcomes: outcome.sites.reverse()
        case .hidesRows: outcome.rows = outcome.rows.map { _ in nil }
        case .answersGoneAsChanged: outcome.sites = outcome.sites.map { $0 == .gone ? .changed : $0 }
        case .refusesAll: outcome.sites = outcome.sites.map { _ in .unsupported }
        case .spoilsMergedPages:
            if let site = plan.sites.last, outcome.sites.last == .merged {
                simulation.write([simulation.read(site.page)[0] ^ 1], to: site.page)
            }
        default: break
        }
    }

    /// Makes the pages of a plan look as a careless memory would leave them.
    private func prepare(_ plan: inout MergePlan) {
        for (number, group) in plan.groups.enumerated() {
            let pages = plan.sites.filter { $0.group == UInt32(number) && simulation.exists($0.page) }.map(\.page)
            switch (flaw, group.source) {
            case (.mergesBlindly, .page(let source)) where simulation.exists(source):
                for page in pages where page != source { simulation.write(simulation.read(source), to: page) }
            case (.trustsDigests, .page(let source)) where simulation.exists(source):
                plan.groups[number].digest = simulation.digest(of: source)
                // Its own bytes, not those that the digest promised.
                for page in pages { simulation.write(simulation.read(source), to: page) }
            case (.dropsZerosBlindly, .zeros):
                for page in pages { simulation.write([UInt8](repeating: 0, count: pageSize), to: page) }
            case (.shortRows, .page), (.shortRows, .copy):
                plan.groups[number].rowLength = 1
            default: break
            }
        }
    }

    mutating func unmerge(_ pages: [PageAddress], into outcome: inout [SiteOutcome]) {
        guard flaw != .unmergesNothing else {
            outcome = pages.map { _ in .busy }
            return
        }
        simulation.unmerge(pages, into: &outcome)
        guard flaw == .unmergesToZeros else { return }
        for (page, answer) in zip(pages, outcome) where answer == .merged {
            simulation.write([UInt8](repeating: 0, count: pageSize), to: page)
        }
    }

    mutating func release(_ rows: [FrameRow]) { simulation.release(rows) }
}

extension SimulatedMemory {
    func digest(of page: PageAddress) -> PageDigest {
        var digests: [PageDigest?] = []
        takeChecksums(of: [page], with: testChecksum, into: &digests)
        return digests[0]!
    }
}
