import FixedPolicy
import HashTableIndex
import Merger
import PageMemory
import PageTree
import RedBlackTree
import SimulatedMemory
import Simulation
import Testing
import XXHashChecksum

/// Ways to run a machine: both dialects, trees by checksum and by content, memory that tracks changes or not.
struct Setting: Sendable, CustomStringConvertible {
    var dialect = MergerDialect.linux
    var byContent = false
    var tracksChanges = true

    var description: String { "\(dialect.rawValue) \(byContent ? "content" : "checksum") tracks:\(tracksChanges)" }

    static let all = MergerDialect.allCases.flatMap { dialect in
        [(false, true), (true, true), (true, false), (false, false)].map {
            Setting(dialect: dialect, byContent: $0.0, tracksChanges: $0.1)
        }
    }
    static let todays = all.filter { $0.dialect == .linux }

    /// A machine with the kernel's settings, but for a pace that scans everything in one wake-up.
    func makeMachine(limit: UInt32 = 256, zeros: Bool = false, nodes: Int = 1) -> SimulatedMachine {
        var configuration = MergerConfiguration()
        configuration.dialect = dialect
        configuration.usesZeroPages = zeros
        configuration.rowLength = 1
        configuration.maxPageSharing = limit
        let tree: any PageTree = byContent ? RedBlackTree(order: .content) : HashTable()
        return SimulatedMachine(
            parts: MergerParts(
                checksum: XXH3Checksum(), stableTree: tree, unstableTree: tree,
                policy: FixedPolicy(pagesToScan: 1_000_000, sleepMillisecs: 20), configuration: configuration),
            pageSize: 64, tracksChanges: tracksChanges, nodeCount: nodes)
    }
}

extension SimulatedMachine {
    /// A program with mergeable pages, filled.
    func start(_ number: UInt32, pages: UInt64, fill: Character? = nil, node: UInt8 = 0) throws -> AddressSpaceID {
        let space = AddressSpaceID(rawValue: number)
        try memory.map(space, pages: 0..<pages, node: node)
        try memory.advise(space, 0..<pages, .mergeable)
        if let fill { try memory.fill(space, 0..<pages, with: fill.asciiValue!) }
        return space
    }

    func fill(_ space: AddressSpaceID, _ pages: Range<UInt64>, _ character: Character) throws {
        try memory.fill(space, pages, with: character.asciiValue!)
    }

    /// Scans, and expects pages_shared, pages_sharing, pages_unshared and pages_volatile.
    func expect(
        after scans: UInt64 = 0, _ figures: [Int], _ comment: Comment? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        if scans > 0 { #expect(scan(scans) == scans, comment, sourceLocation: sourceLocation) }
        let found = [
            counters.pagesShared, counters.pagesSharing, counters.pagesUnshared, counters.pagesVolatile,
        ]
        #expect(found == figures, comment, sourceLocation: sourceLocation)
        #expect(memory.violations == [], comment, sourceLocation: sourceLocation)
        #expect(memory.bookkeepingViolations() == [], comment, sourceLocation: sourceLocation)
    }
}
