import Assembly
import FrontEnd
import Glibc
import InProcess
import Merger

/// The demo: processes fill memory, a daemon merges it, and every byte is looked at after each step.
struct Demo: Sendable {
    /// A short pause, so that the steps take seconds.
    static let sleepMillisecs = 10

    var mebibytes: Int
    var processes: Int
    var checksum: String
    var tree: String

    /// Runs the steps, on the main thread; the daemon has threads of its own, and the view of it another.
    ///
    /// - Throws: What keeps the demo from running: not permitted, no agent, no memory, no files, a process that ends.
    @MainActor
    func run() async throws -> DemoReport {
        let agent = try AgentLibrary.find()
        let pageSize = try mergeablePageSize()
        let layout = DemoLayout(pagesPerProcess: mebibytes << 20 / pageSize, processes: processes)
        try checkAvailable(layout.pages * pageSize)
        let interruption = try Interruption()
        defer { interruption.end() }
        var configuration = SamepageConfiguration()
        configuration.checksum = checksum
        (configuration.stableTree, configuration.unstableTree) = (tree, tree)
        configuration.policyAttributes["sleep_millisecs"] = String(Demo.sleepMillisecs)
        let daemon = try await DemoDaemon(configuration)
        let result: Result<DemoReport, any Error>
        do {
            let group = try ProcessGroup(
                layout: layout, agent: agent, socketPath: daemon.socketPath, interruption: interruption)
            defer { group.end() }
            var steps = DemoSteps(layout: layout, group: group, daemon: daemon, pageSize: pageSize)
            (steps.report.checksum, steps.report.tree) = (checksum, tree)
            try await steps.run()
            result = .success(steps.report)
        } catch {
            result = .failure(error)
        }
        await daemon.stop()
        return try result.get()
    }

    /// Bytes in a page, where memory can be merged.
    ///
    /// - Throws: Why it cannot, and what to do.
    private func mergeablePageSize() throws -> Int {
        let merger = try InProcessMerger()
        defer { merger.stop() }
        if let limitation = merger.limitation { throw CommandFailure(limitation) }
        return merger.pageSize
    }

    private func checkAvailable(_ bytes: Int) throws(CommandFailure) {
        guard let available = Accounts.availableBytes(), bytes > available else { return }
        throw CommandFailure(
            "the demo needs \(Numbers.mebibytes(bytes)) MiB of memory and \(Numbers.mebibytes(available)) MiB are "
                + "available: use a smaller --mib or fewer --processes")
    }
}
