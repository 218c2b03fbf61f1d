import CLinuxMemory
import Conformance
import Glibc
import Testing
import Wire

extension RealPrograms {
    /// What a real program's agent says when it is asked which areas have nothing to tell: never yes while there is something.
    struct QuietTests {
        /// MADV_UNMERGEABLE.
        private let unmergeable = 13

        /// A program that is served, with so many pages, and its areas.
        private func serve(
            pages: Int = 64, marking command: String = "mark", areas: Int = 1,
            _ body: (StandInDaemon, Worker) async throws -> Void
        ) async throws {
            try await StandInDaemon.welcome(pages: pages, marking: command) { daemon, worker in
                try await daemon.expect(areas: areas)
                try await body(daemon, worker)
            }
        }

        @Test(.timeLimit(.minutes(1))) func writtenOrDiscarded() async throws {
            try await serve { daemon, worker in
                let area = try await daemon.expectOneArea()
                // Nobody has observed it, and nothing is tracked.
                #expect(try await !daemon.isQuiet(area))
                #expect(try await daemon.observe(area) == [Told(0, 64, .changed)])
                // To ask is not to observe: the answer stays the same, whichever it is.
                for _ in 0..<3 { #expect(try await daemon.isQuiet(area)) }
                try await worker.tell("write 64 5000")
                for _ in 0..<3 { #expect(try await !daemon.isQuiet(area)) }
                #expect(try await daemon.observe(area) == [Told(0, 1, .changed)])
                #expect(try await daemon.isQuiet(area))

                try await worker.tell("advise \(MADV_DONTNEED) 8")
                #expect(try await !daemon.isQuiet(area))
                #expect(try await daemon.observe(area) == [Told(0, 8, .discarded)])
                #expect(try await daemon.isQuiet(area))
                try await worker.tell("fill 1000")
                #expect(try await !daemon.isQuiet(area))
                #expect(try await daemon.observe(area) == [Told(0, 64, .changed)])
                #expect(try await daemon.isQuiet(area))

                // All of it is to be reported anew.
                _ = try await daemon.ask(.forget, bytes(of: WireRange(area: area.area)))
                #expect(try await !daemon.isQuiet(area))
                #expect(try await daemon.observe(area) == [Told(0, 64, .changed)])
                #expect(try await daemon.isQuiet(area))

                // Of a part nothing is wanted any more: a gap.
                try await worker.tell("advise \(unmergeable) 8")
                #expect(try await !daemon.isQuiet(area))
                #expect(try await daemon.observe(area) == [Told(0, 8, .discarded)])
                #expect(try await daemon.isQuiet(area))
                try await worker.tell("write 8 7000")
                #expect(try await !daemon.isQuiet(area))
                #expect(try await daemon.observe(area) == (1..<8).map { Told($0 * 8, 1, .changed) })
                try await worker.tell("lock")
                #expect(try await !daemon.isQuiet(area))
                try await worker.tell("unlock")
                #expect(try await !daemon.isQuiet(area))
            }
        }

        /// Pages over frames: read they have nothing to tell, written they have.
        @Test(.timeLimit(.minutes(1))) func merged() async throws {
            try await serve { daemon, worker in
                let area = try await daemon.expectOneArea()
                _ = try await daemon.observe(area)
                var random = SplitMix64(seed: 3)
                let segment = try LyingSegment(of: try worker.content(), random: &random)
                let offer = bytes(of: WireHeader(.segment)) + bytes(of: WireSegment(number: 0))
                try daemon.send(offer, passing: segment.descriptor)
                let sites = (0..<64).map {
                    WireSite(area: area.area, index: UInt32($0), frame: LyingSegment.frame(.right, of: $0))
                }
                _ = try await daemon.ask(.merge, count: 64, sites.flatMap { bytes(of: $0) })
                #expect(try await worker.merged() == 64)
                try await worker.verify()
                #expect(try await daemon.observe(area) == [])
                for _ in 0..<3 { #expect(try await daemon.isQuiet(area)) }
                try await worker.verify()
                #expect(try await daemon.observe(area) == [])
                try await worker.tell("write 64 5000")
                #expect(try await !daemon.isQuiet(area))
                // Nothing tells any more who writes to it.
                #expect(try await daemon.observe(area) == [Told(0, 1, .discarded)])
            }
        }

        /// Pages that are written all the time: not all of them are tracked, and an area of such has something to tell
        /// whenever their rest ends.
        @Test(.timeLimit(.minutes(2))) func hot() async throws {
            try await serve { daemon, worker in
                let area = try await daemon.expectOneArea()
                var settings = WireSettings()
                settings.flags = WireSettings.leaveHot
                try daemon.send(bytes(of: WireHeader(.settings)) + bytes(of: settings))
                var round = 0
                try await eventually("pages are hot", within: .seconds(30), every: .milliseconds(150)) {
                    round += 1
                    try await worker.tell("write 1 \(1000 * round)")
                    return try await daemon.observe(area).contains { $0.state == .hot }
                }
                // While they rest there is nothing to tell, though they are written, until their rest ends.
                var resting = 0
                try await eventually("pages rest", within: .seconds(30), every: .milliseconds(20)) {
                    try await worker.tell("write 1 \(1000 * round)")
                    let start = lm_monotonic_nanoseconds() >> 27
                    let said = try await daemon.said(of: [area.area])[0]
                    let runs = try await daemon.observe(area)
                    let passed = lm_monotonic_nanoseconds() >> 27 - start
                    if said != WireQuiet.something {
                        #expect(said <= 64 && (runs.isEmpty || passed >= said), "\(said): \(runs)")
                        resting += 1
                    }
                    return resting >= 20
                }
                // They are tried when they have rested, and reported when nobody wrote them meanwhile.
                var reported = 0
                try await eventually("pages have cooled down", within: .seconds(60), every: .milliseconds(100)) {
                    let said = try await daemon.said(of: [area.area])[0]
                    let runs = try await daemon.observe(area)
                    reported += runs.filter { $0.state == .changed }.reduce(0) { $0 + Int($1.count) }
                    return said == WireQuiet.nothing && runs.isEmpty
                }
                #expect(reported >= 64)
            }
        }

        /// Whatever the program does while it is asked: either it is told, or the process has had a page fault since, so that
        /// it is asked again. And the next answer says it.
        @Test(.timeLimit(.minutes(2))) func newsBetweenQuestionAndAnswer() async throws {
            try await serve { daemon, worker in
                let area = try await daemon.expectOneArea()
                var random = SplitMix64(seed: 5)
                var (early, late) = (0, 0)
                for round in 0..<300 {
                    _ = try await daemon.observe(area)
                    #expect(try await daemon.isQuiet(area))
                    let before = worker.faults
                    try worker.child.say(round % 2 == 0 ? "write 64 \(round)" : "advise \(MADV_DONTNEED) 1")
                    if random.next() % 2 == 0 { usleep(UInt32(random.next() % 100)) }
                    let isQuiet = try await daemon.isQuiet(area)
                    #expect(try await worker.child.line() == "ok")
                    if isQuiet {
                        late += 1
                        #expect(worker.faults > before)
                    } else {
                        early += 1
                    }
                    #expect(try await !daemon.isQuiet(area))
                    #expect(try await daemon.observe(area) == [Told(0, 1, round % 2 == 0 ? .changed : .discarded)])
                    if round % 2 != 0 { try await worker.tell("write 64 \(round)") }
                }
                print("news that the answer had: \(early), and that came after it: \(late)")
            }
        }

        /// A forked child has all pages, and tracks none of them before it is observed.
        @Test(.timeLimit(.minutes(1))) func forkedChild() async throws {
            try await serve { daemon, worker in
                let area = try await daemon.expectOneArea()
                _ = try await daemon.observe(area)
                #expect(try await daemon.isQuiet(area))
                #expect(try await worker.child.ask("fork").hasPrefix("ok "))
                try await daemon.welcome()
                let inherited = try await daemon.expectOneArea()
                #expect(try await !daemon.isQuiet(inherited))
                _ = try await daemon.observe(inherited)
                #expect(try await daemon.isQuiet(inherited))
                try await worker.tell("write 64 5000")
                #expect(try await !daemon.isQuiet(inherited))
                #expect(try await daemon.observe(inherited) == [Told(0, 1, .changed)])
            }
        }

        /// As many areas as one question may have, and others that nobody has among them.
        @Test(.timeLimit(.minutes(1))) func manyAreas() async throws {
            let most = WireLimit.areasOfMessage
            try await serve(pages: 2 * most, marking: "mark 2", areas: most) { daemon, worker in
                let all = daemon.areas.keys.sorted()
                #expect(try await daemon.quiet(all) == [Bool](repeating: false, count: most))
                for area in daemon.areas.values { _ = try await daemon.observe(area) }
                // Time may be up before the last, but not before the first sixteen.
                var others = all
                while !others.isEmpty {
                    let said = try await daemon.quiet(others)
                    try #require(!said.prefix(16).contains(false))
                    others = zip(others, said).filter { !$1 }.map(\.0)
                }
                try await worker.tell("write 256 5000")
                others = all
                var count = 0
                while others.count != count {
                    count = others.count
                    others = zip(others, try await daemon.quiet(others)).filter { !$1 }.map(\.0)
                }
                let first = try #require(daemon.areas.values.map(\.firstPage).min())
                let written = daemon.areas.values.filter { ($0.firstPage - first) % 256 == 0 }.map(\.area).sorted()
                #expect(others == written && written.count == 2 * most / 256)

                let known = try #require(Set(all).subtracting(others).first)
                let some: [UInt32] = [0, known, .max, known, others[0], all.max()! + 1]
                #expect(try await daemon.quiet(some) == [false, true, false, true, false, false])
                #expect(try await daemon.quiet([]) == [])
            }
        }
    }
}

/// Neighbouring pages in the same state.
private struct Told: Equatable {
    let start: UInt32
    let count: UInt32
    let state: WireRun.State

    init(_ start: UInt32, _ count: UInt32, _ state: WireRun.State) {
        (self.start, self.count, self.state) = (start, count, state)
    }
}

extension StandInDaemon {
    /// Whether the program says that areas have nothing to tell.
    fileprivate func quiet(_ areas: [UInt32]) async throws -> [Bool] {
        try await said(of: areas).map { $0 != WireQuiet.something }
    }

    /// What the program says of areas.
    fileprivate func said(of areas: [UInt32]) async throws -> [UInt8] {
        let answer = try #require(try await ask(.quiet, count: areas.count, areas.flatMap { bytes(of: $0) }))
        let said = answer.dropFirst(MemoryLayout<WireQuiet>.size)
        try #require(said.count == areas.count)
        return Array(said)
    }

    fileprivate func isQuiet(_ area: WireArea) async throws -> Bool { try await quiet([area.area])[0] }

    /// What the program says of all pages of an area.
    fileprivate func observe(_ area: WireArea) async throws -> [Told] {
        let range = WireRange(area: area.area, start: 0, count: area.pageCount, capacity: UInt32(WireLimit.runs))
        let answer = try #require(try await ask(.observe, bytes(of: range)))
        let size = MemoryLayout<WireObserved>.size
        func number(_ place: Int) -> UInt32 {
            answer[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        try #require(answer.count >= size && number(0) == area.pageCount && number(4) == 0)
        return stride(from: size, to: answer.count, by: MemoryLayout<WireRun>.size).map { place in
            let countAndState = number(place + 4)
            return Told(number(place), countAndState & 0x3FFF_FFFF, WireRun.State(rawValue: countAndState >> 30)!)
        }
    }
}

extension Worker {
    /// The page faults of its process, by the kernel's count.
    fileprivate var faults: Int {
        let text = Machine.text(ofFile: "/proc/\(process)/stat")
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        return fields.count > 10 ? (Int(fields[8]) ?? 0) + (Int(fields[10]) ?? 0) : 0
    }
}
