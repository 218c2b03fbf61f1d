import PageMemory

extension MemoryExamination {
    mutating func checkFirstObservation() throws {
        let area = try harness.makeArea(pages: 16)
        let written: Set<UInt32> = [0, 1, 2, 5, 15]
        for index in written { harness.write(content(UInt64(index)), to: PageAddress(area: area, index: index)) }
        let report = try observe(area)
        expect(report.changed == written, "of pages \(written.sorted()), it reports \(report.changed.sorted())")
        expect(report.absent.isDisjoint(with: written), "pages that exist are reported absent")
        finish(area)
    }

    mutating func checkLaterObservations() throws {
        let contents = (0..<8).map { content(100 + $0) }
        let area = try area(contents)
        try expectChanged([], in: area, "while nothing was written")
        harness.write(content(1), to: page(area, 3))
        harness.write(content(2), to: page(area, 9))
        try expectChanged([3, 9], in: area, "after two writes")
        try expectChanged([], in: area, "after they were reported")

        // A write of the same bytes may be reported or not; it must not hide the one that follows.
        harness.write(contents[4], to: page(area, 4))
        harness.write(content(3), to: page(area, 4))
        try expectChanged([4], in: area, "after a write of the same bytes and one of others")
        harness.write(content(3), to: page(area, 4))
        _ = try observe(area)
        harness.write(content(4), to: page(area, 4))
        try expectChanged([4], in: area, "after an observation between a write of the same bytes and one of others")

        var last = content(4)
        last[pageSize - 1] ^= 1
        harness.write(last, to: page(area, 4))
        try expectChanged([4], in: area, "after a change of the last byte")
        if !tracksChanges {
            let report = try observe(area)
            expect(
                report.changed == [0, 1, 2, 3, 4, 5, 6, 7, 9],
                "a memory that does not track changes reports \(report.changed.sorted()), not all that exist")
        }
        finish(area)
    }

    mutating func checkPartialObservation() throws {
        let area = try harness.makeArea(pages: 16)
        for index in 0..<16 { harness.write(content(UInt64(index)), to: page(area, index)) }
        let middle = try observe(area, pages: 4..<8).changed
        expect(middle == [4, 5, 6, 7], "of pages 4 to 7, it reports \(middle.sorted())")
        let none = try observe(area, pages: 5..<5).changed
        expect(none.isEmpty, "of no pages, it reports \(none.sorted())")
        try expectChanged([0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15], in: area, "after pages 4 to 7 were observed")
        finish(area)
    }

    mutating func checkDiscarding() throws {
        let area = try area((0..<4).map { content($0) })
        harness.discard(page(area, 1))
        harness.discard(page(area, 9))
        let report = try observe(area)
        expect(report.absent.contains(1), "page 1 was discarded and is not reported absent")
        expect(report.absent.isDisjoint(with: [0, 2, 3]), "pages that exist are reported absent")
        expect(report.changed.isDisjoint(with: [1, 9]), "a discarded page is reported changed")
        expectContent(zeros, of: page(area, 1), "after it was discarded")
        harness.write(content(7), to: page(area, 1))
        try expectChanged([1], in: area, "after a discarded page was written")
        harness.discard(page(area, 2))
        harness.write(content(8), to: page(area, 2))
        try expectChanged([2], in: area, "after a page was discarded and written at once")
        finish(area)
    }

    mutating func checkForgetting() throws {
        let area = try area((0..<4).map { content($0) })
        let other = try self.area([content(9)])
        harness.memory.forgetObservations(of: area)
        try expectChanged([0, 1, 2, 3], in: area, "after observations were forgotten")
        try expectChanged([], in: area, "after that was reported")
        try expectChanged([], in: other, "after those of another area were forgotten")
        finish(area)
        finish(other)
    }

    mutating func checkUnknownArea() throws {
        let area = try area([content(1), content(1)])
        harness.dropArea(area)
        var runs = [ObservedRun(start: 0, count: 1, state: .changed)]
        do {
            try harness.memory.observe(area, pages: 0..<16, into: &runs)
            expect(false, "an area that was dropped is observed without an error")
        } catch {
            expect(error == .noSuchArea(area), "observing an area that was dropped throws \(error)")
        }
        expect(runs.isEmpty, "an observation that throws reports pages")
        let pages = [page(area, 0), page(area, 1)]
        merge(pages, from: .page(pages[0]), content(1), expecting: [.gone, .gone], "merging a dropped area")
        unmerge(pages, expecting: [.gone, .gone], "unmerging a dropped area")
        harness.memory.forgetObservations(of: area)
    }
}
