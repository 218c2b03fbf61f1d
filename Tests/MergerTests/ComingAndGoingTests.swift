import Merger
import PageMemory
import SimulatedMemory
import Testing

/// Areas and spaces that come and go at every point of a scan.
@Suite("Coming and going")
struct ComingAndGoingTests {
    enum Change: String, Sendable, CaseIterable {
        case unmap, unmapBeforeMerger, unmerge, unregister, exit, addToSpace, addSpace, addBelow, replace, stopAndGo
    }

    /// Two spaces with two areas each, of pages with twins everywhere.
    func makeRig(_ variant: Variant) throws -> Rig {
        let rig = Rig(variant)
        for area in 1...4 as ClosedRange<UInt32> {
            try rig.add(area + 4, space: (area + 1) / 2, pages: 70)
            rig.fill(area + 4, 0..<3, "a")
            rig.fill(area + 4, 62..<67, "b")
            rig.fill(area + 4, 10..<11, Character(UnicodeScalar(UInt8(96 + area))))
        }
        return rig
    }

    func apply(_ change: Change, to rig: Rig) throws {
        let leaving = AreaID(rawValue: 6)
        switch change {
        case .unmap: rig.unmap(6)
        case .unmapBeforeMerger: rig.memory.unmap(leaving)
        case .unmerge: rig.merger.remove(leaving, unmerging: true)
        case .unregister:
            rig.memory.unregister(leaving)
            rig.merger.remove(leaving)
        case .exit:
            rig.memory.exit(AddressSpaceID(rawValue: 1))
            for area in [5, 6] as [UInt32] { rig.merger.remove(AreaID(rawValue: area)) }
        case .addToSpace, .addSpace, .addBelow:
            let area: UInt32 = change == .addBelow ? 4 : 9
            try rig.add(area, space: change == .addSpace ? 9 : 1, pages: 5)
            rig.fill(area, 0..<5, "a")
        case .replace:
            rig.unmap(6)
        case .stopAndGo:
            try rig.set("run", to: "2")
            rig.fill(5, 0..<3, "q")
        }
    }

    /// Whatever was left over from the change is brought to its end.
    func finish(_ change: Change, _ rig: Rig) throws {
        rig.settle()
        switch change {
        case .unmapBeforeMerger: rig.merger.remove(AreaID(rawValue: 6))
        case .unmerge:
            #expect(!rig.contains(AreaID(rawValue: 6)))
            rig.memory.unmap(AreaID(rawValue: 6))
        case .replace:
            // The old area may have had to wait for the end of its batch.
            #expect(!rig.contains(AreaID(rawValue: 6)))
            try rig.add(22, space: 1, pages: 70)
            rig.fill(22, 0..<5, "b")
        case .stopAndGo: try rig.set("run", to: "1")
        default: break
        }
    }

    @Test("at every point between two requests", arguments: Change.allCases, Variant.corners)
    func betweenRequests(change: Change, variant: Variant) throws {
        try atEveryPoint(change, variant) { rig, change in try apply(change, to: rig) }
    }

    @Test("at every point between a request and its answer", arguments: Change.allCases, Variant.corners)
    func beforeAnswer(change: Change, variant: Variant) throws {
        try atEveryPoint(change, variant) { rig, change in
            let request = rig.merger.next()
            try apply(change, to: rig)
            rig.answer(request)
        }
    }

    func atEveryPoint(_ change: Change, _ variant: Variant, _ body: (Rig, Change) throws -> Void) throws {
        var variant = variant
        variant.batchPages = 8
        for steps in 0..<60 {
            let rig = try makeRig(variant)
            for _ in 0..<steps { rig.advance() }
            if rig.counters.fullScans > 3 { return }
            try body(rig, change)
            try finish(change, rig)
            rig.scan(6)
            let expected = expectation(of: rig)
            let counters = rig.counters
            let isRight =
                counters.pagesShared == expected.shared && counters.pagesSharing == expected.sharing
                && counters.pagesUnshared == expected.unshared && rig.memory.violations.isEmpty
            #expect(isRight, "\(change) after \(steps) steps: \(counters), \(rig.memory.violations), not \(expected)")
            rig.memory.exit(AddressSpaceID(rawValue: 1))
            for area in [4, 5, 6, 9, 22] as [UInt32] { rig.merger.remove(AreaID(rawValue: area)) }
            rig.expectNothingLeft()
            if !isRight { return }
        }
    }

    /// What is to be merged in the end, from the content of all registered pages.
    func expectation(of rig: Rig) -> (shared: Int, sharing: Int, unshared: Int) {
        var counts: [[UInt8]: Int] = [:]
        for area in rig.memory.registeredAreas {
            for index in 0..<area.pageCount {
                let page = PageAddress(area: area.id, index: index)
                if rig.memory.exists(page) { counts[rig.memory.read(page), default: 0] += 1 }
            }
        }
        let twins = counts.values.filter { $0 > 1 }
        // A sharer left behind alone stays merged.
        let alone = rig.memory.census().frames - twins.count
        return (twins.count + alone, twins.reduce(0, +) - twins.count, counts.values.count { $0 == 1 } - alone)
    }
}
