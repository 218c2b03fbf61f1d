import Merger
import PageMemory
import ScanPolicy
import SimulatedMemory
import Testing

/// `max_page_sharing`, chains and dups. The figures are what Linux 6.18 shows.
@Suite("Limit of pages that share a frame")
struct MaxPageSharingTests {
    /// Pages, the limit, and frames, further pages, unshared pages, chains and dups after two scans.
    struct Case: Sendable, CustomStringConvertible {
        var pages: Int
        var limit: Int
        var figures: [Int]

        init(_ pages: Int, _ limit: Int, _ figures: Int...) {
            (self.pages, self.limit, self.figures) = (pages, limit, figures)
        }

        var description: String { "\(pages) pages, \(limit) each" }
    }

    static let cases = [
        Case(20, 5, 4, 16, 0, 1, 4), Case(21, 5, 4, 16, 1, 1, 4), Case(22, 5, 5, 17, 0, 1, 5),
        Case(23, 5, 5, 18, 0, 1, 5), Case(5, 5, 1, 4, 0, 0, 0), Case(6, 5, 1, 4, 1, 0, 0), Case(10, 5, 2, 8, 0, 1, 2),
        Case(10, 2, 5, 5, 0, 1, 5), Case(7, 2, 3, 3, 1, 1, 3), Case(9, 3, 3, 6, 0, 1, 3), Case(3, 2, 1, 1, 1, 0, 0),
        Case(4, 2, 2, 2, 0, 1, 2),
    ]

    static let variants: [Variant] = Variant.few.flatMap { variant in
        [1, 7, 512].map { batch in
            var variant = variant
            variant.batchPages = batch
            return variant
        }
    }

    func figures(_ rig: Rig) -> [Int] {
        let counters = rig.counters
        return [
            counters.pagesShared, counters.pagesSharing, counters.pagesUnshared, counters.stableNodeChains,
            counters.stableNodeDuplicates,
        ]
    }

    /// An area for each page, so that pages can be unmapped one by one.
    func makeRig(_ variant: Variant, limit: Int, pages: Int) throws -> Rig {
        let rig = Rig(variant)
        try rig.set("max_page_sharing", to: String(limit))
        for area in 1...UInt32(pages) {
            try rig.add(area, space: area, pages: 1)
            rig.fill(area, 0..<1, "a")
        }
        return rig
    }

    func expectLimit(_ rig: Rig, _ limit: Int) {
        var mappers: [Frame: Int] = [:]
        for area in rig.memory.registeredAreas {
            for index in 0..<area.pageCount {
                if let frame = rig.memory.frame(of: PageAddress(area: area.id, index: index)) {
                    mappers[frame, default: 0] += 1
                }
            }
        }
        #expect(mappers.values.allSatisfy { $0 <= limit })
    }

    @Test("as many frames as Linux needs, after two scans and later", arguments: variants)
    func counts(variant: Variant) throws {
        for expected in Self.cases {
            let rig = Rig(variant)
            try rig.set("max_page_sharing", to: String(expected.limit))
            try rig.add(1)
            rig.fill(1, 0..<expected.pages, "a")
            rig.scan(2)
            for _ in 0..<3 {
                #expect(figures(rig) == expected.figures, "\(expected), \(variant)")
                expectLimit(rig, expected.limit)
                rig.expectSound()
                rig.scan()
            }
            rig.expectFilled(1, 0..<expected.pages, "a")
            rig.expectNothingLeft()
            #expect(figures(rig) == [0, 0, 0, 0, 0])
        }
    }

    @Test("the formula, for 500 pages", arguments: Variant.corners)
    func formula(variant: Variant) throws {
        for limit in [2, 3, 4, 5, 7, 16, 99, 166, 167, 249, 250, 256, 499, 500, 501] {
            let rig = Rig(variant)
            try rig.set("max_page_sharing", to: String(limit))
            try rig.add(1, pages: 500)
            rig.fill(1, 0..<500, "a")
            rig.scan(2)
            let rest = 500 % limit
            let shared = 500 / limit + (rest > 1 ? 1 : 0)
            let sharing = 500 - (rest == 1 ? 1 : 0) - shared
            let chains = shared > 1 ? 1 : 0
            #expect(figures(rig) == [shared, sharing, rest == 1 ? 1 : 0, chains, chains * shared], "\(limit)")
            expectLimit(rig, limit)
            rig.expectNothingLeft()
        }
    }

    /// Nodes that no page maps any more leave at once here: where Linux counts a chain of one dup, or of none, there is none.
    @Test(
        "half of the pages leave, the others are written again, then all leave",
        arguments: [
            (20, [[2, 8, 0, 1, 2], [2, 8, 0, 1, 2], [1, 0, 0, 0, 0]]),
            (21, [[2, 8, 1, 1, 2], [2, 8, 1, 1, 2], [0, 0, 1, 0, 0]]),
            (22, [[3, 8, 0, 1, 3], [2, 8, 1, 1, 2], [0, 0, 1, 0, 0]]),
            (23, [[3, 9, 0, 1, 3], [3, 9, 0, 1, 3], [1, 0, 0, 0, 0]]),
        ], [Variant(), Variant(tracksChanges: false), Variant(stable: .redBlackContent, unstable: .redBlackContent)])
    func leaving(expected: (pages: Int, figures: [[Int]]), variant: Variant) throws {
        let rig = try makeRig(variant, limit: 5, pages: expected.pages)
        rig.scan(2)
        for area in 1...expected.pages / 2 { rig.unmap(UInt32(area)) }
        rig.scan(3)
        #expect(figures(rig) == expected.figures[0])
        // All leave their nodes before the first is looked at again.
        let rest = Array(expected.pages / 2 + 1...expected.pages)
        for area in rest { rig.fill(UInt32(area), 0..<1, "a") }
        rig.scan(3)
        let after = figures(rig)
        // Areas are looked at one after the other here, as processes are in Linux; which nodes the pages come to again
        // depends on the order, how many share does not.
        #expect(after[0] + after[1] + after[2] == rest.count)
        #expect(after[2] <= 1)
        expectLimit(rig, 5)
        for area in rest.dropLast() { rig.unmap(UInt32(area)) }
        rig.scan(3)
        #expect([[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]].contains(figures(rig)))
        rig.expectNothingLeft()
    }

    @Test("every second page is written, differently, and written back: it finds a place again", arguments: Variant.few)
    func halfRewritten(variant: Variant) throws {
        guard variant.checksum != .weak else { return }
        let rig = try makeRig(variant, limit: 5, pages: 20)
        rig.scan(2)
        #expect(figures(rig) == [4, 16, 0, 1, 4])
        let half = stride(from: 1, through: 19, by: 2).map { UInt32($0) }
        for area in half { rig.memory.write([UInt8(area)], to: rig.page(area, 0)) }
        rig.scan()
        #expect(figures(rig) == [4, 6, 0, 1, 4] && rig.counters.pagesVolatile == 10)
        rig.scan()
        #expect(figures(rig) == [4, 6, 10, 1, 4])
        for area in half { rig.fill(area, 0..<1, "a") }
        rig.scan()
        #expect(figures(rig) == [4, 6, 0, 1, 4] && rig.counters.pagesVolatile == 10)
        rig.scan()
        #expect(figures(rig) == [4, 16, 0, 1, 4])
        rig.expectNothingLeft()
    }

    @Test("the page left over joins when a full node has room again", arguments: Variant.few)
    func leftover(variant: Variant) throws {
        let rig = try makeRig(variant, limit: 5, pages: 6)
        rig.scan(2)
        #expect(figures(rig) == [1, 4, 1, 0, 0])
        rig.unmap(3)
        rig.scan(2)
        #expect(figures(rig) == [1, 4, 0, 0, 0])
        rig.expectNothingLeft()
    }

    @Test("the node that stands in the tree leaves, and others are still found", arguments: Variant.few)
    func anchor(variant: Variant) throws {
        let rig = try makeRig(variant, limit: 3, pages: 9)
        rig.scan(2)
        #expect(figures(rig) == [3, 6, 0, 1, 3])
        let first = rig.memory.frame(of: rig.page(1, 0))
        for area in 1...9 as ClosedRange<UInt32> where rig.memory.frame(of: rig.page(area, 0)) == first {
            rig.unmap(area)
        }
        rig.scan()
        #expect(figures(rig) == [2, 4, 0, 1, 2])
        let second = rig.memory.frame(of: rig.page(9, 0))
        for area in 1...8 as ClosedRange<UInt32> where rig.memory.frame(of: rig.page(area, 0)) == second {
            rig.unmap(area)
        }
        rig.scan()
        #expect(figures(rig) == [2, 2, 0, 1, 2])
        for area in 20...21 as ClosedRange<UInt32> {
            try rig.add(area, space: area, pages: 1)
            rig.fill(area, 0..<1, "a")
        }
        rig.scan(2)
        #expect(figures(rig) == [2, 4, 0, 1, 2])
        rig.expectNothingLeft()
    }

    @Test("when pruning is due the fullest node with room takes the page", arguments: [0, 2000])
    func prune(milliseconds: Int) throws {
        let rig = try makeRig(Variant(), limit: 4, pages: 12)
        try rig.set("stable_node_chains_prune_millisecs", to: String(milliseconds))
        rig.scan(2)
        #expect(figures(rig) == [3, 9, 0, 1, 3])
        for area in [1, 2, 3, 5, 6, 9] as [UInt32] { rig.unmap(area) }
        rig.scan()
        rig.clock += 2500
        try rig.add(30, space: 30, pages: 1)
        rig.fill(30, 0..<1, "a")
        rig.scan(2)
        // 1, 2 and 3 pages: the three become four.
        #expect(rig.memory.frame(of: rig.page(30, 0)) == rig.memory.frame(of: rig.page(12, 0)))
    }

    @Test(
        "until then the first node that has room takes it",
        arguments: [(0, 0, true), (2000, 0, false), (2000, 1999, false), (2000, 2000, true), (60_000, 59_999, false)])
    func pruneInterval(interval: Int, elapsed: UInt64, isDue: Bool) throws {
        let rig = try makeRig(Variant(), limit: 4, pages: 12)
        try rig.set("stable_node_chains_prune_millisecs", to: String(interval))
        rig.scan(2)
        for area in [1, 2, 3, 5, 6, 9] as [UInt32] { rig.unmap(area) }
        rig.scan()
        try rig.add(30, space: 30, pages: 1)
        rig.fill(30, 0..<1, "a")
        rig.scan()
        // The chain has been there since the second scan, and the clock stands still while nobody moves it.
        rig.clock += elapsed
        rig.scan()
        let frames = [4, 7, 10].map { rig.memory.frame(of: rig.page($0, 0)) }
        #expect(Set(frames).count == 3)
        let joined = rig.memory.frame(of: rig.page(30, 0))
        #expect(joined == (isDue ? frames[2] : frames[0]))
        rig.expectNothingLeft()
    }

    @Test("KSM's first version knows no limit")
    func firstVersion() throws {
        let rig = Rig(Variant(dialect: .first, maxPageSharing: 2))
        try rig.add(1)
        rig.fill(1, 0..<20, "a")
        rig.scan(3)
        #expect(figures(rig) == [1, 19, 0, 0, 0])
        #expect(throws: AttributeError.self) { try rig.set("max_kernel_pages", to: "+1") }
    }

    @Test("which values are taken, and when")
    func attribute() throws {
        let rig = Rig()
        for value in ["0", "1", "-1", "x", "", "99x"] { #expect(kernelError(rig, value) == "EINVAL") }
        for value in ["2147483648", "4294967296", "99999999999999999999"] {
            #expect(kernelError(rig, value) == "ERANGE")
        }
        for value in ["2", "+5\n", "05", "2147483647"] { #expect(kernelError(rig, value) == nil) }
        #expect(try rig.value("max_page_sharing") == "2147483647")
        try rig.set("max_page_sharing", to: "5")
        try rig.add(1)
        rig.fill(1, 0..<7, "a")
        rig.scan(2)
        #expect(kernelError(rig, "5") == nil)
        #expect(kernelError(rig, "6") == "EBUSY")
        #expect(kernelError(rig, "1") == "EINVAL")
        #expect(kernelError(rig, "99999999999999999999") == "ERANGE")
        #expect(try rig.value("max_page_sharing") == "5")
        try rig.set("run", to: "2")
        rig.settle()
        #expect(kernelError(rig, "6") == nil)
        try rig.set("run", to: "1")
        rig.scan(2)
        #expect(figures(rig) == [2, 5, 0, 1, 2] || figures(rig) == [1, 5, 1, 0, 0])
    }

    private func kernelError(_ rig: Rig, _ value: String) -> String? {
        do throws(AttributeError) {
            try rig.merger.set("max_page_sharing", to: value)
            return nil
        } catch {
            return error.kernelError
        }
    }

    @Test("texts of numbers and switches as Linux reads them")
    func texts() throws {
        for (text, value) in [("5", 5), ("+5", 5), ("+0", 0), ("05", 5), ("5\n", 5), ("5\0", 5)] {
            #expect(try parseUnsignedAttribute(text, name: "a") == UInt64(value))
        }
        for text in ["5\n\n", " 5", "5 ", "0x5", "1x", "5\n6", "\n", "-1", "-0", "", "+", "++5", "4294967296"] {
            #expect(throws: AttributeError.self) { try parseUnsignedAttribute(text, name: "a") }
        }
        for text in ["y", "Yes", "e", "Enable", "true", "T", "10", "1x", "y\n", "on", "ON", "oNe"] {
            #expect(try parseBooleanAttribute(text, name: "a"))
        }
        for text in ["n", "No", "d", "Disabled", "false", "F", "0", "01", "off", "OF"] {
            #expect(try !parseBooleanAttribute(text, name: "a"))
        }
        for text in ["2", "\n", " 1", "-1", "+1", "", "o", "ox"] {
            #expect(throws: AttributeError.self) { try parseBooleanAttribute(text, name: "a") }
        }
    }
}
