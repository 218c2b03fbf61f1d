/// What a page holds: a content, and perhaps one stamped word. Counts the operations on the page.
struct PageState: Hashable {
    var bits: UInt64

    init(bits: UInt64) { self.bits = bits }

    init(number: UInt64, content: Int, stamped: Int?) {
        bits = number << 32 | UInt64((stamped ?? -1) + 1) << 16 | UInt64(content)
    }

    /// Operations on the page so far.
    var number: UInt64 { bits >> 32 }
    var content: Int { Int(bits & 0xFFFF) }
    /// The stamped word.
    var stamped: Int? {
        let word = Int(bits >> 16 & 0xFFFF)
        return word == 0 ? nil : word - 1
    }

    /// The value that a word has in this state.
    func value(of word: Int, page: Int, _ contents: Contents) -> UInt64 {
        word == stamped ? PageState.stamp(page: page, number: number) : contents.word(content, word)
    }

    /// No other page, and no other operation on this one, has this stamp.
    static func stamp(page: Int, number: UInt64) -> UInt64 {
        0x5 << 60 | UInt64(page) << 36 | number & 0xF_FFFF_FFFF
    }
}

/// What every page should hold, by its owner; readable by everyone, children included.
///
/// An owner writes down what it is about to do, does it, and writes down that it is done. A reader that looks at the
/// second before it reads the page, and at the first afterwards, knows the page's states at both ends of
/// its look: if at most one operation lies between, every word must be as in one of the two.
struct Ledger: Sendable {
    private let done: UInt
    private let begun: UInt
    let pages: Int

    init(pages: Int) {
        self.pages = pages
        done = Raw.map(pages * 8, shared: true)
        begun = Raw.map(pages * 8, shared: true)
    }

    func free() {
        Raw.unmap(done, pages * 8)
        Raw.unmap(begun, pages * 8)
    }

    /// The state after the last operation that is done.
    func done(_ page: Int) -> PageState { PageState(bits: Raw.load(done + UInt(page * 8))) }

    /// The state after the last operation that was begun.
    func begun(_ page: Int) -> PageState { PageState(bits: Raw.load(begun + UInt(page * 8))) }

    func begin(_ page: Int, _ state: PageState) { Raw.store(state.bits, begun + UInt(page * 8)) }

    func finish(_ page: Int, _ state: PageState) { Raw.store(state.bits, done + UInt(page * 8)) }
}
