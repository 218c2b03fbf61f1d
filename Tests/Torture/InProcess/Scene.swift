import InProcess
import Synchronization

/// What all actors of a round share.
final class Scene: Sendable {
    let merger: InProcessMerger
    let fields: [Field]
    let ledger: Ledger
    let contents: Contents
    let findings: Findings
    let seed: UInt64
    private let stopping = Atomic<Bool>(false)
    /// About how long a full scan takes at the moment, in nanoseconds.
    let scanTime = Atomic<Int>(20_000_000)

    init(
        merger: InProcessMerger, fields: [Field], ledger: Ledger, contents: Contents, findings: Findings, seed: UInt64
    ) {
        self.merger = merger
        self.fields = fields
        self.ledger = ledger
        self.contents = contents
        self.findings = findings
        self.seed = seed
    }

    var isStopping: Bool { stopping.load(ordering: .relaxed) || findings.isBad }

    func stop() { stopping.store(true, ordering: .relaxed) }

    var pages: Int { ledger.pages }

    func field(of page: Int) -> Field { fields[page / fields[0].pages] }

    func address(_ page: Int) -> UInt { field(of: page).address(page) }

    func load(_ page: Int, _ word: Int) -> UInt64 { Raw.load(address(page) + UInt(word * 8)) }

    /// Checks a page that nobody writes to now; the first wrong word in words.
    func mismatch(_ page: Int, _ state: PageState) -> String? {
        let address = address(page)
        for word in 0..<Raw.words {
            let found = Raw.load(address + UInt(word * 8))
            if found != state.value(of: word, page: page, contents) {
                return describe(page, word, found, state, state)
            }
        }
        return nil
    }

    /// Checks every page at rest.
    func verifyAll(_ when: String) {
        for page in 0..<pages {
            if let text = mismatch(page, ledger.done(page)) { findings.wrong("\(when): \(text)") }
        }
        findings.count("pages verified at rest", pages)
    }

    /// One wrong word, told so that it can be understood.
    func describe(_ page: Int, _ word: Int, _ found: UInt64, _ before: PageState, _ after: PageState) -> String {
        func text(_ value: UInt64) -> String {
            switch value >> 60 {
            case 0x5: "stamp \(value & 0xF_FFFF_FFFF) of page \(value >> 36 & 0xFF_FFFF)"
            case 0xB: "word \(value >> 36 & 0x1FF) of content \(value >> 48 & 0xFFF)"
            default: "0x" + String(value, radix: 16)
            }
        }
        let field = page / fields[0].pages
        return "page \(page) of field \(field), word \(word): \(text(found)) instead of "
            + "\(text(after.value(of: word, page: page, contents))) (operation \(after.number), "
            + "content \(after.content); before: operation \(before.number), "
            + "\(text(before.value(of: word, page: page, contents))))"
    }
}
