import PageMemory
import PageTree

extension MemoryExamination {
    mutating func checkFounders() throws {
        let contents = [content(1), content(1), content(2)]
        let area = try area(contents)
        let row = mergeFounders(2, of: area, contents[0])
        expectContents(contents, of: area, "after a merge")
        try expectChanged(tracksChanges ? [] : [2], in: area, "after a merge")
        let reported = try observe(area)
        expect(reported.changed.isDisjoint(with: [0, 1]), "merged pages that nobody wrote to are reported changed")
        expect(reported.absent.isDisjoint(with: [0, 1, 2]), "merged pages are reported absent")
        if let row {
            let order = harness.memory.compare(.page(page(area, 1)), .frame(row.first))
            expect(order == .same, "a merged page compares with its frame as \(order)")
        }
        finish(area, releasing: [row])
    }

    mutating func checkJoiners() throws {
        let bytes = content(1)
        let area = try area([bytes, bytes, bytes, content(2)])
        let row = mergeFounders(2, of: area, bytes)
        guard let row else { return finish(area) }
        let pages = [page(area, 2), page(area, 3), page(area, 10)]
        let expected: [SiteOutcome] = [.merged, .changed, .gone]
        merge(pages, from: .row(row), bytes, expecting: expected, "joining a row")
        expectContents([bytes, bytes, bytes, content(2)], of: area, "after a third page joined")
        harness.write(content(3), to: page(area, 0))
        _ = try observe(area)
        merge([page(area, 0)], from: .row(row), bytes, expecting: [.changed], "joining with other bytes")
        harness.write(bytes, to: page(area, 0))
        _ = try observe(area)
        merge([page(area, 0)], from: .row(row), bytes, expecting: [.merged], "joining again after writes")
        expectContents([bytes, bytes, bytes, content(2)], of: area, "after a page joined again")
        finish(area, releasing: [row])
    }

    mutating func checkUnequalPages() throws {
        let bytes = content(1)
        var first = bytes
        first[0] ^= 1
        var last = bytes
        last[pageSize - 1] ^= 0x80
        let contents = [bytes, first, bytes, last]
        let area = try area(contents)
        let row = merge(
            (0..<4).map { page(area, $0) }, from: .page(page(area, 0)), bytes,
            expecting: [.merged, .changed, .merged, .changed], "merging pages of which two differ in a byte")
        expectContents(contents, of: area, "after a merge of unequal pages")
        for index in [1, 3] {
            harness.write(content(9), to: page(area, index))
            expectContents([bytes], of: area, "after a page that was not merged was written")
        }
        finish(area, releasing: [row])
    }

    mutating func checkChangedSource() throws {
        let believed = content(1)
        let contents = [content(2), believed, believed]
        let area = try area(contents)
        let row = merge(
            (0..<3).map { page(area, $0) }, from: .page(page(area, 0)), believed,
            expecting: [.changed, .changed, .changed], "merging when the source has changed")
        expectContents(contents, of: area, "after a merge whose source had changed")
        harness.discard(page(area, 0))
        let second = merge(
            (0..<3).map { page(area, $0) }, from: .page(page(area, 0)), believed,
            expecting: [.gone, .changed, .changed], "merging when the source is gone")
        expectContents([zeros, believed, believed], of: area, "after a merge whose source was gone")
        finish(area, releasing: [row, second])
    }

    mutating func checkZeros() throws {
        var nearly = zeros
        nearly[pageSize - 1] = 1
        let contents = [zeros, nearly, zeros]
        let area = try area(contents)
        merge(
            [0, 1, 2, 5].map { page(area, $0) }, from: .zeros, zeros,
            expecting: [.merged, .changed, .merged, .gone], "giving zeros back")
        expectContents(contents, of: area, "after zeros were given back")
        let report = try observe(area)
        expect(report.changed.isDisjoint(with: [0, 2]), "pages given back are reported changed")
        harness.write(content(4), to: page(area, 0))
        expectContents([content(4), nearly, zeros], of: area, "after a page given back was written")
        try expectChanged(tracksChanges ? [0] : [0, 1], in: area, "after a page given back was written")
        finish(area)
    }

    mutating func checkSeveralGroups() throws {
        let bytes = [content(1), content(2), content(3)]
        let first = try area([bytes[0], bytes[1], zeros, bytes[2]])
        let second = try area([bytes[1], bytes[0], bytes[2], zeros])
        let groups = bytes.map { MergeGroup(source: .zeros, digest: digest($0), rowLength: 1) }
        var plan = MergePlan(groups: groups + [MergeGroup(source: .zeros, digest: digest(zeros), rowLength: 1)])
        let places = [(0, first, 0), (1, first, 1), (2, first, 3), (3, first, 2), (1, second, 0), (0, second, 1)]
        for (group, area, index) in places + [(2, second, 2), (3, second, 3)] {
            plan.sites.append(MergeSite(page: page(area, index), group: UInt32(group)))
        }
        for group in 0..<3 { plan.groups[group].source = .page(plan.sites[group].page) }
        // Not equal after all by the time of the merge.
        harness.write(content(9), to: page(second, 1))
        var outcome = MergeOutcome()
        harness.memory.merge(plan, into: &outcome)
        let expected: [SiteOutcome] = [.merged, .merged, .merged, .merged, .merged, .changed, .merged, .merged]
        expect(outcome.sites == expected, "the outcome is \(outcome.sites), expected \(expected)")
        expect(outcome.rows.map { $0 != nil } == [true, true, true, false], "the rows are \(outcome.rows)")
        expectContents([bytes[0], bytes[1], zeros, bytes[2]], of: first, "after a merge of several groups")
        expectContents([bytes[1], content(9), bytes[2], zeros], of: second, "after a merge of several groups")
        harness.dropArea(first)
        expectContents([bytes[1], content(9), bytes[2], zeros], of: second, "after the other area was dropped")
        finish(second, releasing: outcome.rows)
    }
}
