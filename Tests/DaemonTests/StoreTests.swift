import CLinuxMemory
import Daemon
import Glibc
import PageMemory
import Testing
import Wire

/// What a holder of a segment can and cannot do, and when the kernel says that nobody holds it any more.
@Suite("Segments of frames")
struct StoreTests {
    private static let size = Int(WireLimit.framesOfSegment) * pageSize

    /// A store with one segment, in which one row has a content.
    private func makeStore(_ count: UInt32 = 1) throws -> (store: SegmentStore, row: FrameRow) {
        let store = SegmentStore(pageSize: pageSize)
        return (store, try #require(Self.add(count, to: store)))
    }

    /// A row of frames full of sevens.
    static func add(_ count: UInt32, to store: SegmentStore, for payer: FrameAccount? = nil) -> FrameRow? {
        var rows: [FrameRow?] = []
        let sevens = [UInt8](repeating: 7, count: pageSize)
        // SAFETY: the array outlives the call.
        unsafe sevens.withUnsafeBytes {
            store.add([unsafe RowContent($0.baseAddress!, count: count, payer: payer)], into: &rows)
        }
        return rows[0]
    }

    @Test("no descriptor can write a segment, cut it, grow it or punch holes into it, not even one opened by root")
    func sealed() throws {
        let (store, _) = try makeStore()
        let shared = try #require(store.descriptor(ofSegment: 0))
        fchmod(shared, 0o600)
        let writable = unsafe open("/proc/self/fd/\(shared)", O_RDWR)
        defer { close(writable) }
        for descriptor in [shared, writable] where descriptor >= 0 {
            #expect(unsafe lm_pwrite(descriptor, "x", 1, 0) < 0)
            #expect(lm_fallocate(descriptor, Int32(LM_FALLOC_PUNCH_HOLE | LM_FALLOC_KEEP_SIZE), 0, 4096) < 0)
            #expect(lm_ftruncate(descriptor, 4096) < 0)
            #expect(lm_ftruncate(descriptor, Int64(2 * Self.size)) < 0)
            #expect(lm_add_seals(descriptor, Int32(LM_SEAL_WRITE)) < 0)
            let mapped = unsafe mmap(nil, pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
            #expect(unsafe mapped == MAP_FAILED)
            let readable = unsafe mmap(nil, pageSize, PROT_READ, MAP_SHARED, descriptor, 0)!
            #expect(unsafe mprotect(readable, pageSize, PROT_READ | PROT_WRITE) < 0)
            #expect(unsafe madvise(readable, pageSize, MADV_REMOVE) < 0)
            unsafe munmap(readable, pageSize)
        }
        let frame = unsafe try #require(store.bytes(of: Frame(rawValue: 0)))
        #expect(unsafe frame.load(as: UInt8.self) == 7)
    }

    /// A descriptor of the first segment that programs do not inherit.
    private static func copy(of store: SegmentStore) throws -> Int32 {
        fcntl(try #require(store.descriptor(ofSegment: 0)), F_DUPFD_CLOEXEC, 0)
    }

    /// Whether the first segment goes. Programs that other tests start hold all descriptors until they are programs.
    private static func isReaped(_ store: SegmentStore) -> Bool { eventually { store.reapRetired() == [0] } }

    @Test("the stores of one user have so many segments together, those that are held included")
    func budget() throws {
        let budget = UserBudget(mostKept: 0, mostSegments: 1)
        let first = SegmentStore(pageSize: pageSize, budget: budget)
        let row = try #require(Self.add(1, to: first))
        let holder = try Self.copy(of: first)
        var second: SegmentStore? = SegmentStore(pageSize: pageSize, budget: budget)
        #expect(Self.add(1, to: second!) == nil)
        first.release(row)
        #expect(first.retireUnused() == [0] && first.reapRetired().isEmpty)
        #expect(Self.add(1, to: second!) == nil)
        close(holder)
        #expect(Self.isReaped(first))
        #expect(Self.add(1, to: second!) != nil && Self.add(1, to: first) == nil)
        second = nil
        #expect(Self.add(1, to: first) != nil)
    }

    @Test("frames count against their user and against all users together, until their segment is gone")
    func storedBytes() throws {
        let total = StoredTotal(most: 3 * pageSize)
        let one = UserBudget(mostKept: 0, mostSegments: 9, mostStored: 2 * pageSize, of: total)
        let other = UserBudget(mostKept: 0, mostSegments: 9, mostStored: 2 * pageSize, of: total)
        let first = SegmentStore(pageSize: pageSize, budget: one)
        var second: SegmentStore? = SegmentStore(pageSize: pageSize, budget: other)
        let row = try #require(Self.add(2, to: first))
        #expect(Self.add(1, to: first) == nil, "beyond what the user may store")
        #expect(Self.add(2, to: second!) == nil, "beyond what all may store")
        #expect(Self.add(1, to: second!) != nil)
        first.release(row)
        #expect(Self.add(1, to: first) == nil, "a released frame still takes memory")
        #expect(first.retireUnused() == [0] && Self.isReaped(first))
        #expect(Self.add(2, to: first) != nil)
        second = nil
        #expect(other.store(pageSize) && !other.store(1))
    }

    @Test("a client is charged for frames in use, as many as it has pages that are marked and present")
    func accounts() throws {
        let store = SegmentStore(pageSize: pageSize)
        let account = FrameAccount(process: getpid())
        #expect(!account.take(1), "nothing is marked")
        account.marked = 6
        let other = FrameAccount(process: getpid())
        other.marked = 3
        #expect(account.take(2) && other.take(3) && account.take(3) && !account.take(2) && account.take(1))
        let rows = [Self.add(2, to: store, for: account), Self.add(3, to: store, for: other)]
        let later = try #require(Self.add(4, to: store, for: account))
        let free = try #require(Self.add(1, to: store))
        #expect(account.frames == 6 && other.frames == 3)
        store.release(later)
        #expect(account.frames == 2)
        store.release(free)
        store.release(try #require(rows[1]))
        #expect(account.frames == 2 && other.frames == 0)
        store.release(try #require(rows[0]))
        #expect(account.frames == 0)
        account.marked = 1 << 40
        #expect(!account.take(1 << 36), "more than any process has")
        let nobody = FrameAccount(process: Int32.max)
        nobody.marked = 1
        #expect(!nobody.take(1))
    }

    @Test("frames that a former daemon left count against the most, until the last program lets them go")
    func formerFrames() throws {
        let before = FormerFrames().bytes
        // A daemon that is gone has no mapping to write them.
        let file = unsafe lm_memfd_create("samepage-frames", UInt32(LM_MFD_CLOEXEC))
        defer { close(file) }
        try #require(lm_ftruncate(file, Int64(8 * pageSize)) == 0)
        let sevens = [UInt8](repeating: 7, count: 5 * pageSize)
        #expect(unsafe lm_pwrite(file, sevens, sevens.count, 0) == sevens.count)
        let program = unsafe mmap(nil, 5 * pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0)!
        let former = FormerFrames()
        #expect(former.bytes >= 5 * pageSize)
        let total = StoredTotal(most: former.bytes + 2 * pageSize, former: former)
        let budget = UserBudget(mostKept: 0, mostSegments: 9, mostStored: .max, of: total)
        #expect(budget.store(2 * pageSize) && !budget.store(1))
        // A daemon that lives counts its own.
        let daemon = unsafe mmap(nil, pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)!
        #expect(FormerFrames().bytes <= max(before, former.bytes - 5 * pageSize))
        unsafe munmap(daemon, pageSize)
        unsafe munmap(program, 5 * pageSize)
        former.lookAgain(after: 0)
        #expect(former.bytes <= before && budget.store(pageSize))
    }

    @Test("others than the daemon's user and root cannot open it")
    func mode() throws {
        let (store, _) = try makeStore()
        var status = stat()
        unsafe fstat(try #require(store.descriptor(ofSegment: 0)), &status)
        #expect(status.st_mode & 0o777 == 0o400)
    }

    @Test("a private mapping shows the frame, and writes to it stay its own")
    func privateMapping() throws {
        let (store, row) = try makeStore(5)
        let shared = try #require(store.descriptor(ofSegment: 0))
        let mapped = unsafe mmap(nil, 5 * pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, shared, 0)!
        defer { unsafe munmap(mapped, 5 * pageSize) }
        for page in 0..<5 { #expect(unsafe mapped.load(fromByteOffset: page * pageSize, as: UInt8.self) == 7) }
        unsafe mapped.storeBytes(of: 9, as: UInt8.self)
        #expect(unsafe store.bytes(of: row.first)!.load(as: UInt8.self) == 7)
    }

    @Test("a row of any length holds the content of its first frame", arguments: [1, 2, 3, 16, 63, 64] as [UInt32])
    func rows(length: UInt32) throws {
        let (store, row) = try makeStore(length)
        for offset in 0..<length {
            let frame = unsafe try #require(store.bytes(of: Frame(rawValue: row.first.rawValue + offset)))
            #expect(unsafe memcmp(frame, store.bytes(of: row.first)!, pageSize) == 0)
        }
        #expect(store.storedBytes == Int(length) * pageSize)
    }

    @Test("a row never lies in two segments")
    func rowsStayTogether() throws {
        let store = SegmentStore(pageSize: pageSize)
        _ = try #require(Self.add(WireLimit.framesOfSegment - 3, to: store))
        let row = try #require(Self.add(4, to: store))
        #expect(row.first.rawValue == WireLimit.framesOfSegment)
        #expect(Self.add(WireLimit.framesOfSegment + 1, to: store) == nil)
        #expect(Self.add(0, to: store) == nil)
    }

    @Test("a segment goes when its frames are released and nobody maps it, not before", arguments: [true, false])
    func retirement(keepsDescriptor: Bool) throws {
        let (store, row) = try makeStore(2)
        let copy = try Self.copy(of: store)
        let mapped = unsafe mmap(nil, pageSize, PROT_READ, MAP_PRIVATE, copy, 0)!
        if !keepsDescriptor { close(copy) }
        store.release(FrameRow(first: row.first, count: 1))
        #expect(store.retireUnused() == [])
        store.release(FrameRow(first: Frame(rawValue: 1), count: 1))
        #expect(store.retireUnused() == [0])
        #expect(store.descriptor(ofSegment: 0) == nil)
        #expect(unsafe store.bytes(of: row.first) == nil)
        #expect(store.reapRetired() == [])
        #expect(store.retiredCount == 1 && store.framesHeld == 2 && store.framesInUse == 0)
        #expect(store.storedBytes == 2 * pageSize)
        // The number waits with the segment: whoever still maps it may go by it.
        #expect(Self.add(1, to: store)?.first.rawValue == WireLimit.framesOfSegment)
        #expect(unsafe mapped.load(as: UInt8.self) == 7)
        unsafe munmap(mapped, pageSize)
        if keepsDescriptor {
            #expect(store.reapRetired() == [])
            close(copy)
        }
        #expect(Self.isReaped(store))
        #expect(store.framesHeld == 0 && store.segmentCount == 1 && store.storedBytes == pageSize)
    }

    @Test("another open of the file holds it too")
    func otherOpen() throws {
        let (store, row) = try makeStore()
        let other = unsafe open("/proc/self/fd/\(try #require(store.descriptor(ofSegment: 0)))", O_RDONLY | O_CLOEXEC)
        #expect(other >= 0)
        store.release(row)
        #expect(store.retireUnused() == [0])
        #expect(store.reapRetired() == [])
        close(other)
        #expect(Self.isReaped(store))
    }

    @Test("without descriptors there are no frames, and afterwards there are again")
    func shortage() async {
        await #expect(processExitsWith: .success) {
            let store = SegmentStore(pageSize: pageSize)
            var limit = rlimit(rlim_cur: 3, rlim_max: 1024)
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            guard StoreTests.add(1, to: store) == nil, store.segmentCount == 0 else { exit(1) }
            limit.rlim_cur = 256
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            exit(StoreTests.add(1, to: store) == nil ? 2 : 0)
        }
    }

    @Test("without memory frames are not filled, and nothing ends by a signal")
    func noMemory() async {
        await #expect(processExitsWith: .success) {
            let store = SegmentStore(pageSize: pageSize)
            guard let row = StoreTests.add(1, to: store), let bytes = unsafe store.bytes(of: row.first) else { exit(1) }
            // Where the kernel would answer with SIGBUS it answers here with an error: the next frames are no memory
            // any more.
            unsafe munmap(bytes + pageSize, 8 * pageSize)
            exit(StoreTests.add(4, to: store) == nil && store.framesInUse == 1 ? 0 : 2)
        }
    }
}
