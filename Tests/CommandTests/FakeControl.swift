import FrontEnd
import Merger
import PageMemory
import Synchronization

/// A merger that only answers. Root sees and sets everything, others see that they are others.
final class FakeControl: MergerControl {
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    let pageSize = 4096
    let values = Mutex(["run": "1", "row_length": "64", "odd": "two\nlines\\ \u{1B}[1m"])

    /// Set by a request that takes long: until somebody clears it, or five seconds.
    let isSlow = Atomic<Bool>(false)

    func counters() throws -> Counters {
        var counters = Counters()
        (counters.pagesShared, counters.pagesSharing, counters.pagesSaved) = (10, 90, 90)
        (counters.items, counters.zeroPages, counters.pagesScanned) = (120, 5, UInt64.max)
        counters.notMerged = [.busy: 3, .mapLimit: 4]
        return counters
    }

    func attributes() throws -> [String] {
        ["run", "row_length", "pages_shared", "pages_sharing", "general_profit", "odd"]
    }

    func value(of attribute: String) throws -> String {
        guard let value = values.withLock({ $0[attribute] }) else {
            throw Refusal(description: "there is no attribute '\(attribute)'")
        }
        return value
    }

    func set(_ attribute: String, to value: String) throws {
        _ = try self.value(of: attribute)
        if value == "slow" {
            isSlow.store(true, ordering: .releasing)
            for _ in 0..<500 where isSlow.load(ordering: .acquiring) { usleepTenMilliseconds() }
        }
        values.withLock { $0[attribute] = value }
    }

    func description() throws -> MergerDescription {
        var description = MergerDescription()
        (description.checksum, description.stableTree, description.unstableTree) = (
            "xxh3-128", "hash-table", "red-black"
        )
        (description.policy, description.memory, description.frontEnds) = ("fixed", "daemon", ["control", "terminal"])
        (description.uptimeSeconds, description.domains, description.storedBytes) = (3725, 2, 40960)
        description.cpuNanoseconds = 1_500_000_000
        description.writesWaited = 12
        description.rewrittenPages = "trap"
        description.limitation = "a limitation\nof two lines"
        return description
    }

    func clients() throws -> [ClientReport] {
        var first = ClientReport(pid: 200, user: 1000, command: "redis server")
        (first.mergeableBytes, first.pagesSharing, first.zeroPages) = (1 << 20, 90, 5)
        (first.profitBytes, first.orphanedPages) = (-4096, 2)
        first.rmapItems = 120
        first.notMerged = ["locked in memory": 8192, "huge pages, device": 4096]
        var second = ClientReport(pid: 100, user: 0, command: "\u{301} \\\n\u{7}")
        second.mergeableBytes = 3 << 30
        return [first, second]
    }

    func asSeen(by user: UInt32) -> any MergerControl { user == 0 ? self : Stranger() }

    private struct Stranger: MergerControl {
        let pageSize = 4096
        func counters() throws -> Counters { Counters() }
        func attributes() throws -> [String] { ["run"] }
        func value(of attribute: String) throws -> String { "stranger" }
        func set(_ attribute: String, to value: String) throws { throw Refusal(description: "only root may") }
    }
}
