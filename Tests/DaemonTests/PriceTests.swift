import CLinuxMemory
import Daemon
import Glibc
import Testing

@Suite("what merging takes of a CPU")
struct PriceTests {
    private let second: UInt64 = 1_000_000_000

    @Test("a share of the CPU is used within a second, and waited for beyond")
    func share() {
        let share = CPUShare(percent: 10)
        #expect(share.wait(now: second) == 0)
        // A tenth of a second comes together, and no more however long nothing is used.
        share.use(100_000_000, now: 20 * second)
        #expect(share.wait(now: 20 * second) == 0)
        share.use(10_000_000, now: 20 * second)
        #expect(share.wait(now: 20 * second) == 100_000_000)
        #expect(share.wait(now: 20 * second + 100_000_000) == 0)
        share.use(1_000_000, now: 20 * second + 100_000_000)
        #expect(share.wait(now: 20 * second + 100_000_000) == 10_000_000)
        share.percent = 50
        share.use(500_000_000, now: 30 * second)
        #expect(share.wait(now: 30 * second) == 0)
        share.use(500_000, now: 30 * second)
        #expect(share.wait(now: 30 * second) == 1_000_000)
        // What a clock says that leaps is not waited for at length.
        share.use(.max, now: 30 * second)
        #expect(share.wait(now: 30 * second) == 6 * second)
        share.percent = 100
        share.use(40 * second, now: 31 * second)
        #expect(share.wait(now: 31 * second) == 0)
    }

    @Test("new pages bring time for their first merge once, which is forgotten when it is not used")
    func grants() {
        let share = CPUShare(percent: 10)
        #expect(share.wait(now: second) == 0)
        share.grant(pages: 50_000, to: 7, now: second)
        share.use(900_000_000, now: second)
        #expect(share.wait(now: second) == 0)
        share.use(200_000_000, now: second)
        #expect(share.wait(now: second) == 1_000_000_000)
        // Who comes back brings nothing new; who is new is not kept waiting.
        share.grant(pages: 50_000, to: 7, now: second)
        #expect(share.wait(now: second) == 1_000_000_000)
        share.grant(pages: .max, to: 8, now: second)
        #expect(share.wait(now: second) == 0)
        share.use(1_000_000, now: 2 * second)
        #expect(share.wait(now: 2 * second) == 0)
        share.use(101_000_000, now: 12 * second)
        #expect(share.wait(now: 12 * second) == 10_000_000)
    }

    @Test("an area is quiet only when all of it was observed and no fault, no request and no scan came since")
    func watch() {
        let watch = AreaWatch()
        #expect(!watch.isQuiet(100, faults: 5, now: 0, disturbances: 0) && !watch.isKnown)
        watch.noteObserved(0..<50, faults: 5, now: 7, next: 0, disturbances: 0)
        #expect(!watch.isQuiet(100, faults: 5, now: 7, disturbances: 0))
        watch.noteObserved(50..<100, faults: 6, now: 7, next: 0, disturbances: 0)
        #expect(watch.isQuiet(100, faults: 5, now: 8, disturbances: 0))
        #expect(!watch.isQuiet(100, faults: 6, now: 8, disturbances: 0))
        #expect(!watch.isQuiet(100, faults: nil, now: 8, disturbances: 0))
        #expect(!watch.isQuiet(100, faults: 5, now: 8, disturbances: 1))
        #expect(!watch.isQuiet(100, faults: 5, now: 7 + AreaWatch.longestQuiet, disturbances: 0))
        // A part that wants to be asked soon.
        watch.noteObserved(0..<50, faults: 5, now: 10, next: 0, disturbances: 0)
        watch.noteObserved(50..<100, faults: 5, now: 11, next: 2, disturbances: 0)
        #expect(watch.isQuiet(100, faults: 5, now: 12, disturbances: 0))
        #expect(!watch.isQuiet(100, faults: 5, now: 13, disturbances: 0))
        // A part that begins within the one before, a gap, and an observation that failed.
        watch.noteObserved(0..<50, faults: 5, now: 14, next: 0, disturbances: 0)
        watch.noteObserved(30..<100, faults: 6, now: 14, next: 0, disturbances: 0)
        #expect(watch.isQuiet(100, faults: 5, now: 14, disturbances: 0))
        watch.noteObserved(0..<50, faults: 5, now: 14, next: 0, disturbances: 0)
        watch.noteObserved(60..<100, faults: 5, now: 14, next: 0, disturbances: 0)
        #expect(!watch.isQuiet(100, faults: 5, now: 14, disturbances: 0))
        watch.noteObserved(0..<100, faults: 5, now: 14, next: 0, disturbances: 0)
        #expect(watch.isKnown)
        watch.forget()
        #expect(!watch.isQuiet(100, faults: 5, now: 14, disturbances: 0) && !watch.isKnown)
    }

    @Test("the kernel's count of page faults grows with each page that is written first")
    func faults() throws {
        let process = getpid()
        // SYS_pidfd_open
        let descriptor = Int32(lm_system_call(434, Int(process), 0, 0, 0, 0, 0))
        defer { _ = lm_close(descriptor) }
        let identity = ClientIdentity(pid: process, user: 0, group: 0, pidfd: descriptor, command: "a) b")
        let count = try #require(FaultCount(of: identity))
        let before = try #require(count.read())
        let pages = 300
        let memory = lm_mmap(
            0, pages << 12, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS), -1, 0)
        _ = lm_madvise(UInt(bitPattern: memory), pages << 12, Int32(LM_MADV_NOHUGEPAGE))
        // SAFETY: as many pages as were mapped.
        for page in 0..<pages {
            unsafe UnsafeMutablePointer<UInt8>(bitPattern: UInt(bitPattern: memory) + UInt(page) << 12)!.pointee = 1
        }
        #expect(try #require(count.read()) >= before + UInt64(pages))
        _ = lm_munmap(UInt(bitPattern: memory), pages << 12)
    }
}
