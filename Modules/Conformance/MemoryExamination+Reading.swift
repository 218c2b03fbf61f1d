import PageChecksum
import PageMemory
import PageTree

extension MemoryExamination {
    mutating func checkChecksums() throws {
        let contents = [content(1), content(2), zeros, content(1)]
        let area = try area(contents)
        var digests: [PageDigest?] = [nil]
        harness.memory.takeChecksums(of: [0, 1, 2, 3, 8].map { page(area, $0) }, with: checksum, into: &digests)
        let expected = contents.map { PageDigest?.some(digest($0)) } + [nil]
        expect(digests == expected, "five pages have \(digests), expected \(expected)")
        harness.write(content(3), to: page(area, 1))
        harness.discard(page(area, 3))
        harness.memory.takeChecksums(of: [page(area, 1), page(area, 3)], with: checksum, into: &digests)
        expect(digests == [digest(content(3)), nil], "after a write and a discard, they are \(digests)")
        harness.dropArea(area)
        harness.memory.takeChecksums(of: [page(area, 0)], with: checksum, into: &digests)
        expect(digests == [nil], "a dropped area has checksums")
    }

    mutating func checkComparing() throws {
        var middle = content(5)
        middle[pageSize / 2] = 0x7f
        var above = middle
        above[pageSize / 2] = 0x80
        var early = above
        early[0] = middle[0] &- 1
        var late = middle
        late[pageSize - 1] ^= 0xff
        let contents = [middle, above, early, late, middle]
        let area = try area(contents)
        for (left, first) in contents.enumerated() {
            for (right, second) in contents.enumerated() {
                let expected: PageOrder =
                    first == second ? .same : first.lexicographicallyPrecedes(second) ? .before : .after
                let order = harness.memory.compare(.page(page(area, left)), .page(page(area, right)))
                expect(order == expected, "pages \(left) and \(right) compare as \(order), expected \(expected)")
            }
        }
        let absent = harness.memory.compare(.page(page(area, 0)), .page(page(area, 12)))
        expect(absent == .gone, "a page that holds nothing compares as \(absent)")
        harness.discard(page(area, 4))
        let discarded = harness.memory.compare(.page(page(area, 4)), .page(page(area, 0)))
        expect(discarded == .gone, "a discarded page compares as \(discarded)")

        harness.write(middle, to: page(area, 4))
        _ = try observe(area)
        let row = merge(
            [page(area, 0), page(area, 4)], from: .page(page(area, 0)), middle, expecting: [.merged, .merged],
            "merging to compare with a frame")
        if let row {
            let frame = PageContent.frame(row.first)
            for (index, expected) in [.same, .after, .before].enumerated() as EnumeratedSequence<[PageOrder]> {
                let order = harness.memory.compare(.page(page(area, index)), frame)
                let isRight = index == 2 ? order != .same && order != .gone : order == expected
                expect(isRight, "page \(index) compares with a frame as \(order)")
            }
            let same = harness.memory.compare(frame, frame)
            expect(same == .same, "a frame compares with itself as \(same)")
        }
        finish(area, releasing: [row])
        let dropped = harness.memory.compare(.page(page(area, 0)), .page(page(area, 0)))
        expect(dropped == .gone, "a page of a dropped area compares as \(dropped)")
    }
}
