/// The contents that pages have but for one stamped word. Every word tells which content it belongs to, so that a
/// page can never pass for another.
struct Contents: Sendable {
    /// So many, with 0 for a page of zeros.
    static let count = 1024
    /// Contents that very many pages share: they get rows of frames.
    static let popular = 8

    private let table: UInt

    init() {
        table = Raw.map(Contents.count * Raw.page)
        for content in 1..<Contents.count {
            for word in 0..<Raw.words {
                var mixed = (UInt64(content) << 9 | UInt64(word)) &* 0x9E37_79B9_7F4A_7C15
                mixed ^= mixed >> 31
                let value = 0xB << 60 | UInt64(content) << 48 | UInt64(word) << 36 | mixed & 0xF_FFFF_FFFF
                Raw.store(value, address(content) + UInt(word * 8))
            }
        }
    }

    /// Where the bytes of a content are.
    func address(_ content: Int) -> UInt { table + UInt(content * Raw.page) }

    func word(_ content: Int, _ word: Int) -> UInt64 { Raw.load(address(content) + UInt(word * 8)) }

    /// Contents for the pages of a block.
    func pick(_ random: inout Random) -> [Int] {
        let all = 0..<Block.pages
        switch random.below(10) {
        case 0...4:
            // Neighbours, so that long runs merge.
            let start = random.below(Contents.count / Block.pages) * Block.pages
            return all.map { start + $0 }
        case 5...7:
            return all.map { _ in random.below(Contents.count) }
        case 8:
            let one = 1 + random.below(Contents.popular)
            return all.map { _ in one }
        default:
            return all.map { _ in 0 }
        }
    }
}

/// Neighbouring pages with one owner.
enum Block {
    static let pages = 16
    static let bytes = pages * Raw.page
    /// Neighbouring blocks that one owner gets together.
    static let perExtent = 8
}
