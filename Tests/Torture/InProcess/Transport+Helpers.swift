import CLinuxMemory
import CTortureWriters
import Synchronization

/// A child process, started before there are threads, that writes into this one.
struct WritingChild: Sendable {
    let process: Int32
    let descriptor: Int32
    let parcel = Parcel(shared: true)

    init() {
        var pair: [Int32] = [-1, -1]
        // SAFETY: room for two descriptors.
        let result = unsafe tw_socket_pair(&pair)
        precondition(result == 0, "no descriptors for the torture")
        let parent = tw_process()
        process = tw_fork()
        precondition(process >= 0, "no child for the torture")
        if process == 0 {
            tw_close(pair[0])
            // SAFETY: the parcel is shared memory.
            unsafe tw_serve_writes(pair[1], parent, parcel.pointer, Block.bytes)
        }
        tw_close(pair[1])
        descriptor = pair[0]
    }

    func end() {
        tw_close(descriptor)
        tw_kill(process)
        parcel.free()
    }
}

/// process_vm_writev by a child process.
struct ChildWrites: ParcelTransport {
    let child: WritingChild
    /// Whether whole blocks wait for a page of their source, our pages being pinned.
    let stalls: Bool
    var parcel: Parcel { child.parcel }

    func deliver(_ size: Int, to address: UInt, block: UInt) -> Int? {
        let chance = Raw.now &* 0x9E37_79B9_7F4A_7C15 >> 20
        let stall = stalls && size == Block.bytes ? 1 + (chance >> 8) % (chance % 4 == 0 ? 4_000_000 : 200_000) : 0
        let done = tw_ask_for_write(child.descriptor, address, size, stall)
        return done == size ? nil : done
    }

    /// The child lives on for the next round.
    func close() {}
}

/// process_vm_writev whose source has a page missing: the destination stays pinned until another thread brings it.
@safe
final class SlowWrites: ParcelTransport, @unchecked Sendable {
    let parcel = Parcel()
    private let source: UnsafeMutablePointer<tw_slow_source>
    private let missing = Atomic<Int>(0)
    private let isEnding = Atomic<Bool>(false)
    private let bringer: Mutex<Worker?> = Mutex(nil)
    private let rest: UInt64

    /// `nil` where userfaultfd is not permitted.
    init?(seed: UInt64) {
        rest = seed
        unsafe source = .allocate(capacity: 1)
        // SAFETY: just allocated; the call fills it in.
        guard unsafe tw_slow_open(source, Block.bytes) == 0 else { return nil }
        let worker = Worker { [self] in bring() }
        bringer.withLock { $0 = worker }
    }

    /// Brings the missing page, a little later.
    private func bring() {
        var random = Random(seed: rest, 77)
        while !isEnding.load(ordering: .relaxed) {
            // SAFETY: the source lives until the thread has ended.
            guard unsafe tw_slow_wait(source, 20) == 1 else { continue }
            Raw.spin(random.below(random.once(in: 4) ? 400_000 : 100_000))
            let offset = missing.load(ordering: .acquiring)
            _ = unsafe tw_slow_bring(source, offset, parcel.pointer + offset, Raw.page)
        }
    }

    func deliver(_ size: Int, to address: UInt, block: UInt) -> Int? {
        guard size == Block.bytes else {
            // SAFETY: the parcel holds `size` bytes.
            let done = unsafe tw_vm_write(tw_process(), address, parcel.pointer, size)
            return done == size ? nil : done
        }
        let offset = Int(address / 65536 % 3) * Raw.page
        missing.store(offset, ordering: .releasing)
        // SAFETY: the source has room for a block, and the bringer touches only the missing page.
        unsafe tw_slow_clear(source)
        if offset > 0 { _ = unsafe tw_slow_bring(source, 0, parcel.pointer, offset) }
        let next = offset + Raw.page
        _ = unsafe tw_slow_bring(source, next, parcel.pointer + next, Block.bytes - next)
        let done = unsafe tw_vm_write(tw_process(), address, source.pointee.bytes, size)
        return done == size ? nil : done
    }

    func close() {
        isEnding.store(true, ordering: .relaxed)
        bringer.withLock { $0 }?.join()
        // SAFETY: nobody uses the source any more.
        unsafe tw_slow_close(source)
        unsafe source.deallocate()
        parcel.free()
    }
}

/// READ_FIXED of an io_uring, through the pins of a registered block.
@safe
final class RingReads: ParcelTransport, @unchecked Sendable {
    let parcel = Parcel()
    var staysInBlock: Bool { true }
    private let ring: UnsafeMutablePointer<tw_ring>
    private let input: Int32
    private let output: Int32
    private let pinned = Atomic<UInt>(0)
    private let uses = Atomic<Int>(0)

    /// `nil` where the kernel has no io_uring.
    init?() {
        unsafe ring = .allocate(capacity: 1)
        var pair: [Int32] = [-1, -1]
        // SAFETY: the ring was just allocated; room for two descriptors.
        let result = unsafe tw_pipe(&pair)
        (input, output) = (pair[0], pair[1])
        guard result == 0, unsafe tw_ring_open(ring) == 0 else { return nil }
    }

    func deliver(_ size: Int, to address: UInt, block: UInt) -> Int? {
        if pinned.load(ordering: .relaxed) != block {
            leave()
            // SAFETY: the ring is open.
            let result = unsafe tw_ring_pin(ring, block, Block.bytes)
            guard result == 0 else { return Int(result) }
            pinned.store(block, ordering: .relaxed)
        }
        // SAFETY: the parcel holds `size` bytes; the pinned block has room for them.
        guard unsafe tw_write(output, parcel.pointer, size) == size else { return -1 }
        var done = 0
        while done < size {
            let got = unsafe tw_ring_read(ring, input, address + UInt(done), size - done)
            guard got > 0 else { return got }
            done += got
        }
        if uses.wrappingAdd(1, ordering: .relaxed).newValue % 3 == 0 { leave() }
        return nil
    }

    func leave() {
        guard pinned.load(ordering: .relaxed) != 0 else { return }
        // SAFETY: the ring is open.
        _ = unsafe tw_ring_unpin(ring)
        pinned.store(0, ordering: .relaxed)
    }

    func close() {
        leave()
        // SAFETY: nobody uses the ring any more.
        unsafe tw_ring_close(ring)
        unsafe ring.deallocate()
        tw_close(input)
        tw_close(output)
        parcel.free()
    }
}
