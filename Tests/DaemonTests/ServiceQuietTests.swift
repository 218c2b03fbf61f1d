import CLinuxMemory
import Daemon
import Glibc
import Synchronization
import Testing
import Wire

extension ServiceTests {
    /// Many areas are asked about together, and agents that answer it wrongly harm only themselves.
    @Suite("areas that have nothing to tell")
    struct Quiet {
        /// A client with areas of two pages: one has content that no other page has, the other what all have. It is there
        /// when the others have merged.
        private func client(
            of rig: ServiceRig, areas: UInt32 = 12, seed: UInt64 = 1000, knowsQuestion: Bool = true
        ) throws -> FakeAgent {
            let agent = try rig.client([seed + 1, 1]) {
                $0.flags = WireHello.signsNews | (knowsQuestion ? WireHello.tellsQuiet : 0)
            }
            for area in 2...areas { agent.add(area, seeds: [seed + UInt64(area), 1]) }
            for area in 1...areas { #expect(merges(agent, area, 1, within: 60)) }
            return agent
        }

        /// Waits until a page lies over a frame.
        private func merges(_ agent: FakeAgent, _ area: UInt32, _ page: Int, within seconds: Double = 10) -> Bool {
            eventually(within: seconds) { agent.frames(area)[page] != nil }
        }

        /// A page fault of this process, which is the agents', too.
        private func fault() {
            let flags = Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS)
            let fresh = lm_mmap(0, pageSize, Int32(LM_PROT_READ | LM_PROT_WRITE), flags, -1, 0)
            // SAFETY: a page that was just mapped.
            unsafe UnsafeMutablePointer<UInt8>(bitPattern: UInt(bitPattern: fresh))!.pointee = 1
            _ = lm_munmap(UInt(bitPattern: fresh), pageSize)
        }

        /// How often an agent was asked that, and for observations.
        private func asked(_ agent: FakeAgent) -> (quiet: Int, observe: Int) {
            agent.locked { (agent.received[.quiet] ?? 0, agent.received[.observe] ?? 0) }
        }

        /// Waits until areas are asked about together, and not one by one.
        private func isAskedTogether(_ agent: FakeAgent) -> Bool {
            eventually {
                let before = asked(agent)
                fault()
                usleep(300_000)
                let after = asked(agent)
                return after.quiet > before.quiet && after.observe == before.observe
            }
        }

        @Test("areas are asked about together, and what changes in one is found")
        func together() async throws {
            let rig = try await ServiceRig()
            let agent = try client(of: rig)
            #expect(isAskedTogether(agent))
            agent.write(7, 0, seed: 1)
            fault()
            #expect(merges(agent, 7, 0))
            #expect(isAskedTogether(agent))
            try await rig.stop()
        }

        @Test("what changes between an answer and its arrival is found")
        func lateNews() async throws {
            let rig = try await ServiceRig()
            let agent = try client(of: rig)
            for area in 2...6 as ClosedRange<UInt32> {
                #expect(isAskedTogether(agent))
                let isOn = FlagBox(true)
                agent.misbehave { agent, kind, _ in
                    guard kind == .quiet, isOn.value else { return .send }
                    isOn.value = false
                    agent.write(area, 0, seed: 1)
                    fault()
                    return .send
                }
                fault()
                #expect(merges(agent, area, 0) && !isOn.value)
            }
            try await rig.stop()
        }

        @Test("an agent that does not know the question is never asked it")
        func unknown() async throws {
            let rig = try await ServiceRig()
            let agent = try client(of: rig, knowsQuestion: false)
            let before = asked(agent)
            for _ in 0..<10 {
                fault()
                #expect(try rig.awaitScans(2))
            }
            #expect(asked(agent).quiet == 0 && asked(agent).observe > before.observe)
            try await rig.stop()
        }

        @Test("no question is about more areas than one may have, and what changes in the others is found")
        func most() async throws {
            let rig = try await ServiceRig(attributes: ["pages_to_scan": "100000"])
            let agent = try client(of: rig, areas: 1100)
            let most = CounterBox()
            agent.misbehave { _, kind, answer in
                if kind == .quiet { most.raise(to: answer.count - 24) }
                return .send
            }
            #expect(
                eventually(within: 30) {
                    fault()
                    usleep(10_000)
                    return most.value >= WireLimit.areasOfMessage
                })
            let written = Array(stride(from: UInt32(2), through: 1100, by: 61))
            for area in written { agent.write(area, 0, seed: 1) }
            fault()
            for area in written { #expect(merges(agent, area, 0)) }
            #expect(most.value == WireLimit.areasOfMessage)
            #expect(try rig.daemon.clients().count == 1)
            try await rig.stop()
        }

        /// What is wrong with an answer, and what the log says of it.
        private static let lies: [(lie: String, text: String)] = [
            ("cut", "length"), ("longer", "length"), ("fewer entries", "length"), ("more entries", "length"),
            ("no body", "length"), ("another sequence", "nobody waits for"), ("another kind", "nobody waits for"),
            ("silence", "did not answer 'quiet'"),
        ]

        @Test("a wrong answer ends the connection, and nothing else", arguments: lies)
        func wrongAnswers(lie: String, text: String) async throws {
            let rig = try await ServiceRig()
            let honest = try client(of: rig)
            let villain = try client(of: rig, seed: 2000)
            villain.misbehave { _, kind, answer in
                guard kind == .quiet else { return .send }
                switch lie {
                case "cut": answer.removeLast()
                case "longer": answer.append(0)
                case "fewer entries": answer[4] &-= 1
                case "more entries": answer[7] = 0xFF
                case "no body": answer.removeLast(answer.count - 16)
                case "another sequence": answer[8] &+= 1
                case "another kind": answer[0] = UInt8(WireKind.observe.rawValue)
                default: return .keepSilent
                }
                return .send
            }
            #expect(
                eventually(within: 20) {
                    fault()
                    usleep(50_000)
                    return (try? rig.daemon.clients().count) == 1
                })
            #expect(rig.log.has(text), "\(rig.log.all)")
            honest.write(7, 0, seed: 1)
            fault()
            #expect(merges(honest, 7, 0))
            for area in 1...12 as ClosedRange<UInt32> {
                let isWhole = honest.read(area, 1) == content(1) && honest.frames(area)[1] != nil
                #expect(isWhole)
            }
            try await rig.stop()
        }

        @Test("who says that there is nothing keeps nobody else's pages from merging")
        func liar() async throws {
            let rig = try await ServiceRig()
            let honest = try client(of: rig)
            let villain = try client(of: rig, seed: 2000)
            villain.misbehave { _, kind, answer in
                if kind == .quiet { answer.replaceSubrange(24..., with: repeatElement(255, count: answer.count - 24)) }
                return .send
            }
            #expect(isAskedTogether(villain))
            honest.write(7, 0, seed: 1)
            fault()
            #expect(merges(honest, 7, 0))
            // Its own are found when it tells the truth again.
            villain.write(8, 0, seed: 1)
            fault()
            villain.misbehave(nil)
            #expect(
                eventually {
                    fault()
                    usleep(10_000)
                    return villain.frames(8)[0] != nil
                })
            try await rig.stop()
        }
    }
}

/// A number that two threads share.
private final class CounterBox: Sendable {
    private let number = Atomic<Int>(0)
    var value: Int { number.load(ordering: .relaxed) }
    func raise(to other: Int) { number.max(other, ordering: .relaxed) }
}
