import Testing
import samepage

/// The demo's own parts: what it finds must be true before its verdict means anything.
struct DemoPartsTests {
    /// A page of bytes that do not repeat.
    private static func page(_ seed: UInt64) -> [UInt64] {
        var state = seed
        return (0..<512).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }
    }

    private static func hash(_ page: [UInt64]) -> UInt64 {
        unsafe page.withUnsafeBytes { unsafe ContentHash.of($0) }
    }

    @Test(arguments: [UInt64(0), 1, 77])
    func oneWrongByteIsAlwaysSeen(seed: UInt64) {
        var page = seed == 0 ? [UInt64](repeating: 0, count: 512) : DemoPartsTests.page(seed)
        let right = DemoPartsTests.hash(page)
        for byte in 0..<4096 {
            let change = UInt64(1 + byte % 255) << UInt64(byte % 8 * 8)
            page[byte / 8] ^= change
            #expect(DemoPartsTests.hash(page) != right, "byte \(byte)")
            page[byte / 8] ^= change
        }
        #expect(DemoPartsTests.hash(page) == right)
    }

    @Test func exchangedWordsAreSeen() {
        var page = DemoPartsTests.page(5)
        let right = DemoPartsTests.hash(page)
        for other in 1..<512 {
            page.swapAt(0, other)
            #expect(DemoPartsTests.hash(page) != right, "word \(other)")
            page.swapAt(0, other)
        }
    }

    @Test func duplicatesAreCounted() {
        let layout = DemoLayout(pagesPerCopy: 4, copies: 2)
        var record = PageRecord(layout: layout, pageSize: 4096)
        #expect(record.zeroPages == 8)
        #expect(record.duplicatePages == 8)
        for copy in 0..<2 { for page in 0..<3 { record[copy, page] = 100 + UInt64(page) } }
        record[1, 2] = 999
        // Zeros twice, 100 and 101 twice each, two of a kind of their own.
        #expect(record.zeroPages == 2)
        #expect(record.duplicatePages == 4)
    }

    @Test func layoutHasEachKind() {
        let layout = DemoLayout(pagesPerCopy: 2048, copies: 3)
        let kinds = (0..<2048).map(layout.kind(ofPage:))
        #expect(kinds.count { $0 == .zeros } == 128)
        #expect(kinds.count { $0 == .own } == 128)
        let written = (0..<3).map { copy in (0..<2048).count { layout.isWritten(page: $0, copy: copy) } }
        #expect(written == [96, 32, 0])
        #expect((0..<2048).contains { layout.isWritten(page: $0, copy: 0) && layout.kind(ofPage: $0) == .zeros })
    }

    @Test func marksDiffer() {
        let layout = DemoLayout(pagesPerCopy: 2048, copies: 4)
        let marks = (0..<4).flatMap { copy in
            (0..<2048).map { layout.mark(page: $0, copy: copy, pageSize: 4096) }
        }
        #expect(Set(marks.map(\.value)).count == marks.count)
        #expect(marks.allSatisfy { $0.offset % 8 == 0 && $0.offset + 8 <= 4096 })
    }

    @Test func accountsOfTheKernel() {
        let text = "00400000-7fff ---p [rollup]\nRss:            1234 kB\nAnonymous:       512 kB\n"
        #expect(Accounts.kibibytes("Anonymous", in: text) == 512 << 10)
        #expect(Accounts.kibibytes("AnonHugePages", in: text) == nil)
        #expect(Accounts.kibibytes("Anonymous", in: "Anonymous:  many kB\n") == nil)
    }

    @Test func numbers() {
        #expect(Numbers.count(0) == "0")
        #expect(Numbers.count(999) == "999")
        #expect(Numbers.count(-1_234_567) == "-1,234,567")
        #expect(Numbers.fixed(1.005, decimals: 1) == "1.0")
        #expect(Numbers.fixed(-0.04, decimals: 1) == "0.0")
        #expect(Numbers.fixed(1999.96, decimals: 1) == "2,000.0")
        #expect(Numbers.fixed(2.5, decimals: 0) == "3")
        #expect(Numbers.mebibytes(3 << 19) == "1.5")
    }

    @Test func jsonNamesAreSortedAndPathsStayReadable() throws {
        let text = try JSONOutput.text(of: ["b": "/tmp/\"x\"", "a": "\n"])
        #expect(
            text == """
                {
                  "a" : "\\n",
                  "b" : "/tmp/\\"x\\""
                }

                """)
        #expect(throws: EncodingError.self) { try JSONOutput.text(of: [Double.infinity]) }
    }
}
