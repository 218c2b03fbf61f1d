import ControlSocket
import FrontEnd
import Synchronization

/// Asks the daemon for its counters all the time. They begin anew with each daemon, and what one counted since the last
/// answer is lost with it: sums are lower bounds.
final class Watcher: Sendable {
    private let socket: String
    private let epoch: Epoch
    private let state = Mutex(State())
    private let stopping = Atomic<Bool>(false)

    /// What the daemons have counted.
    struct Sums {
        var merged = 0
        var writesWaited = 0
        var changed = 0
        var busy = 0
        var fullScans = 0
        var mostSharing = 0
        var answers = 0

        mutating func add(_ other: Sums, less base: Sums) {
            merged += max(0, other.merged - base.merged)
            writesWaited += max(0, other.writesWaited - base.writesWaited)
            changed += max(0, other.changed - base.changed)
            busy += max(0, other.busy - base.busy)
            fullScans += max(0, other.fullScans - base.fullScans)
            mostSharing = max(mostSharing, other.mostSharing)
            answers += 1
        }
    }

    private struct State {
        var epoch = 0
        var last = Sums()
        var sums = Sums()
    }

    init(socket: String, epoch: Epoch) {
        self.socket = socket
        self.epoch = epoch
    }

    func stop() { stopping.store(true, ordering: .relaxed) }

    var sums: Sums { state.withLock { $0.sums } }

    func run() {
        let client = ControlClient(path: ControlSocket.path(besides: socket))
        while !stopping.load(ordering: .relaxed) {
            let number = epoch.current
            if number > 0, let status = try? client.status(), epoch.current == number { take(status, of: number) }
            Raw.sleep(microseconds: 100_000)
        }
    }

    private func take(_ status: ControlStatus, of number: Int) {
        var now = Sums()
        now.merged = status.number("pages_merged") ?? 0
        now.writesWaited = Int(status.description.writesWaited)
        now.changed = status.number("not_merged_changed") ?? 0
        now.busy = status.number("not_merged_busy") ?? 0
        now.fullScans = status.fullScans
        now.mostSharing = status.pagesGivenBack
        state.withLock { state in
            if state.epoch != number { (state.epoch, state.last) = (number, Sums()) }
            state.sums.add(now, less: state.last)
            state.last = now
        }
    }
}

/// Changes attributes of the daemon while it works, is stopped and dies.
final class AttributeChanger: Sendable {
    private let socket: String
    private let epoch: Epoch
    private let findings: Findings
    private let seed: UInt64
    private let state = Mutex((isAllowed: false, isBusy: false, isStopping: false))

    init(socket: String, epoch: Epoch, findings: Findings, seed: UInt64) {
        self.socket = socket
        self.epoch = epoch
        self.findings = findings
        self.seed = seed
    }

    /// What the daemon has where nothing else was set.
    static let usual = [
        ("run", "1"), ("row_length", "64"), ("pages_to_scan", "32768"), ("vma_budget_percent", "50"),
    ]

    func allow(_ isAllowed: Bool) { state.withLock { $0.isAllowed = isAllowed } }
    func stop() { state.withLock { $0.isStopping = true } }
    var isBusy: Bool { state.withLock { $0.isBusy } }

    func run() {
        var random = Random(seed: seed, 77)
        let client = ControlClient(path: ControlSocket.path(besides: socket))
        while !state.withLock({ $0.isStopping }) {
            let goes = state.withLock { state in
                state.isBusy = state.isAllowed
                return state.isAllowed
            }
            if goes {
                change(client, &random)
                state.withLock { $0.isBusy = false }
            }
            Raw.sleep(microseconds: 50_000 + random.below(600_000))
        }
    }

    private func change(_ client: ControlClient, _ random: inout Random) {
        switch random.below(5) {
        case 0:
            set(client, "run", "0")
            Raw.sleep(microseconds: random.below(300_000))
            set(client, "run", "1")
        case 1:
            set(client, "run", "2")
            Raw.sleep(microseconds: random.below(100_000))
            set(client, "run", "1")
        case 2: set(client, "row_length", ["1", "8", "64"][random.below(3)])
        case 3: set(client, "pages_to_scan", ["200", "3000", "32768", "32768"][random.below(4)])
        default: set(client, "vma_budget_percent", ["1", "20", "50", "90"][random.below(4)])
        }
    }

    private func set(_ client: ControlClient, _ name: String, _ value: String) {
        let number = epoch.current
        do throws(ControlError) {
            try client.set(name, to: value)
            findings.count("attributes set")
        } catch {
            // Who has no daemon any more has no answer.
            guard error.code == .refused, epoch.current == number, number > 0 else { return }
            if name == "run", value == "2" {
                findings.count("run 2 that did not find enough memory or map entries")
            } else {
                findings.failed("set \(name) \(value): \(error)")
            }
        }
    }
}
