import PageChecksum
import PageMemory

/// What all checks are made of.
extension MemoryExamination {
    var pageSize: Int { harness.memory.pageSize }
    var tracksChanges: Bool { harness.memory.tracksChanges }

    /// Notes a violation unless `condition` holds.
    mutating func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { found.append("\(title): \(message())") }
    }

    /// The bytes of a page; different for every number.
    func content(_ number: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed &* 1_000_003 &+ number)
        return random.bytes(count: pageSize)
    }

    var zeros: [UInt8] { [UInt8](repeating: 0, count: pageSize) }

    func digest(_ bytes: [UInt8]) -> PageDigest {
        // SAFETY: bytes of bytes; every one is initialized, and the span does not outlive `bytes`.
        unsafe checksum.digest(of: bytes.span.bytes)
    }

    /// An area whose first pages hold these contents; observed, so that later reports are about changes.
    mutating func area(_ contents: [[UInt8]], pages: UInt32 = 16) throws -> AreaID {
        let area = try harness.makeArea(pages: max(pages, UInt32(contents.count)))
        for (index, bytes) in contents.enumerated() { harness.write(bytes, to: page(area, index)) }
        _ = try observe(area)
        return area
    }

    func page(_ area: AreaID, _ index: Int) -> PageAddress { PageAddress(area: area, index: UInt32(index)) }

    /// The pages that an observation reports: changed and absent ones. Checks the form of the report.
    mutating func observe(
        _ area: AreaID, pages: Range<UInt32> = 0..<16
    ) throws -> (changed: Set<UInt32>, absent: Set<UInt32>) {
        var runs = [ObservedRun(start: 7, count: 7, state: .changed)]
        try harness.memory.observe(area, pages: pages, into: &runs)
        var changed: Set<UInt32> = []
        var absent: Set<UInt32> = []
        var end = pages.lowerBound
        for run in runs {
            expect(run.count > 0, "an observation reports a run of no pages")
            expect(
                run.start >= end && run.start + run.count <= pages.upperBound,
                "pages \(run.start) to \(run.start + run.count) are reported out of order or out of range")
            end = run.start + run.count
            switch run.state {
            case .changed, .hot, .inherited: changed.formUnion(run.start..<end)
            case .absent, .discarded, .zeroed: absent.formUnion(run.start..<end)
            }
        }
        return (changed, absent)
    }

    /// Observes and expects exactly these pages as changed on a memory that tracks changes, at least these elsewhere.
    mutating func expectChanged(_ expected: Set<UInt32>, in area: AreaID, _ moment: String) throws {
        let changed = try observe(area).changed
        let missing = expected.subtracting(changed).sorted()
        expect(missing.isEmpty, "\(moment), pages \(missing) changed and are not reported")
        let extra = changed.subtracting(expected).sorted()
        expect(extra.isEmpty || !tracksChanges, "\(moment), pages \(extra) did not change and are reported")
    }

    mutating func expectContent(_ bytes: [UInt8], of page: PageAddress, _ moment: String) {
        expect(harness.read(page) == bytes, "\(moment), page \(page.index) reads other bytes")
    }

    mutating func expectContents(_ contents: [[UInt8]], of area: AreaID, _ moment: String) {
        for (index, bytes) in contents.enumerated() { expectContent(bytes, of: page(area, index), moment) }
    }

    /// Carries out a plan of one group, expects these outcomes, and tells the row that was made.
    @discardableResult
    mutating func merge(
        _ pages: [PageAddress], from source: MergeSource, _ bytes: [UInt8], rowLength: UInt32 = 1,
        expecting expected: [SiteOutcome], _ moment: String
    ) -> FrameRow? {
        let group = MergeGroup(source: source, digest: digest(bytes), rowLength: rowLength)
        let plan = MergePlan(groups: [group], sites: pages.map { MergeSite(page: $0, group: 0) })
        var outcome = MergeOutcome(sites: [.unsupported], rows: [nil, nil, nil])
        harness.memory.merge(plan, into: &outcome)
        expect(outcome.sites == expected, "\(moment), the outcome is \(outcome.sites), expected \(expected)")
        guard outcome.rows.count == 1 else {
            expect(false, "\(moment), there are \(outcome.rows.count) rows for one group")
            return nil
        }
        guard let row = outcome.rows[0] else { return nil }
        switch source {
        case .zeros, .row: expect(false, "\(moment), a row is made that was not wanted")
        case .page, .copy:
            expect(row.count == rowLength, "\(moment), the row has \(row.count) frames, not \(rowLength)")
        }
        return row
    }

    /// Merges the first pages of an area, all with this content, and tells the row.
    mutating func mergeFounders(_ count: Int, of area: AreaID, _ bytes: [UInt8], rowLength: UInt32 = 1) -> FrameRow? {
        let pages = (0..<count).map { page(area, $0) }
        let outcomes = [SiteOutcome](repeating: .merged, count: count)
        let row = merge(
            pages, from: .page(pages[0]), bytes, rowLength: rowLength, expecting: outcomes, "merging equal pages")
        expect(row != nil, "merging equal pages makes no frame")
        return row
    }

    mutating func unmerge(_ pages: [PageAddress], expecting expected: [SiteOutcome], _ moment: String) {
        var outcomes: [SiteOutcome] = [.unsupported]
        harness.memory.unmerge(pages, into: &outcomes)
        expect(outcomes == expected, "\(moment), the outcome is \(outcomes), expected \(expected)")
    }

    /// Drops an area, then gives its frames back.
    mutating func finish(_ area: AreaID, releasing rows: [FrameRow?] = []) {
        harness.dropArea(area)
        harness.memory.release(rows.compactMap { $0 })
    }
}
