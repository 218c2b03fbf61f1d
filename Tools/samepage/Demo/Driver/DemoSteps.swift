import Assembly
import Daemon
import FrontEnd
import Merger

/// The steps of the demo, one after the other, and what each left behind.
@MainActor
struct DemoSteps {
    /// What was found so far.
    var report = DemoReport()
    private let layout: DemoLayout
    private let group: ProcessGroup
    private let daemon: DemoDaemon
    private let pageSize: Int

    /// Takes processes that have no content yet.
    init(layout: DemoLayout, group: ProcessGroup, daemon: DemoDaemon, pageSize: Int) {
        self.layout = layout
        self.group = group
        self.daemon = daemon
        self.pageSize = pageSize
        (report.pages, report.pageSize) = (layout.pages, pageSize)
    }

    /// Runs all steps.
    ///
    /// - Throws: What kept a step from being done; wrong content is no error, but in the report.
    mutating func run() async throws {
        let all = Stopwatch(group)
        try fill()
        try await merge()

        var stopwatch = Stopwatch(group)
        let wrong = try verify()
        try finish(&report.reread, stopwatch)
        report.reread.wrongPages += wrong

        stopwatch = Stopwatch(group)
        report.writtenPages = try group.ask(.write, showing: "writing").reduce(0, +)
        try finish(&report.written, stopwatch)
        report.duplicatePagesAfterWrites = try group.record(pageSize: pageSize).duplicatePages

        stopwatch = Stopwatch(group)
        try await showing { try daemon.waitForQuiet(group, bytes: layout.pagesPerProcess * pageSize) }
        try finish(&report.mergedAgain, stopwatch)

        try unmerge()
        (report.total.wallSeconds, report.total.cpuSeconds) = (all.wallSeconds, all.cpuSeconds)
        try group.quit()
    }

    private mutating func fill() throws {
        let stopwatch = Stopwatch(group)
        report.files = try group.ask(.fill, showing: "filling").max() ?? 0
        try finish(&report.filled, stopwatch)
        // After the accounts: memory that counting took must not look like memory that merging gave back.
        let record = try group.record(pageSize: pageSize)
        (report.zeroPages, report.duplicatePages) = (record.zeroPages, record.duplicatePages)
    }

    private mutating func merge() async throws {
        let stopwatch = Stopwatch(group)
        _ = try group.ask(.mark, showing: "marking")
        try daemon.waitForClients(group, bytes: layout.pagesPerProcess * pageSize)
        let counters = try await showing { try daemon.waitForQuiet(group, bytes: layout.pagesPerProcess * pageSize) }
        (report.pagesShared, report.pagesSharing) = (counters.pagesShared, counters.pagesSharing)
        report.zeroPagesGivenBack = counters.zeroPages
        let clients = try daemon.control.clients()
        report.processes = group.processes.map { process in
            let client = clients.first { $0.pid == process.pid }
            return DemoReport.Process(
                pid: Int(process.pid), mergeableBytes: client?.mergeableBytes ?? 0,
                mergedBytes: client.map { ($0.pagesSharing + $0.zeroPages) * pageSize } ?? 0)
        }
        try finish(&report.merged, stopwatch)
    }

    private mutating func unmerge() throws {
        let stopwatch = Stopwatch(group)
        _ = try group.ask(.unmerge, showing: "unmerging")
        report.pagesLeftMerged = try daemon.waitUntilUnmerged(group)
        let (wallSeconds, cpuSeconds) = (stopwatch.wallSeconds, stopwatch.cpuSeconds)
        // The processes have their memory again; the daemon frees its own behind their backs.
        try daemon.waitUntilFramesAreGone(group)
        try finish(&report.unmerged, stopwatch)
        (report.unmerged.wallSeconds, report.unmerged.cpuSeconds) = (wallSeconds, cpuSeconds)
    }

    /// Takes the accounts after a step, and verifies.
    private func finish(_ step: inout DemoReport.Step, _ stopwatch: Stopwatch) throws {
        (step.wallSeconds, step.cpuSeconds) = (stopwatch.wallSeconds, stopwatch.cpuSeconds)
        step.resident = try resident()
        step.wrongPages = try verify()
    }

    /// Reads every byte; the pages whose content is wrong.
    private func verify() throws -> Int { try group.ask(.verify, showing: "verifying").reduce(0, +) }

    /// Memory by the kernel's accounts.
    private func resident() throws -> DemoReport.Resident {
        var own = DemoReport.Resident()
        let daemon = try Accounts.process()
        var sharedBytes = daemon.sharedBytes
        own.daemon = daemon.anonymousBytes
        for process in group.processes {
            let accounts = try Accounts.process(process.pid)
            own.processes.append(accounts.anonymousBytes)
            sharedBytes += accounts.sharedBytes
        }
        // The store also has frames that nobody has looked at yet; agents also have buffers that they share with the
        // daemon. The larger sum has at least all frames.
        own.frames = max(sharedBytes, try self.daemon.control.description().storedBytes)
        return own
    }

    /// Shows the merger on the terminal while something is done.
    @discardableResult
    private func showing<R>(_ body: () throws -> R) async throws -> R {
        guard let view = StrategyRegistry.standard.frontEnds["terminal"]?(daemon.socketPath) else { return try body() }
        // What the view cannot show is no reason to stop.
        let control = daemon.control
        let task = Task.detached { try? await view.run(control) }
        let result = Result { try body() }
        task.cancel()
        await task.value
        return try result.get()
    }
}

/// Time and merging CPU used since a moment.
@MainActor
struct Stopwatch {
    private let group: ProcessGroup
    private let wall = Accounts.wallNanoseconds()
    private let cpu: UInt64

    /// Starts.
    init(_ group: ProcessGroup) {
        self.group = group
        cpu = Stopwatch.mergingNanoseconds(group)
    }

    /// Time since the start.
    var wallSeconds: Double { Double(Accounts.wallNanoseconds() - wall) / 1e9 }

    /// CPU time since the start.
    var cpuSeconds: Double {
        let now = Stopwatch.mergingNanoseconds(group)
        return now > cpu ? Double(now - cpu) / 1e9 : 0
    }

    /// The daemon's and all agents'.
    private static func mergingNanoseconds(_ group: ProcessGroup) -> UInt64 {
        group.processes.reduce(Accounts.mergingNanoseconds()) { $0 + Accounts.mergingNanoseconds($1.pid) }
    }
}
