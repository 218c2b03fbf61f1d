import Merger
import PageChecksum
import PageMemory
import SimulatedMemory
import Testing

/// Programs that write in flight, at the one moment where it matters. Content is never at risk; what is tested is that
/// equal pages are still found when all is quiet again.
@Suite("Races")
struct RaceTests {
    @Test("a twin that is different for a moment is still found", arguments: Variant.few)
    func blinkingTwin(variant: Variant) throws {
        let rig = Rig(variant)
        try rig.add(1)
        rig.fill(1, 5..<6, "a")
        rig.scan(3)
        rig.fill(1, 1..<2, "a")
        rig.scan()
        let (twin, other, old) = (rig.page(1, 5), rig.bytes("b"), rig.bytes("a"))
        var moments = 0
        rig.memory.interference = { memory, moment in
            guard case .beforeComparing = moment else { return }
            moments += 1
            if moments == 1 { memory.write(other, to: twin) }
        }
        rig.scan()
        rig.memory.interference = nil
        rig.memory.write(old, to: twin)
        rig.scan(6)
        rig.expect(1, 1)
    }

    @Test("a page that changed, and joined under its old checksum, is still found", arguments: Variant.few)
    func staleChecksum(variant: Variant) throws {
        var variant = variant
        variant.batchPages = 1
        let rig = Rig(variant)
        // Observed together, and in two batches.
        try rig.add(1, pages: 128)
        rig.fill(1, 100..<101, "a")
        rig.scan(3)
        rig.fill(1, 1..<2, "a")
        rig.scan()
        rig.fill(1, 100..<101, "b")
        let (page, other) = (rig.page(1, 1), rig.bytes("b"))
        var isDone = false
        rig.memory.interference = { memory, moment in
            guard case .beforeComparing = moment, !isDone else { return }
            isDone = true
            memory.write(other, to: page)
        }
        rig.scan()
        rig.memory.interference = nil
        if !isDone { rig.fill(1, 1..<2, "b") }
        rig.scan(6)
        rig.expect(1, 1)
    }

    @Test("all pages of a content are found, also if two of them are in the unstable tree", arguments: [true, false])
    func twoInTheTree(isFirst: Bool) throws {
        for tree in [Variant.Tree.redBlack, .hashTable] {
            let rig = Rig(Variant(checksum: .weak, stable: tree, unstable: tree))
            try rig.add(1)
            try rig.add(2)
            let (one, other) = try alike(rig)
            rig.fill(1, 0..<1, isFirst ? one : other)
            rig.fill(1, 1..<2, isFirst ? other : one)
            rig.scan(3)
            rig.fill(2, 0..<1, one)
            rig.scan()
            // What was different becomes equal after it was observed, and before the third is looked up.
            let (changing, bytes) = (rig.page(1, isFirst ? 1 : 0), rig.bytes(one))
            rig.memory.interference = {
                if $1 == .beforeObserving(AreaID(rawValue: 2)) { $0.write(bytes, to: changing) }
            }
            rig.scan()
            rig.memory.interference = nil
            rig.scan(6)
            rig.expect(1, 2)
        }
    }

    @Test("a founder that changes does not disorder the stable tree", arguments: Variant.Tree.allCases)
    func disorderlyFounder(tree: Variant.Tree) throws {
        let rig = Rig(Variant(stable: tree))
        try rig.add(1)
        rig.fill(1, 0..<2, "n")
        rig.fill(1, 2..<4, "t")
        rig.scan(2)
        rig.fill(1, 4..<6, "p")
        rig.fill(1, 6..<8, "b")
        rig.scan()
        let (founder, last, bytes) = (rig.page(1, 4), PageContent.page(rig.page(1, 7)), rig.bytes("A"))
        var isDone = false
        rig.memory.interference = { memory, moment in
            guard case .beforeComparing(last, _) = moment, !isDone else { return }
            isDone = true
            memory.write(bytes, to: founder)
        }
        rig.scan()
        rig.memory.interference = nil
        rig.scan(2)
        rig.fill(1, 20..<21, "n")
        rig.scan(3)
        let counters = rig.counters
        #expect(counters.pagesShared == 3 && counters.pagesSharing == 4)
        rig.expectSound()
    }

    @Test(
        "two founders that become what is merged already are un-shared in 2009, and a second frame of it today",
        arguments: MergerDialect.allCases)
    func contentAlreadyThere(dialect: MergerDialect) throws {
        let tree = Variant.Tree.redBlackContent
        let rig = Rig(Variant(dialect: dialect, checksum: .weak, stable: tree, unstable: tree))
        try rig.add(1)
        // Of the same checksum: by another one it would be noticed that they changed.
        let (merged, other) = try alike(rig)
        rig.fill(1, 0..<2, merged)
        rig.scan(2)
        rig.fill(1, 2..<4, other)
        rig.scan()
        let (founders, bytes) = ([rig.page(1, 2), rig.page(1, 3)], rig.bytes(merged))
        rig.memory.interference = { memory, moment in
            if moment == .beforeMerging { for page in founders { memory.write(bytes, to: page) } }
        }
        rig.scan()
        rig.memory.interference = nil
        if dialect == .first { rig.expect(1, 1, volatile: 2) } else { rig.expect(2, 2) }
        rig.scan(3)
        if dialect == .first { rig.expect(1, 3) } else { rig.expect(2, 2) }
        rig.expectFilled(1, 0..<4, merged)
        rig.expectNothingLeft()
    }

    /// Two characters whose pages have the same weak checksum.
    private func alike(_ rig: Rig) throws -> (Character, Character) {
        var seen: [PageDigest: Character] = [:]
        for character in "abcdefghijklmnop" {
            rig.fill(1, 9..<10, character)
            var digests: [PageDigest?] = []
            rig.memory.takeChecksums(of: [rig.page(1, 9)], with: WeakChecksum(), into: &digests)
            let digest = try #require(digests[0])
            if let twin = seen[digest] {
                rig.memory.discard(rig.page(1, 9))
                return (twin, character)
            }
            seen[digest] = character
        }
        throw CancellationError()
    }
}
