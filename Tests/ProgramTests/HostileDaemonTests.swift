import Conformance
import Glibc
import Remap
import Testing
import Wire

extension RealPrograms {
    /// A daemon that lies, and one that cannot speak: the program's memory stays as it was.
    struct HostileDaemonTests {
        private static let pages = 1024

        /// A program that is served, and its one area.
        private func serve(_ body: (StandInDaemon, Worker, WireArea) async throws -> Void) async throws {
            try await StandInDaemon.welcome(pages: Self.pages) { daemon, worker in
                try await body(daemon, worker, try await daemon.expectOneArea())
            }
        }

        /// Frames that are not the page, frames that nobody has, requests in any order, while the program uses its
        /// memory: what equals its frame merges, and no byte changes.
        @Test(.timeLimit(.minutes(1))) func framesThatAreNotThePage() async throws {
            try await serve { daemon, worker, area in
                var random = SplitMix64(seed: 7)
                var lies = Lies(area: area, segment: try LyingSegment(of: try worker.content(), random: &random))
                try lies.offerSegment(daemon)
                // At rest first: what is merged then has been compared with a page that is known.
                for _ in 0..<100 { try await lies.merge(daemon, &random) }
                #expect(lies.merged[.right]! > Self.pages / 2, "\(lies)")
                try await worker.verify()
                try await worker.tell("act")
                let end = ContinuousClock.now + .seconds(4)
                while ContinuousClock.now < end { try await lies.ask(daemon, &random) }
                let acts = try await worker.rest()
                print("\(lies); the program: \(acts)")
                #expect(acts.operations > 0 && acts.longest < .seconds(1), "\(acts)")
                #expect(lies.merged[.oneByte] == 0 && lies.merged[.lastByte] == 0, "\(lies)")
                #expect(!daemon.hasEnded)
            }
        }

        /// Messages that were right but for some bytes, to one program after the other, until it leaves: no program ends, and
        /// no byte of its memory changes. A minute long, and others each time, with SAMEPAGE_LONG_TESTS in the environment.
        @Test(.timeLimit(.minutes(2))) func mutatedMessages() async throws {
            let isLong = Machine.variable("SAMEPAGE_LONG_TESTS") != nil
            let seed = isLong ? UInt64.random(in: 0...UInt64.max) : 11
            print("mutated messages: seed \(seed)")
            var random = SplitMix64(seed: seed)
            var (messages, programs, leavings) = (0, 0, 0)
            let end = ContinuousClock.now + .seconds(isLong ? 60 : 10)
            while ContinuousClock.now < end {
                let isWelcome = programs % 4 != 3
                programs += 1
                try await StandInDaemon.welcome(pages: 64) { message in
                    if !isWelcome { MutatedMessages.mutate(&message, &random) }
                } _: { daemon, worker in
                    if try await daemon.ask(.statistics) != nil {
                        let area = try await daemon.expectOneArea()
                        let segment = try LyingSegment(of: try worker.content(), random: &random)
                        let some = MutatedMessages(area: area, segment: segment)
                        try await worker.tell("act")
                        for _ in 0..<200 where !daemon.hasEnded {
                            let (bytes, descriptor) = some.next(&random)
                            try daemon.send(bytes, passing: descriptor)
                            messages += 1
                            // It has taken the message when it answers this.
                            _ = try await daemon.ask(.statistics)
                        }
                        let acts = try await worker.rest()
                        #expect(acts.longest < .seconds(1), "seed \(seed), program \(programs): \(acts)")
                    }
                    if daemon.hasEnded { leavings += 1 }
                }
            }
            print("\(messages) messages to \(programs) programs, \(leavings) of which left")
            #expect(leavings > 5 && messages > 20)
        }

        /// Each of them ends the connection, and nothing else.
        @Test(.timeLimit(.minutes(1)), arguments: BadMessage.all)
        func messagesThatMakeNoSense(message: BadMessage) async throws {
            try await serve { daemon, _, area in
                try daemon.send(message.bytes(area.area), passing: message.passesDescriptor ? 0 : nil)
                try await daemon.expectToBeLeft()
            }
        }
    }
}

extension Worker {
    /// The bytes of its memory, by the kernel's word.
    func content() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: area.bytes)
        // SAFETY: the text and the array outlive the calls.
        let file = unsafe open("/proc/\(process)/mem", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        let got = unsafe bytes.withUnsafeMutableBytes {
            unsafe pread(file, $0.baseAddress, $0.count, off_t(area.start))
        }
        try #require(got == bytes.count, "memory of process \(process): \(got)")
        return bytes
    }
}

/// Requests for one area, lies among them, and what came of them.
private struct Lies: CustomStringConvertible {
    let area: WireArea
    let segment: LyingSegment
    private(set) var requests = 0
    /// Pages that were merged with frames of each kind.
    private(set) var merged = Dictionary(uniqueKeysWithValues: LyingSegment.Frame.allCases.map { ($0, 0) })

    var description: String {
        let counts = LyingSegment.Frame.allCases.map { "\($0) \(merged[$0]!)" }
        return "\(requests) requests, merged with frames: \(counts.joined(separator: ", "))"
    }

    func offerSegment(_ daemon: StandInDaemon) throws {
        try daemon.send(
            bytes(of: WireHeader(.segment)) + bytes(of: WireSegment(number: 0)), passing: segment.descriptor)
    }

    /// Pages of the area, ascending.
    private func somePages(_ random: inout SplitMix64, most: Int) -> [Int] {
        let step = 1 + random.next() % 8
        var pages: [Int] = []
        var page = random.next() % UInt64(area.pageCount)
        while page < area.pageCount, pages.count < most {
            pages.append(Int(page))
            page += 1 + random.next() % step
        }
        return pages
    }

    /// Pages of the area, or beyond its end.
    private func someRange(_ random: inout SplitMix64) -> WireRange {
        WireRange(
            area: area.area, start: UInt32(random.next() % 2048),
            count: UInt32(truncatingIfNeeded: random.next() >> (32 + random.next() % 32)),
            capacity: 1 + UInt32(random.next() % 4096))
    }

    /// Asks to merge some pages, each with a frame of any kind, or with one that is not there.
    mutating func merge(_ daemon: StandInDaemon, _ random: inout SplitMix64) async throws {
        let pages = somePages(&random, most: WireLimit.sites)
        let onlyRight = random.next() % 2 == 0
        var kinds: [LyingSegment.Frame?] = []
        var body: [UInt8] = []
        for page in pages {
            let kind = onlyRight ? .right : LyingSegment.Frame(rawValue: Int(random.next() % 6))
            kinds.append(kind)
            let nowhere = random.next() % 2 == 0 ? wireZeros : WireLimit.framesOfSegment * 5
            let frame = kind.map { LyingSegment.frame($0, of: page) } ?? nowhere
            body += bytes(of: WireSite(area: area.area, index: UInt32(page), frame: frame))
        }
        guard let answer = try await request(.merge, count: pages.count, body, daemon) else { return }
        let outcomes = answer.dropFirst(MemoryLayout<WireWork>.size)
        try #require(outcomes.count == pages.count)
        for (kind, outcome) in zip(kinds, outcomes) where outcome == RemapOutcome.merged.rawValue {
            if let kind { merged[kind]! += 1 }
        }
    }

    /// One request, of any kind that a daemon may make.
    mutating func ask(_ daemon: StandInDaemon, _ random: inout SplitMix64) async throws {
        switch random.next() % 21 {
        case 0..<10: try await merge(daemon, &random)
        case 10..<12: try await list(.unmerge, most: WireLimit.pages, daemon, &random)
        case 12..<14: _ = try await request(.observe, bytes(of: someRange(&random)), daemon)
        case 14: try await list(.checksum, most: WireLimit.pages, daemon, &random)
        case 15: try await list(.upload, most: WireLimit.uploadPages, daemon, &random)
        case 16: _ = try await request(.forget, bytes(of: someRange(&random)), daemon)
        case 17: _ = try await request(.evacuate, bytes(of: WireSegment(number: UInt32(random.next() % 3))), daemon)
        case 18: _ = try await request(.statistics, [], daemon)
        case 19: try await askForQuiet(daemon, &random)
        default:
            // Gone, and there again under the same number.
            try daemon.send(bytes(of: WireHeader(.dropSegment)) + bytes(of: WireSegment(number: 0)))
            if random.next() % 2 == 0 { try await merge(daemon, &random) }
            try offerSegment(daemon)
        }
    }

    /// A question about the area and others that nobody has, in any order and again and again.
    private mutating func askForQuiet(_ daemon: StandInDaemon, _ random: inout SplitMix64) async throws {
        let count = Int(random.next() % UInt64(WireLimit.areasOfMessage + 1))
        let areas = (0..<count).map { _ in
            random.next() % 2 == 0 ? area.area : UInt32(truncatingIfNeeded: random.next() >> (32 + random.next() % 32))
        }
        let body = areas.flatMap { bytes(of: $0) }
        guard let answer = try await request(.quiet, count: count, body, daemon) else { return }
        let said = answer.dropFirst(MemoryLayout<WireQuiet>.size)
        #expect(said.count == count)
        #expect(zip(areas, said).allSatisfy { $0 == area.area || $1 == 0 }, "areas that nobody has are quiet")
    }

    /// A request of a list of pages, now and then of an area that nobody has.
    private mutating func list(
        _ kind: WireKind, most: Int, _ daemon: StandInDaemon, _ random: inout SplitMix64
    ) async throws {
        let number = random.next() % 8 == 0 ? UInt32.max : area.area
        let pages = somePages(&random, most: most)
        let body = pages.flatMap { bytes(of: WirePage(area: number, index: UInt32($0))) }
        _ = try await request(kind, count: pages.count, body, daemon)
    }

    private mutating func request(
        _ kind: WireKind, count: Int = 0, _ body: [UInt8], _ daemon: StandInDaemon
    ) async throws -> [UInt8]? {
        requests += 1
        let answer = try await daemon.ask(kind, count: count, body)
        #expect(answer != nil, "\(kind) ended the connection")
        return answer
    }
}
