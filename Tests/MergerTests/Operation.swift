import PageMemory

/// What a random test does to a merger and its memory. Areas and pages are named by the place they have in a fixed
/// layout; what does not apply at the moment does nothing, so that any part of a sequence is a sequence.
enum Operation: Sendable, Hashable {
    /// The program writes one of a few contents (0 is zeros) to a whole page.
    case write(slot: Int, page: Int, content: Int)
    /// The program writes the last byte of a page.
    case writeLast(slot: Int, page: Int, byte: UInt8)
    /// The program writes what is there already.
    case rewrite(slot: Int, page: Int)
    case discard(slot: Int, page: Int)
    case add(slot: Int)
    case remove(slot: Int, Leaving)
    case run(Int)
    case scan(Int)
    /// Some requests, one by one.
    case step(Int)
    /// A request is fetched; it is answered before the next one is.
    case fetch
    /// At one of the next moments of the memory, the program does something.
    case race(after: Int, RacingChange, slot: Int, page: Int)
    /// From now on every n-th step of the memory on a page is refused; 0 for none.
    case refuse(every: Int, SiteOutcome)
    /// Other settings of what may merge: milliseconds, and address spaces.
    case narrow(age: UInt32, sharers: UInt8)
    /// Everything is quiet for some scans; then all figures must be right.
    case quiesce

    /// How an area goes.
    enum Leaving: Sendable, Hashable, CaseIterable { case unmap, unregister, unmerge }

    /// What happens in flight.
    enum RacingChange: Sendable, Hashable { case write(Int), writeLast(UInt8), blink, discard, unmap }

    static let slots = 5
    static let contents = 6

    /// Pages of the area in a slot: from a few up to more than a chunk of the merger.
    static func pageCount(ofSlot slot: Int) -> Int { [6, 20, 70, 3, 40][slot] }

    static func random(using random: inout some RandomNumberGenerator) -> Operation {
        let slot = Int.random(in: 0..<slots, using: &random)
        // Few pages, so that they are hit often; the last ones too.
        let count = pageCount(ofSlot: slot)
        let page = Bool.random(using: &random) ? Int.random(in: 0..<min(6, count), using: &random) : count - 1
        let content = Int.random(in: 0..<contents, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<34: return .write(slot: slot, page: page, content: content)
        case 34..<38: return .writeLast(slot: slot, page: page, byte: UInt8(content % 2))
        case 38..<42: return .rewrite(slot: slot, page: page)
        case 42..<46: return .discard(slot: slot, page: page)
        case 46..<50: return .add(slot: slot)
        case 50..<53: return .remove(slot: slot, Leaving.allCases.randomElement(using: &random)!)
        case 53..<55: return .run([0, 1, 1, 1, 2].randomElement(using: &random)!)
        case 55..<67: return .scan(Int.random(in: 1...3, using: &random))
        case 67..<75: return .step(Int.random(in: 1...6, using: &random))
        case 75..<79: return .fetch
        case 79..<93:
            let change: RacingChange =
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<4: .write(content)
                case 4: .writeLast(UInt8(content % 2))
                case 5..<7: .blink
                case 7..<9: .discard
                default: .unmap
                }
            return .race(after: Int.random(in: 0..<30, using: &random), change, slot: slot, page: page)
        case 93..<97:
            let answer: SiteOutcome = [.busy, .mapLimit, .outOfMemory, .unsupported].randomElement(using: &random)!
            return .refuse(every: [0, 0, 1, 2, 3, 5].randomElement(using: &random)!, answer)
        default: return .quiesce
        }
    }

    /// A sequence in which settings of what may merge change, too.
    static func narrowSequence(of length: Int, using random: inout some RandomNumberGenerator) -> [Operation] {
        sequence(of: length, using: &random).flatMap { operation -> [Operation] in
            guard Int.random(in: 0..<30, using: &random) == 0 else { return [operation] }
            let age: UInt32 = [0, 0, 40, 300].randomElement(using: &random)!
            return [.narrow(age: age, sharers: UInt8.random(in: 1...4, using: &random)), operation]
        }
    }

    /// A sequence: all areas first, then whatever comes.
    static func sequence(of length: Int, using random: inout some RandomNumberGenerator) -> [Operation] {
        (0..<slots).map { .add(slot: $0) } + (0..<length).map { _ in Operation.random(using: &random) } + [.quiesce]
    }
}
