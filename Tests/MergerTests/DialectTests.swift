import Merger
import PageMemory
import ScanPolicy
import SimulatedMemory
import Testing

@Suite("What KSM's first version and today's do differently")
struct DialectTests {
    /// Every tree, and both kinds of memory, in the dialect of 2009.
    static let first = Variant.few.map { variant in
        var variant = variant
        variant.dialect = .first
        return variant
    }

    static let both = Variant.few + first

    @Test("a page that equals a merged one joins on its first scan in 2009, on its second today", arguments: both)
    func joining(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<4, "a")
        rig.scan(2)
        rig.expect(1, 3)
        try rig.add(2, space: 2)
        rig.fill(2, 0..<3, "a")
        rig.scan()
        if variant.dialect == .first { rig.expect(1, 6) } else { rig.expect(1, 3, volatile: 3) }
        rig.scan()
        rig.expect(1, 6)
        rig.expectNothingLeft()
    }

    @Test("a page merged in this scan is joined in it by those behind it, also in another batch", arguments: first)
    func joiningInTheSameScan(variant: Variant) throws {
        var variant = variant
        variant.batchPages = 1
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<2, "a")
        rig.scan()
        rig.expect(0, 0, volatile: 2)
        rig.fill(1, 9..<10, "a")
        rig.scan()
        rig.expect(1, 2)
        rig.expectNothingLeft()
    }

    @Test("a page that has left the stable tree keeps its checksum today, and had lost it in 2009", arguments: both)
    func rewritten(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 0..<2, "a")
        rig.scan(2)
        rig.expect(1, 1)
        // Both leave, so that in 2009 no stable tree helps.
        rig.fill(1, 0..<2, "a")
        rig.scan()
        if variant.dialect == .first { rig.expect(0, 0, volatile: 2) } else { rig.expect(1, 1) }
        rig.scan()
        rig.expect(1, 1)
        rig.fill(1, 0..<1, "b")
        rig.scan()
        rig.expect(1, 0, volatile: 1)
        rig.scan()
        rig.expect(1, 0, unshared: 1)
        rig.expectNothingLeft()
    }

    @Test("with max_kernel_pages 1, one of two contents merges and the other waits for ever", arguments: both)
    func limit(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.set("max_kernel_pages", to: "1")
        try rig.add(1)
        for index in 0..<4 {
            rig.fill(1, 2 * index..<2 * index + 1, "a")
            rig.fill(1, 2 * index + 1..<2 * index + 2, "b")
        }
        for _ in 0..<4 {
            rig.scan(2)
            rig.expect(1, 3, volatile: 3, unshared: 1)
        }
        rig.expectNothingLeft()
    }

    @Test("pages of zeros merge as others do in 2009", arguments: first)
    func zeros(variant: Variant) throws {
        var variant = variant
        variant.usesZeroPages = true
        let rig = Rig(variant)
        try rig.add(1)
        rig.fillZeros(1, 0..<5)
        rig.scan(2)
        rig.expect(1, 4)
        rig.expectNothingLeft()
    }

    @Test("the names of 2009 mean what they meant")
    func names() throws {
        let rig = Rig(Variant(dialect: .first))
        try rig.add(1)
        rig.fill(1, 0..<5, "a")
        rig.fill(1, 5..<7, "b")
        rig.scan(2)
        #expect(rig.merger.attributes == MergerDialect.firstAttributes)
        #expect(try rig.value("kernel_pages_allocated") == "2")
        #expect(try rig.value("pages_shared") == "5")
        #expect(try rig.value("pages_sharing") == "5")
        #expect(try rig.merger.value(of: "pages_shared", in: .linux) == "2")
        #expect(try rig.merger.value(of: "kernel_pages_allocated", in: .linux) == "2")
        for name in ["kernel_pages_allocated", "pages_shared", "pages_sharing"] {
            #expect(throws: AttributeError.readOnly(name: name)) { try rig.set(name, to: "1") }
        }
    }

    @Test(
        "what is written to run and to numbers is refused with the kernel's error, and changes nothing", arguments: both
    )
    func badWrites(variant: Variant) throws {
        let rig = Rig(variant)
        for (name, values) in [
            ("run", ["3", "-1", "", "1x", "4294967296", " 1", "1 "]),
            ("pages_to_scan", ["4294967296", "-1", "", "1x", "99999999999999999999"]),
            ("sleep_millisecs", ["4294967296", "x"]), ("pages_shared", ["1"]), ("nosuch", ["1"]),
        ] {
            let before = try? rig.value(name)
            for value in values {
                let error = #expect(throws: AttributeError.self) { try rig.set(name, to: value) }
                let expected = ["pages_shared": "EACCES", "nosuch": "ENOENT"][name] ?? "EINVAL"
                #expect(error?.kernelError == expected, "\(name) '\(value)'")
                #expect((try? rig.value(name)) == before)
            }
        }
    }

    @Test("nothing to scan and no pause: the merger waits for another setting")
    func nothingToScan() throws {
        let rig = Rig()
        try rig.add(1)
        try rig.set("pages_to_scan", to: "0")
        rig.settle()
        #expect(rig.advance() == .wait)
        try rig.set("pages_to_scan", to: "10")
        #expect(rig.advance() != .wait)
    }
}
