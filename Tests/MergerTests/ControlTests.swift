import Merger
import PageMemory
import ScanPolicy
import SimulatedMemory
import Testing

@Suite("Control attributes")
struct ControlTests {
    func merged(_ variant: Variant = Variant()) throws -> Rig {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<8, "a")
        rig.fill(1, 8..<12, "b")
        rig.scan(3)
        rig.expect(2, 10)
        return rig
    }

    @Test("run 2 twice is run 2 once; run 1 afterwards merges to the same numbers", arguments: Variant.few)
    func unmergeTwice(variant: Variant) throws {
        let rig = try merged(variant)
        for _ in 0..<2 {
            try rig.set("run", to: "2")
            rig.settle()
            rig.expect(0, 0)
            #expect(rig.memory.tally.unmerges == 12)
            #expect(rig.merger.run == .unmerge && !rig.merger.isUnmerging)
        }
        rig.scan()
        rig.expect(0, 0)
        try rig.set("run", to: "1")
        rig.scan()
        rig.expect(0, 0, volatile: 12)
        rig.scan()
        rig.expect(2, 10)
        rig.expectFilled(1, 0..<8, "a")
        rig.expectFilled(1, 8..<12, "b")
    }

    @Test("run 0 keeps what is merged, and scans nothing")
    func stopped() throws {
        let rig = try merged()
        try rig.set("run", to: "0\n")
        rig.fill(1, 0..<1, "c")
        rig.memory.tally = SimulatedTally()
        rig.scan(3)
        #expect(rig.memory.tally == SimulatedTally())
        #expect(rig.counters.pagesSharing == 10)
        try rig.set("run", to: "1")
        rig.scan(2)
        rig.expect(2, 9, unshared: 1)
    }

    @Test("max_kernel_pages keeps new contents from being shared, not pages from joining", arguments: Variant.few)
    func maxKernelPages(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.set("row_length", to: "1")
        try rig.set("max_kernel_pages", to: "1")
        try rig.add(1, pages: 8)
        for page in 0..<8 { rig.fill(1, page..<page + 1, page % 2 == 0 ? "a" : "b") }
        rig.scan(6)
        // Four a and four b, alternating: one frame for a; one b stays in the unstable tree for ever.
        rig.expect(1, 3, volatile: 3, unshared: 1)
        try rig.set("max_kernel_pages", to: "0")
        rig.scan(3)
        rig.expect(2, 6)
        try rig.set("max_kernel_pages", to: "18446744073709551615\n")
        #expect(try rig.value("max_kernel_pages") == "18446744073709551615")
        #expect(throws: AttributeError.self) { try rig.set("max_kernel_pages", to: "18446744073709551616") }
        #expect(throws: AttributeError.self) { try rig.set("max_kernel_pages", to: "-1") }
    }

    @Test("max_kernel_pages below what is in use frees nothing", arguments: MergerDialect.allCases)
    func lowered(dialect: MergerDialect) throws {
        let rig = try merged(Variant(dialect: dialect))
        try rig.set("max_kernel_pages", to: "1")
        rig.fill(1, 12..<13, "a")
        rig.fill(1, 13..<15, "c")
        rig.scan(3)
        // More of what is shared joins; a third content has to wait.
        rig.expect(2, 11, volatile: 1, unshared: 1)
    }

    @Test("an unmerge that fails turns run into 0 and is told", arguments: [SiteOutcome.outOfMemory, .busy])
    func unmergeFails(answer: SiteOutcome) throws {
        let rig = try merged()
        let stubborn = rig.page(1, 3)
        rig.memory.refusal = { $0 == .unmerge && $1 == stubborn ? answer : nil }
        try rig.set("run", to: "2")
        rig.settle()
        #expect(rig.merger.run == .stop)
        #expect(rig.takeUnmergeFailures() == 1)
        #expect(rig.takeUnmergeFailures() == 0)
        rig.expect(1, 0, volatile: 11)
        rig.memory.refusal = nil
        try rig.set("run", to: "2")
        rig.settle()
        rig.expect(0, 0)
    }

    @Test("an area that cannot be unmerged stays; later it goes")
    func departureFails() throws {
        let rig = try merged()
        let (area, stubborn) = (AreaID(rawValue: 1), rig.page(1, 3))
        rig.memory.refusal = { $0 == .unmerge && $1 == stubborn ? .outOfMemory : nil }
        rig.merger.remove(area, unmerging: true)
        rig.settle()
        #expect(rig.contains(area) && rig.takeUnmergeFailures() == 1)
        rig.expect(1, 0, volatile: 11)
        rig.scan(3)
        rig.expect(2, 10)
        rig.memory.refusal = nil
        rig.merger.remove(area, unmerging: true)
        rig.settle()
        #expect(!rig.contains(area) && rig.counters.items == 0)
        #expect(rig.memory.census().own == 12 && rig.memory.census().frames == 0)
    }

    @Test(
        "bad values are refused and change nothing",
        arguments: [
            ("run", "3"), ("run", "-1"), ("run", ""), ("run", "1x"), ("run", "4294967296"), ("run", "1\n\n"),
            ("run", " 1"), ("run", "18446744073709551617"), ("pages_to_scan", "4294967296"), ("pages_to_scan", "-1"),
            ("sleep_millisecs", "4294967296"), ("sleep_millisecs", "x"), ("use_zero_pages", "2"), ("row_length", "0"),
        ])
    func badValues(attribute: String, value: String) throws {
        let rig = Rig()
        let before = try rig.value(attribute)
        #expect(throws: AttributeError.self) { try rig.set(attribute, to: value) }
        #expect(try rig.value(attribute) == before)
    }

    @Test("counters can only be read, and unknown names are unknown")
    func names() throws {
        let rig = Rig()
        for name in rig.merger.attributes { _ = try rig.value(name) }
        #expect(throws: AttributeError.readOnly(name: "pages_shared")) {
            try rig.set("pages_shared", to: "1")
        }
        #expect(throws: AttributeError.unknown(name: "colour")) { try rig.set("colour", to: "1") }
        #expect(throws: AttributeError.unknown(name: "colour")) { _ = try rig.value("colour") }
    }

    @Test("pages_to_scan bounds a wake-up, and 0 scans nothing")
    func pagesToScan() throws {
        var variant = Variant()
        variant.pagesToScan = 5
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<12, "a")
        var wakeUps: [UInt64] = []
        while rig.counters.fullScans == 0 {
            if rig.advance() != nil { wakeUps.append(rig.counters.pagesScanned) }
        }
        #expect(wakeUps == [5, 10, 12])
        rig.scan(1)
        rig.expect(1, 11)
        try rig.set("pages_to_scan", to: "0")
        let scanned = rig.counters.pagesScanned
        rig.scan(3)
        #expect(rig.counters.pagesScanned == scanned)
    }
}
