import Daemon
import FrontEnd
import Merger

extension DemoDaemon {
    /// Full scans without a merged page after which there is nothing left to merge.
    private static let quietScans: UInt64 = 3

    /// Waits until the daemon scans all memory of all processes.
    ///
    /// - Parameter bytes: The memory of each.
    /// - Throws: Which process's memory is not scanned after 20 seconds, and why.
    func waitForClients(_ group: ProcessGroup, bytes: Int) throws {
        let deadline = Accounts.wallNanoseconds() + 20_000_000_000
        while true {
            try checkRuns()
            let missing = try missingClient(group, bytes: bytes)
            guard let missing else { return }
            guard Accounts.wallNanoseconds() < deadline else {
                throw notScanned(missing.pid, bytes, missing.client)
            }
            try group.pause(milliseconds: 10)
        }
    }

    /// A process that is no client now, or whose memory is not all scanned.
    private func missingClient(_ group: ProcessGroup, bytes: Int) throws -> (pid: Int32, client: ClientReport?)? {
        let clients = try control.clients()
        for process in group.processes {
            let client = clients.first { $0.pid == process.pid }
            guard let client, client.mergeableBytes >= bytes else { return (process.pid, client) }
        }
        return nil
    }

    private func notScanned(_ pid: Int32, _ bytes: Int, _ client: ClientReport?) -> CommandFailure {
        if let limitation = try? control.description().limitation { return CommandFailure(limitation) }
        guard let client else {
            return CommandFailure(
                "the agent in process \(pid) has not reached the demo's daemon: build \(AgentLibrary.fileName) and the "
                    + "program together\(complaint)")
        }
        let reasons = client.notMerged.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .map { "\($0.key) (\(Numbers.mebibytes($0.value)) MiB)" }
        return CommandFailure(
            "only \(Numbers.mebibytes(client.mergeableBytes)) of \(Numbers.mebibytes(bytes)) MiB of process \(pid) can be "
                + "merged: \(reasons.isEmpty ? "no reason known" : reasons.joined(separator: ", "))\(complaint)")
    }

    /// Waits until nothing is left to merge. A process that has no time to answer the daemon is not served for a while,
    /// and is waited for.
    ///
    /// - Parameter bytes: The memory of each process.
    /// - Returns: The counters then.
    /// - Throws: That merging does not come to rest.
    func waitForQuiet(_ group: ProcessGroup, bytes: Int) throws -> Counters {
        let seconds = 120 + UInt64(bytes * group.processes.count >> 20) / 4
        let deadline = Accounts.wallNanoseconds() + seconds * 1_000_000_000
        var counters = try control.counters()
        var quietSince = counters.fullScans
        while true {
            try group.pause(milliseconds: 10)
            try checkRuns()
            let merged = counters.pagesMerged
            counters = try control.counters()
            if counters.pagesMerged != merged { quietSince = counters.fullScans }
            // The scan under way when it became quiet does not count.
            if counters.fullScans > quietSince + DemoDaemon.quietScans {
                if try missingClient(group, bytes: bytes) == nil { return counters }
                quietSince = counters.fullScans
            }
            guard Accounts.wallNanoseconds() < deadline else {
                throw CommandFailure("merging has not come to rest within \(seconds) seconds\(complaint)")
            }
        }
    }

    /// Waits until the merger counts nothing as merged, at most some seconds.
    ///
    /// - Returns: Pages that are still counted as merged.
    func waitUntilUnmerged(_ group: ProcessGroup) throws -> Int {
        var left = 0
        try wait(seconds: 10, group) {
            let counters = try control.counters()
            left = counters.pagesShared + counters.pagesSharing + counters.zeroPages
            return left == 0
        }
        return left
    }

    /// Waits until the memory of all frames is given back, at most as long as the daemon needs to notice.
    func waitUntilFramesAreGone(_ group: ProcessGroup) throws {
        try wait(seconds: 6, group) { try control.description().storedBytes == 0 }
    }

    private func wait(seconds: UInt64, _ group: ProcessGroup, until isDone: () throws -> Bool) throws {
        let deadline = Accounts.wallNanoseconds() + seconds * 1_000_000_000
        while try !isDone(), Accounts.wallNanoseconds() < deadline {
            try checkRuns()
            try group.pause(milliseconds: 50)
        }
    }
}
