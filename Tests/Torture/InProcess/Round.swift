import Assembly
import InProcess
import Merger

/// One round: a merger and regions of their own, actors, and a check of everything at the end.
struct Round {
    let number: Int
    let options: TortureOptions
    let contents: Contents
    let findings: Findings
    let children: Children
    private static let fieldCount = 4

    var kinds: Set<Kind> {
        var kinds = Set(options.kinds)
        // What was forked is busy until it is written: some rounds have no forks, or only raw ones.
        switch number % 6 {
        case 0, 1: kinds.remove(.rawfork)
        case 2, 3: kinds.subtract([.fork, .rawfork])
        default: kinds.remove(.fork)
        }
        return kinds
    }

    /// Runs for so long. Returns the merger's own numbers, or `nil` when it could not be started.
    func run(nanoseconds: UInt64) throws -> (Counters, MemoryStatistics) {
        var configuration = SamepageConfiguration()
        configuration.policyAttributes = ["pages_to_scan": "65536", "sleep_millisecs": "0"]
        configuration.merger.rowLength = number % 3 == 0 ? 1 : 64
        configuration.merger.usesZeroPages = number % 5 != 4
        configuration.inProcess.rewrittenPages = options.traps ? .trap : .leave
        #if Mutants
            configuration.inProcess.mutants = options.mutant?.bits ?? 0
        #endif
        let merger = try InProcessMerger(configuration)
        if let limitation = merger.limitation { throw TortureError(message: limitation) }
        let fieldPages = options.mib * 256 / Round.fieldCount
        let fields = try (0..<Round.fieldCount).map { place in
            try Field(
                pages: fieldPages, first: place * fieldPages, adopting: place >= 2, inherited: place != 3, in: merger)
        }
        let ledger = Ledger(pages: fieldPages * Round.fieldCount)
        let scene = Scene(
            merger: merger, fields: fields, ledger: ledger, contents: contents, findings: findings,
            seed: options.seed &+ UInt64(number) &* 1000)
        let workers = start(scene)
        let end = Raw.now + nanoseconds
        while Raw.now < end, !scene.isStopping { Raw.sleep(microseconds: 5000) }
        scene.stop()
        for worker in workers { worker.join() }
        let result = (try merger.counters(), try merger.statistics())
        try finish(scene)
        ledger.free()
        return result
    }

    /// Starts the actors; each block belongs to one of those that write.
    private func start(_ scene: Scene) -> [Worker] {
        var workers: [Worker] = []
        var stream = 1
        func add(_ body: @escaping @Sendable (Random) -> Void) {
            let random = Random(seed: scene.seed, stream)
            stream += 1
            workers.append(Worker { body(random) })
        }
        let kinds = kinds
        for (transport, kind, blocks, discards) in owners(scene, kinds) {
            let number = stream
            add { _ in
                var owner = Owner(scene: scene, kind: kind, transport: transport, blocks: blocks, stream: number)
                for block in blocks { owner.fill(block, scene.contents.pick(&owner.random)) }
                owner.run(discarding: discards)
            }
        }
        if kinds.contains(.read) {
            add { random in
                var reader = Reader(scene: scene, random: random)
                reader.run()
            }
        }
        if kinds.contains(.fork) {
            add { random in
                var forker = Forker(scene: scene, random: random)
                forker.run()
            }
        }
        for kind in [Kind.spawn, .rawfork] where kinds.contains(kind) {
            add { random in
                var spawner = Spawner(scene: scene, kind: kind, random: random)
                spawner.run()
            }
        }
        if kinds.contains(.regions) {
            add { random in
                var actor = RegionActor(scene: scene, random: random)
                actor.run()
            }
        }
        add { random in
            var controller = Controller(scene: scene, kinds: kinds, random: random)
            controller.run()
        }
        return workers
    }

    /// The owners of blocks: five of plain stores, one or two of each other kind.
    private func owners(
        _ scene: Scene, _ kinds: Set<Kind>
    ) -> [(any Transport, Kind, [Int], Bool)] {
        var list: [(any Transport, Kind)] = []
        for _ in 0..<5 where kinds.contains(.store) { list.append((Stores(), .store)) }
        if kinds.contains(.pipe) { list.append((PipeReads(), .pipe)) }
        if kinds.contains(.vm) { list.append((VMWrites(), .vm)) }
        for stream in 0..<2 where kinds.contains(.vmslow) {
            if let slow = SlowWrites(seed: scene.seed &+ UInt64(stream)) {
                list.append((slow, .vmslow))
            } else {
                findings.count("vmslow: userfaultfd is not permitted")
            }
        }
        if kinds.contains(.vmchild) { list.append((ChildWrites(child: children.writing, stalls: false), .vmchild)) }
        if kinds.contains(.vmstall) { list.append((ChildWrites(child: children.stalling, stalls: true), .vmstall)) }
        func add(_ kind: Kind, _ make: () throws(TortureError) -> any Transport) {
            guard kinds.contains(kind) else { return }
            do throws(TortureError) {
                list.append((try make(), kind))
            } catch {
                findings.count("\(kind.rawValue) left out: \(error)")
            }
        }
        add(.direct) { () throws(TortureError) in try DirectReads(hasOwnTable: false) }
        add(.table) { () throws(TortureError) in try DirectReads(hasOwnTable: true) }
        add(.fuse) { () throws(TortureError) in FileReads(server: try children.files.get()) }
        add(.device) { () throws(TortureError) in try DeviceWrites() }
        if kinds.contains(.uring) {
            if let ring = RingReads() {
                list.append((ring, .uring))
            } else {
                findings.count("uring: the kernel has none")
            }
        }
        guard !list.isEmpty else { return [] }
        var shares = [[Int]](repeating: [], count: list.count)
        var random = Random(seed: scene.seed, 999)
        // Extents go round, in an order of chance.
        var turns: [Int] = []
        for first in stride(from: 0, to: scene.pages / Block.pages, by: Block.perExtent) {
            if turns.isEmpty { turns = Array(list.indices) }
            let turn = turns.remove(at: random.below(turns.count))
            let end = min(first + Block.perExtent, scene.pages / Block.pages)
            shares[turn] += (first..<end).map { $0 * Block.pages }
        }
        let discards = kinds.contains(.discard)
        return list.indices.map { (list[$0].0, list[$0].1, shares[$0], discards) }
    }

    /// Checks everything, in one of two orders, and lets go.
    private func finish(_ scene: Scene) throws {
        if number % 3 == 1 {
            scene.merger.stop()
            scene.verifyAll("the merger stopped")
        } else {
            scene.verifyAll("the actors stopped")
            try scene.merger.set("run", to: "2")
            scene.verifyAll("everything unmerged")
        }
        for field in scene.fields {
            try field.end { field in
                for page in field.first..<field.first + field.pages {
                    if let text = scene.mismatch(page, scene.ledger.done(page)) {
                        scene.findings.wrong("released: \(text)")
                    }
                }
            }
        }
        scene.merger.stop()
    }
}

/// Processes that write into this one; started before there are threads, they live as long as the torture.
struct Children {
    let writing = WritingChild()
    let stalling = WritingChild()
    let files: Result<FileServer, TortureError>

    init() {
        files = Result { () throws(TortureError) in try FileServer() }
    }

    func end() {
        writing.end()
        stalling.end()
        if case .success(let server) = files { server.end() }
    }
}

/// Why the torture cannot run.
struct TortureError: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
