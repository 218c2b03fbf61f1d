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
        var record = PageRecord(pages: 8, pageSize: 4096)
        #expect(record.zeroPages == 8)
        #expect(record.duplicatePages == 8)
        for page in 0..<3 { (record[page], record[4 + page]) = (100 + UInt64(page), 100 + UInt64(page)) }
        record[6] = 999
        // Zeros twice, 100 and 101 twice each, two of a kind of their own.
        #expect(record.zeroPages == 2)
        #expect(record.duplicatePages == 4)
        #expect(PageRecord(hashes: record.hashes + record.hashes, pageSize: 4096).duplicatePages == 12)
    }

    @Test func layoutHasEachKind() {
        let layout = DemoLayout(pagesPerProcess: 2048, processes: 3)
        let kinds = (0..<2048).map(layout.kind(ofPage:))
        #expect(kinds.count { $0 == .zeros } == 128)
        #expect(kinds.count { $0 == .own } == 128)
        let written = (0..<3).map { process in (0..<2048).count { layout.isWritten(page: $0, process: process) } }
        #expect(written == [96, 32, 0])
        #expect((0..<2048).contains { layout.isWritten(page: $0, process: 0) && layout.kind(ofPage: $0) == .zeros })
    }

    @Test func marksDiffer() {
        let layout = DemoLayout(pagesPerProcess: 2048, processes: 4)
        let marks = (0..<4).flatMap { process in
            (0..<2048).map { layout.mark(page: $0, process: process, pageSize: 4096) }
        }
        #expect(Set(marks.map(\.value)).count == marks.count)
        #expect(marks.allSatisfy { $0.offset % 8 == 0 && $0.offset + 8 <= 4096 })
    }

    @Test func answersAreReadAsTheyAreSaid() {
        for answer in [DemoAnswer.progress(0), .progress(77), .done(0), .done(123), .failed("no memory: a b")] {
            #expect(DemoAnswer(line: answer.line) == answer)
        }
        #expect(DemoAnswer.failed("two\nlines").line == "failed two lines")
        for line in ["", "done", "done ", "done -1", "done 1 2", "progress x", "ready 1", "done 99999999999999999999"] {
            #expect(DemoAnswer(line: line) == nil, "'\(line)'")
        }
        for request in DemoRequest.allCases { #expect(DemoRequest(rawValue: request.rawValue) == request) }
    }

    @Test func linesComeInPieces() {
        var buffer = LineBuffer()
        buffer.append("do".utf8)
        #expect(buffer.next() == nil)
        buffer.append("ne 1\n\nprogress".utf8)
        #expect(buffer.next() == "done 1")
        #expect(buffer.next() == "")
        #expect(buffer.next() == nil)
        #expect(!buffer.isOverfull)
        buffer.append(Array(repeating: UInt8(ascii: "x"), count: LineBuffer.longestLine))
        #expect(buffer.isOverfull)
    }

    @Test func accountsOfTheKernel() {
        let text = """
            00400000-7fff ---p [rollup]
            Rss:            1234 kB
            Pss_Shmem:        96 kB
            Anonymous:       512 kB
            Swap:              8 kB

            """
        #expect(Accounts.kibibytes("Anonymous", in: text) == 512 << 10)
        #expect(Accounts.kibibytes("AnonHugePages", in: text) == nil)
        #expect(Accounts.kibibytes("Anonymous", in: "Anonymous:  many kB\n") == nil)
        // What is swapped out was not given back by merging.
        #expect(Accounts.Process(smapsRollup: text)?.anonymousBytes == 520 << 10)
        #expect(Accounts.Process(smapsRollup: text)?.sharedBytes == 96 << 10)
        #expect(Accounts.Process(smapsRollup: "Anonymous:  4 kB\n") == nil)
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
