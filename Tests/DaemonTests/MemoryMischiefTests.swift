import CLinuxMemory
import Daemon
import Glibc
import Merger
import PageChecksum
import Synchronization
import Testing
import Wire

/// Agents that lie, break the rules, or vanish: they harm themselves, and nobody else.
@Suite("Daemon memory: agents that misbehave")
struct MemoryMischiefTests {
    /// Two honest clients and one that is told what to do, all with the same 40 pages.
    private func makeRig(_ hook: @escaping FakeAgent.Hook) throws -> (rig: MemoryRig, agents: [FakeAgent]) {
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...40).map { $0 }
        let villain = try rig.client(seeds)
        let agents = [villain, try rig.client(seeds), try rig.client(seeds)]
        villain.misbehave(hook)
        return (rig, agents)
    }

    /// The honest clients have merged, and read what they wrote.
    private func expectOthersAreFine(_ rig: MemoryRig, _ agents: [FakeAgent]) {
        for agent in agents.dropFirst() {
            #expect(agent.frames(1).allSatisfy { $0 != nil })
            for index in 0..<40 { #expect(agent.read(1, index) == content(UInt64(index + 1))) }
        }
        for (_, connection) in rig.clients.dropFirst() { #expect(!connection.isDead && connection.failure == nil) }
    }

    private static let kinds: [WireKind] = [.observe, .checksum, .upload, .merge]

    @Test("a wrong length ends the connection", arguments: kinds, [-1, 1, -16, 64])
    func wrongLength(kind: WireKind, change: Int) throws {
        let (rig, agents) = try makeRig { _, asked, answer in
            guard asked == kind else { return .send }
            if change < 0 { answer.removeLast(-change) } else { answer += [UInt8](repeating: 0, count: change) }
            return .send
        }
        rig.scan(6)
        #expect(rig.clients[0].connection.failure?.contains("length") == true)
        expectOthersAreFine(rig, agents)
    }

    @Test("an agent that is slow again and again is given up, though no answer is too late")
    func slowAnswers() throws {
        let (rig, agents) = try makeRig { _, _, _ in
            usleep(100_000)
            return .send
        }
        rig.clients[0].connection.slowAnswer = 25_000_000
        rig.clients[0].connection.mostSlowness = 250_000_000
        rig.scan(6)
        #expect(rig.clients[0].connection.failure?.contains("too slowly") == true)
        expectOthersAreFine(rig, agents)
    }

    @Test("a wrong count of entries ends the connection", arguments: kinds)
    func wrongCount(kind: WireKind) throws {
        let (rig, agents) = try makeRig { _, asked, answer in
            if asked == kind { answer[7] = 0xFF }
            return .send
        }
        rig.scan(6)
        #expect(rig.clients[0].connection.failure != nil)
        expectOthersAreFine(rig, agents)
    }

    @Test("an answer to another request ends the connection", arguments: kinds)
    func wrongSequence(kind: WireKind) throws {
        let (rig, agents) = try makeRig { _, asked, answer in
            if asked == kind { answer[8] &+= 1 }
            return .send
        }
        rig.scan(6)
        #expect(rig.clients[0].connection.failure?.contains("nobody waits for") == true)
        expectOthersAreFine(rig, agents)
    }

    @Test("who keeps silent is left alone when patience ends, and given up later", arguments: kinds)
    func silence(kind: WireKind) throws {
        let (rig, agents) = try makeRig { _, asked, _ in asked == kind ? .keepSilent : .send }
        let connection = rig.clients[0].connection
        connection.patience = 200_000_000
        connection.longestSilence = 400_000_000
        rig.scan(6)
        #expect(connection.isParked && !connection.isDead)
        expectOthersAreFine(rig, agents)
        #expect(eventually { !connection.unparkIfRunning() && connection.isDead })
        #expect(connection.failure?.contains("did not answer '\(kind)' for more than 400 ms") == true)
    }

    @Test("who answers late is asked again, and has lost nothing", arguments: kinds)
    func lateAnswer(kind: WireKind) throws {
        let isLate = Atomic<Bool>(false)
        let rig = try MemoryRig()
        let seeds: [UInt64?] = (1...40).map { $0 }
        let agents = [try rig.client(seeds), try rig.client(seeds), try rig.client(seeds)]
        let connection = rig.clients[0].connection
        connection.patience = 100_000_000
        agents[0].misbehave { _, asked, _ in
            if asked == kind, !isLate.exchange(true, ordering: .relaxed) { usleep(300_000) }
            return .send
        }
        rig.scan(6)
        expectOthersAreFine(rig, agents)
        let wasLate = isLate.load(ordering: .relaxed)
        #expect(wasLate)
        #expect(
            eventually {
                connection.receivePending()
                return connection.unparkIfRunning()
            })
        #expect(!connection.isDead && !connection.isParked)
        rig.scan(20)
        #expect(agents[0].frames(1).allSatisfy { $0 != nil })
        for index in 0..<40 { #expect(agents[0].read(1, index) == content(UInt64(index + 1))) }
        #expect(rig.counters.pagesSharing == 80)
    }

    @Test("a client that leaves in the middle is no failure", arguments: kinds)
    func leaves(kind: WireKind) throws {
        let (rig, agents) = try makeRig { _, asked, _ in asked == kind ? .leave : .send }
        rig.scan(6)
        #expect(rig.clients[0].connection.isDead)
        #expect(rig.clients[0].connection.failure == nil)
        expectOthersAreFine(rig, agents)
    }

    @Test("an outcome that does not exist ends the connection")
    func wrongOutcome() throws {
        let (rig, agents) = try makeRig { _, asked, answer in
            if asked == .merge { answer[answer.count - 1] = 99 }
            return .send
        }
        rig.scan(6)
        #expect(rig.clients[0].connection.failure?.contains("outcome") == true)
        expectOthersAreFine(rig, agents)
    }

    @Test("reports out of range or order end the connection", arguments: 0..<4)
    func wrongRuns(kind: Int) throws {
        let (rig, agents) = try makeRig { _, asked, answer in
            guard asked == .observe else { return .send }
            let runs: [WireRun] =
                switch kind {
                case 0: [WireRun(start: 39, count: 2, state: .changed)]
                case 1: [WireRun(start: 5, count: 2, state: .changed), WireRun(start: 6, count: 1, state: .changed)]
                case 2: [WireRun(start: 5, count: 0, state: .changed)]
                default: [WireRun(start: .max, count: 0x3FFF_FFFF, state: .discarded)]
                }
            answer = Array(answer.prefix(32)) + bytes(runs)
            answer.replaceSubrange(4..<8, with: bytes([UInt32(runs.count)]))
            return .send
        }
        rig.scan(6)
        #expect(rig.clients[0].connection.failure?.contains("reported pages") == true)
        expectOthersAreFine(rig, agents)
    }

    @Test("an observation that gets nowhere, or further than asked, ends the connection", arguments: [0, 41])
    func wrongProgress(done: UInt32) throws {
        let (rig, agents) = try makeRig { _, asked, answer in
            if asked == .observe { answer.replaceSubrange(16..<20, with: bytes([done])) }
            return .send
        }
        rig.scan(6)
        #expect(rig.clients[0].connection.failure?.contains("observed") == true)
        expectOthersAreFine(rig, agents)
    }

    @Test("an observation that fails costs the client a scan, not its connection")
    func observationFails() throws {
        let isFailing = FlagBox(true)
        let (rig, agents) = try makeRig { _, asked, answer in
            if asked == .observe, isFailing.value { answer.replaceSubrange(20..<24, with: bytes([12 as UInt32])) }
            return .send
        }
        rig.scan(4)
        isFailing.value = false
        rig.scan(4)
        #expect(rig.clients[0].connection.failure == nil)
        #expect(agents[0].frames(1).allSatisfy { $0 != nil })
        expectOthersAreFine(rig, agents)
    }

    @Test("a lie about a checksum merges nothing that is not equal, and keeps nobody from merging")
    func wrongDigests() throws {
        // The villain says that each of its pages has the content of the others' page.
        let (rig, agents) = try makeRig { _, _, _ in .send }
        for index in 0..<40 { agents[0].write(1, index, seed: 1000 + UInt64(index)) }
        let checksum = agents[0].checksum
        agents[0].misbehave { _, asked, answer in
            guard asked == .checksum else { return .send }
            let digests = (1...40).map { seed in
                let page = content(UInt64(seed))
                let digest = unsafe checksum.digest(of: page.span.bytes)
                return WireDigest(high: digest.high, low: digest.low)
            }
            answer = Array(answer.prefix(80)) + bytes(digests)
            return .send
        }
        rig.scan(10)
        #expect(rig.clients[0].connection.failure == nil)
        #expect(agents[0].frames(1).allSatisfy { $0 == nil })
        for index in 0..<40 { #expect(agents[0].read(1, index) == content(1000 + UInt64(index))) }
        expectOthersAreFine(rig, agents)
        #expect(rig.counters.pagesSharing == 40)
    }

    @Test("uploads of anything but the page make no frame, and keep the others merging")
    func wrongUploads() throws {
        let (rig, agents) = try makeRig { agent, asked, _ in
            guard asked == .upload else { return .send }
            agent.locked {
                _ = unsafe memset(agent.upload!, 0xA5, WireLimit.uploadPages * pageSize)
            }
            return .send
        }
        rig.scan(10)
        #expect(rig.memory.statistics.foundersChanged > 0)
        expectOthersAreFine(rig, agents)
        #expect(rig.memory.statistics.framesInUse == 40)
    }

    @Test("content that changes between upload and merge stays its program's own")
    func changesAfterUpload() throws {
        let isOn = FlagBox(true)
        let (rig, agents) = try makeRig { agent, asked, _ in
            guard asked == .upload, isOn.value else { return .send }
            isOn.value = false
            for index in 0..<40 { agent.write(1, index, seed: 500) }
            return .send
        }
        rig.scan(2)
        #expect(!isOn.value)
        for index in 0..<40 { #expect(agents[0].read(1, index) == content(500)) }
        #expect(agents[0].frames(1).allSatisfy { $0 == nil })
        rig.scan(4)
        for index in 0..<40 { #expect(agents[0].read(1, index) == content(500)) }
        #expect(agents[0].frames(1).allSatisfy { $0 != nil })
        expectOthersAreFine(rig, agents)
    }

    @Test("an upload buffer full of holes is a page of zeros, not a signal")
    func punchedUpload() throws {
        let (rig, agents) = try makeRig { agent, asked, _ in
            if asked == .upload {
                // MADV_REMOVE punches the pages out of the file.
                agent.locked {
                    _ = unsafe lm_madvise(UInt(bitPattern: agent.upload), WireLimit.uploadPages * pageSize, 9)
                }
            }
            return .send
        }
        rig.scan(10)
        #expect(rig.memory.statistics.foundersChanged > 0)
        expectOthersAreFine(rig, agents)
    }

    @Test("says that nothing can be uploaded: its twins merge without it")
    func unreadableFounders() throws {
        let (rig, agents) = try makeRig { _, asked, answer in
            if asked == .upload { answer.replaceSubrange(16..<80, with: repeatElement(0, count: 64)) }
            return .send
        }
        rig.scan(8)
        expectOthersAreFine(rig, agents)
        #expect(rig.memory.statistics.framesInUse == 40)
    }
}

/// A flag that two threads share.
final class FlagBox: Sendable {
    private let flag: Atomic<Bool>
    init(_ value: Bool) { flag = Atomic(value) }
    var value: Bool {
        get { flag.load(ordering: .relaxed) }
        set { flag.store(newValue, ordering: .relaxed) }
    }
}
