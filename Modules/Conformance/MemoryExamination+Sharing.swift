import PageMemory
import PageTree

extension MemoryExamination {
    mutating func checkRows() throws {
        let bytes = content(1)
        let area = try area([[UInt8]](repeating: bytes, count: 10))
        let row = mergeFounders(8, of: area, bytes, rowLength: 4)
        guard let row else { return finish(area) }
        for offset in 1..<row.count {
            let order = harness.memory.compare(.frame(row.first), .frame(row.frame(forPageAt: offset)))
            expect(order == .same, "frames of a row compare as \(order)")
        }
        merge([page(area, 8)], from: .row(row), bytes, expecting: [.merged], "joining a row of four frames")
        expectContents([[UInt8]](repeating: bytes, count: 10), of: area, "after a merge into a row")
        harness.write(content(2), to: page(area, 5))
        var contents = [[UInt8]](repeating: bytes, count: 10)
        contents[5] = content(2)
        expectContents(contents, of: area, "after a page of a row was written")
        finish(area, releasing: [row])
    }

    mutating func checkLongerRows() throws {
        let bytes = content(1)
        let contents = [[UInt8]](repeating: bytes, count: 8)
        let area = try area(contents)
        let short = mergeFounders(2, of: area, bytes)
        guard let short else { return finish(area) }
        let long = merge(
            (2..<8).map { page(area, $0) }, from: .copy(short.first), bytes, rowLength: 2,
            expecting: [SiteOutcome](repeating: .merged, count: 6), "merging into a longer row")
        expect(long != nil, "a longer row is not made")
        expectContents(contents, of: area, "after a merge into a longer row")
        try expectChanged([], in: area, "after a merge into a longer row")
        finish(area, releasing: [short, long])
    }

    mutating func checkWritingMerged() throws {
        let bytes = content(1)
        let area = try area([bytes, bytes, bytes])
        let row = mergeFounders(3, of: area, bytes)
        harness.write(content(2), to: page(area, 1))
        expectContents([bytes, content(2), bytes], of: area, "after a merged page was written")
        try expectChanged([1], in: area, "after a merged page was written")
        // The same bytes: the sharing is broken all the same.
        harness.write(bytes, to: page(area, 2))
        expectContents([bytes, content(2), bytes], of: area, "after a merged page was written with the same bytes")
        harness.write(content(3), to: page(area, 2))
        try expectChanged(tracksChanges ? [2] : [1, 2], in: area, "after a merged page was written twice")
        if let row {
            let order = harness.memory.compare(.page(page(area, 0)), .frame(row.first))
            expect(order == .same, "after writes of others, a merged page compares with its frame as \(order)")
        }
        harness.write(content(4), to: page(area, 0))
        expectContents([content(4), content(2), content(3)], of: area, "after all merged pages were written")
        finish(area, releasing: [row])
    }

    mutating func checkDiscardingMerged() throws {
        let bytes = content(1)
        let area = try area([bytes, bytes, bytes])
        let row = mergeFounders(3, of: area, bytes)
        harness.discard(page(area, 1))
        expectContents([bytes, zeros, bytes], of: area, "after a merged page was discarded")
        let report = try observe(area)
        expect(report.absent.contains(1), "a merged page was discarded and is not reported absent")
        unmerge(
            (0..<2).map { page(area, $0) }, expecting: [.merged, .gone], "unmerging after a page was discarded")
        expectContents([bytes, zeros, bytes], of: area, "after a discarded page was unmerged")
        finish(area, releasing: [row])
    }

    mutating func checkDiscardingBeforeMerge() throws {
        let bytes = content(1)
        let area = try area([bytes, bytes, bytes])
        harness.discard(page(area, 1))
        harness.write(bytes, to: page(area, 1))
        let row = mergeFounders(3, of: area, bytes)
        let report = try observe(area)
        expect(
            report.absent.isDisjoint(with: [0, 1, 2]) && report.changed.isDisjoint(with: [0, 1, 2]),
            "a page was discarded and filled again before it was merged, and is reported afterwards")
        expectContents([bytes, bytes, bytes], of: area, "after a page was discarded, filled again and merged")
        finish(area, releasing: [row])
    }

    mutating func checkUnmerging() throws {
        let bytes = content(1)
        let area = try area([bytes, bytes, bytes, bytes])
        let row = mergeFounders(4, of: area, bytes)
        harness.write(content(2), to: page(area, 2))
        unmerge(
            (0..<3).map { page(area, $0) }, expecting: [.merged, .merged, .merged], "unmerging, one page written before"
        )
        expectContents([bytes, bytes, content(2), bytes], of: area, "after pages were unmerged")
        harness.write(content(3), to: page(area, 0))
        expectContents([content(3), bytes, content(2), bytes], of: area, "after an unmerged page was written")
        let changed = try observe(area).changed
        expect(changed.isSuperset(of: [0, 2]), "pages written after an unmerge are not reported")
        let second = merge(
            [page(area, 1)], from: .page(page(area, 1)), bytes, expecting: [.merged], "merging an unmerged page")
        expectContents([content(3), bytes, content(2), bytes], of: area, "after an unmerged page was merged again")
        finish(area, releasing: [row, second])
    }

    mutating func checkReleasing() throws {
        let area = try area([content(1), content(1), content(2), content(2)])
        let row = mergeFounders(2, of: area, content(1))
        unmerge((0..<2).map { page(area, $0) }, expecting: [.merged, .merged], "unmerging all pages of a frame")
        harness.memory.release([row].compactMap { $0 })
        expectContents([content(1), content(1)], of: area, "after their frame was released")
        // A new frame may take the place of the old one.
        let next = merge(
            [page(area, 2), page(area, 3)], from: .page(page(area, 2)), content(2), expecting: [.merged, .merged],
            "merging after a release")
        expectContents(
            [content(1), content(1), content(2), content(2)], of: area, "after a frame was released and another made")
        finish(area, releasing: [next])
    }
}
