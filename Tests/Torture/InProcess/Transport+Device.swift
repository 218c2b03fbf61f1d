import CLinuxMemory
import CTortureWriters
import Synchronization

/// A network device that writes packets into pages registered with an AF_XDP socket, behind the first bytes of each page.
@safe
final class DeviceWrites: Transport, @unchecked Sendable {
    var staysInBlock: Bool { true }
    private let packet = Parcel()
    private let device = UnsafeMutablePointer<tw_device>.allocate(capacity: 1)
    private let pinned = Atomic<UInt>(0)
    private let fills = Atomic<Int>(0)
    private static let headroom = UInt(TW_DEVICE_HEADROOM)
    private static let shortest = UInt(TW_DEVICE_SHORTEST)

    /// Throws why there is none.
    init() throws(TortureError) {
        // SAFETY: just allocated; the call fills it in.
        let error = unsafe tw_device_open(device)
        guard error == 0 else { throw TortureError(message: "AF_XDP: error \(-error)") }
    }

    func put(_ value: UInt64, at address: UInt, block: UInt) -> Int? {
        let offset = address & UInt(Raw.page - 1)
        let start = address - offset + Self.headroom
        guard offset >= Self.headroom else {
            Raw.store(value, address)
            return nil
        }
        // As it is up to the word.
        copy(start, address - start)
        Raw.store(value, packet.address + (address - start))
        let end = address + 8
        if end - start < Self.shortest { Raw.store(Raw.load(end), packet.address + (end - start)) }
        return send(max(end - start, Self.shortest), to: address, block: block)
    }

    /// By the device where it has the block, and sometimes where it has not: to give it another one takes a while.
    func fill(_ sources: [UInt], at address: UInt) -> Int? {
        let number = fills.wrappingAdd(1, ordering: .relaxed).newValue
        guard pinned.load(ordering: .relaxed) == address || number % 16 == 0 else {
            return Stores().fill(sources, at: address)
        }
        for (place, source) in sources.enumerated() {
            let page = address + UInt(place * Raw.page)
            for offset in stride(from: 0, to: Self.headroom, by: 8) {
                Raw.store(Raw.load(source + offset), page + offset)
            }
            let size = UInt(Raw.page) - Self.headroom
            copy(source + Self.headroom, size)
            if let error = send(size, to: page, block: address) { return error }
        }
        if number % 3 == 0 { leave() }
        return nil
    }

    private func copy(_ source: UInt, _ size: UInt) {
        // SAFETY: bytes of a page; the parcel has room for a block.
        unsafe lm_copy(
            UnsafeMutableRawPointer(bitPattern: packet.address)!, UnsafeRawPointer(bitPattern: source)!, Int(size))
    }

    private func send(_ size: UInt, to address: UInt, block: UInt) -> Int? {
        if pinned.load(ordering: .relaxed) != block {
            leave()
            pinned.store(block, ordering: .relaxed)
            // SAFETY: the device is open.
            let error = unsafe tw_device_pin(device, block, Block.bytes)
            guard error == 0 else {
                leave()
                return Int(error)
            }
        }
        let page = Int(address - block) / Raw.page
        // SAFETY: the packet holds `size` bytes, the pinned block has the page.
        let written = unsafe tw_device_write(device, page, packet.pointer, Int(size))
        return written == Int(size) ? nil : written
    }

    func leave() {
        guard pinned.load(ordering: .relaxed) != 0 else { return }
        // SAFETY: the device is open.
        unsafe tw_device_unpin(device)
        pinned.store(0, ordering: .relaxed)
    }

    func close() {
        leave()
        // SAFETY: nobody uses the device any more.
        unsafe tw_device_close(device)
        unsafe device.deallocate()
        packet.free()
    }
}
