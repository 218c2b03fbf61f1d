import SimulatedMemory

/// What a program does, or what happens to it. Programs are named by slots, pages by their numbers; what does not apply at
/// the moment does nothing, so that any part of a sequence is a sequence.
enum ProgramStep: Sendable, Hashable {
    /// A new program, its first memory mergeable.
    case start(slot: Int, node: UInt8)
    case fork(slot: Int, child: Int)
    case exit(slot: Int)
    case map(slot: Int, Range<UInt64>, node: UInt8)
    case unmap(slot: Int, Range<UInt64>)
    case remap(slot: Int, Range<UInt64>, to: UInt64)
    case advise(slot: Int, Range<UInt64>, SimulatedAdvice)
    /// One of a few contents (0 is zeros) in whole pages.
    case fill(slot: Int, Range<UInt64>, content: UInt8)
    case writeLast(slot: Int, page: UInt64, byte: UInt8)
    /// What is there already.
    case rewrite(slot: Int, page: UInt64)
    case pin(slot: Int, page: UInt64)
    case unpin(slot: Int, page: UInt64)

    static let slots = 5
    static let contents: UInt8 = 5
    /// Programs use the pages below this: more than a chunk of the merger.
    static let end: UInt64 = 96
    /// What a new program maps: across a boundary of chunks, and with holes.
    static let firstMappings: [Range<UInt64>] = [0..<10, 12..<16, 58..<72]

    /// Few pages, so that they are hit often.
    private static func page(_ random: inout some RandomNumberGenerator) -> UInt64 {
        [0, 1, 2, 3, 9, 12, 15, 58, 63, 64, 71, 80].randomElement(using: &random)!
    }

    private static func pages(_ random: inout some RandomNumberGenerator) -> Range<UInt64> {
        let first = Bool.random(using: &random) ? page(&random) : UInt64.random(in: 0..<end, using: &random)
        let count: UInt64 = [1, 1, 2, 3, 8, 20, 60].randomElement(using: &random)!
        return first..<min(first + count, end)
    }

    static func random(nodes: Int, using random: inout some RandomNumberGenerator) -> ProgramStep {
        let slot = Int.random(in: 0..<slots, using: &random)
        let content = UInt8.random(in: 0..<contents, using: &random)
        let node = UInt8.random(in: 0..<UInt8(nodes), using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<28:
            let page = page(&random)
            return .fill(slot: slot, page..<page + 1, content: content)
        case 28..<38: return .fill(slot: slot, pages(&random), content: content)
        case 38..<43: return .writeLast(slot: slot, page: page(&random), byte: content % 2)
        case 43..<47: return .rewrite(slot: slot, page: page(&random))
        case 47..<52: return .start(slot: slot, node: node)
        case 52..<62: return .fork(slot: slot, child: Int.random(in: 0..<slots, using: &random))
        case 62..<69: return .exit(slot: slot)
        case 69..<72: return .map(slot: slot, pages(&random), node: node)
        case 72..<75: return .unmap(slot: slot, pages(&random))
        case 75..<80: return .remap(slot: slot, pages(&random), to: page(&random))
        case 80..<85: return .advise(slot: slot, pages(&random), .mergeable)
        case 85..<89: return .advise(slot: slot, pages(&random), .unmergeable)
        case 89..<93: return .advise(slot: slot, pages(&random), .dontNeed)
        case 93..<97: return .pin(slot: slot, page: page(&random))
        default: return .unpin(slot: slot, page: page(&random))
        }
    }
}

/// What a random test does to a machine.
enum MachineOperation: Sendable, Hashable {
    case program(ProgramStep)
    /// At one of the next moments of the merger's work, a program does something.
    case race(after: Int, ProgramStep)
    /// The same to the page that the merger is at, at the worst of moments.
    case strike(Instant, after: Int, Strike)
    case scan(Int)
    case wakeUp(Int)
    case run(Int)
    /// `max_page_sharing`, `merge_across_nodes`, `use_zero_pages`
    case limit(UInt32)
    case acrossNodes(Bool)
    case zeros(Bool)
    /// Memory ends after so many allocations, until it is said anew; `nil` for never.
    case shortage(Int?)
    /// Every n-th observation fails from now on; 0 for none.
    case blind(every: Int)
    /// Everything is quiet for some scans; then all figures must be right.
    case quiesce

    /// Moments at which the merger is at a page.
    enum Instant: Sendable, Hashable, CaseIterable { case examined, verified, mapped, unmerged }

    /// What a program does to such a page.
    enum Strike: Sendable, Hashable {
        case write(UInt8), discard, unmergeable, unmap, exit

        static func random(using random: inout some RandomNumberGenerator) -> Strike {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5: .write(UInt8.random(in: 0..<ProgramStep.contents, using: &random))
            case 5..<7: .discard
            case 7: .unmergeable
            case 8: .unmap
            default: .exit
            }
        }
    }

    static func random(nodes: Int, using random: inout some RandomNumberGenerator) -> MachineOperation {
        switch Int.random(in: 0..<200, using: &random) {
        case 0..<100: .program(.random(nodes: nodes, using: &random))
        case 100..<118:
            .race(after: Int.random(in: 0..<40, using: &random), .random(nodes: nodes, using: &random))
        case 118..<132:
            .strike(
                Instant.allCases.randomElement(using: &random)!, after: Int.random(in: 0..<4, using: &random),
                .random(using: &random))
        case 132..<158: .scan(Int.random(in: 1...3, using: &random))
        case 158..<168: .wakeUp(Int.random(in: 1...4, using: &random))
        case 168..<173: .run([0, 1, 1, 2].randomElement(using: &random)!)
        case 173..<176: .limit([2, 3, 5, 256].randomElement(using: &random)!)
        case 176..<179: .acrossNodes(Bool.random(using: &random))
        case 179..<181: .zeros(Bool.random(using: &random))
        case 181..<188: .shortage([nil, nil, 0, 1, 3, 8, 20].randomElement(using: &random)!)
        case 188..<190: .blind(every: [0, 0, 1, 2, 5].randomElement(using: &random)!)
        default: .quiesce
        }
    }

    /// A sequence: two programs first, then whatever comes.
    static func sequence(
        of length: Int, nodes: Int, using random: inout some RandomNumberGenerator
    ) -> [MachineOperation] {
        [.program(.start(slot: 0, node: 0)), .program(.start(slot: 1, node: UInt8(nodes - 1)))]
            + (0..<length).map { _ in MachineOperation.random(nodes: nodes, using: &random) } + [.quiesce]
    }
}
