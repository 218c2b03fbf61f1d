import Assembly
import FrontEnd
import InProcess
import Merger

/// The demo: fills memory, merges it, and looks at every byte after each step.
struct Demo: Sendable {
    var mebibytes: Int
    var copies: Int
    var checksum: String
    var tree: String

    /// Runs the steps, on the main thread; the merger has a thread of its own, and the view of it another.
    ///
    /// - Throws: What keeps the demo from running: not permitted, no memory, no files.
    @MainActor
    func run() async throws -> DemoReport {
        var stopwatch = Stopwatch()
        let all = stopwatch
        let merger = try makeMerger()
        defer { merger.stop() }
        if let limitation = merger.limitation { throw CommandFailure(limitation) }
        let layout = DemoLayout(pagesPerCopy: mebibytes << 20 / merger.pageSize, copies: copies)
        try checkAvailable(layout.pages * merger.pageSize)
        let memory = try DemoMemory(layout: layout, merger: merger)

        func finish(_ name: String, _ stopwatch: Stopwatch) throws -> DemoReport.Step {
            let (wall, cpu) = (stopwatch.wallSeconds, stopwatch.cpuSeconds)
            let resident = try Accounts.anonymousBytes() + merger.statistics().storedBytes
            return DemoReport.Step(
                name: name, residentBytes: resident, wrongPages: try memory.verify(), wallSeconds: wall, cpuSeconds: cpu
            )
        }

        var report = DemoReport()
        (report.checksum, report.tree, report.copies) = (checksum, tree, copies)
        report.files = try memory.fill()
        (report.pages, report.pageSize) = (layout.pages, merger.pageSize)
        (report.zeroPages, report.duplicatePages) = (memory.zeroPages, memory.duplicatePages)
        report.filled = try finish(report.filled.name, stopwatch)

        // The merger scans from here on: also while the demo reads, writes and verifies.
        try merger.set("run", to: "1")
        stopwatch = Stopwatch()
        let counters = try await showing(merger) { try merger.mergeNow() }
        (report.pagesShared, report.pagesSharing) = (counters.pagesShared, counters.pagesSharing)
        report.zeroPagesGivenBack = counters.zeroPages
        report.merged = try finish(report.merged.name, stopwatch)

        stopwatch = Stopwatch()
        let wrong = try memory.verify()
        report.reread = try finish(report.reread.name, stopwatch)
        report.reread.wrongPages += wrong

        stopwatch = Stopwatch()
        report.writtenPages = try memory.write()
        report.written = try finish(report.written.name, stopwatch)
        report.duplicatePagesAfterWrites = memory.duplicatePages

        stopwatch = Stopwatch()
        try await showing(merger) { try merger.mergeNow() }
        report.mergedAgain = try finish(report.mergedAgain.name, stopwatch)

        stopwatch = Stopwatch()
        try memory.unmerge()
        report.unmerged = try finish(report.unmerged.name, stopwatch)

        (report.total.wallSeconds, report.total.cpuSeconds) = (all.wallSeconds, all.cpuSeconds)
        return report
    }

    /// A merger that does not scan yet.
    private func makeMerger() throws -> InProcessMerger {
        var configuration = SamepageConfiguration()
        configuration.checksum = checksum
        (configuration.stableTree, configuration.unstableTree) = (tree, tree)
        configuration.merger.run = .stop
        return try InProcessMerger(configuration)
    }

    private func checkAvailable(_ bytes: Int) throws(CommandFailure) {
        guard let available = Accounts.availableBytes(), bytes > available else { return }
        throw CommandFailure(
            "the demo needs \(Numbers.mebibytes(bytes)) MiB of memory and \(Numbers.mebibytes(available)) MiB are "
                + "available: use a smaller --mib or fewer --copies")
    }

    /// Shows the merger on the terminal while something is done.
    @MainActor @discardableResult
    private func showing<R>(_ merger: InProcessMerger, _ body: () throws -> R) async throws -> R {
        guard let view = StrategyRegistry.standard.frontEnds["terminal"]?() else { return try body() }
        // What the view cannot show is no reason to stop.
        let task = Task.detached { try? await view.run(merger) }
        let result = Result { try body() }
        task.cancel()
        await task.value
        return try result.get()
    }
}
