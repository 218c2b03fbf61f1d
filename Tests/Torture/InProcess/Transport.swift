import CLinuxMemory
import CTortureWriters

/// How an owner's bytes get into its pages. Errors are error numbers; `nil` is success.
protocol Transport: Sendable {
    /// Whether the owner should do several things in one block before it goes on.
    var staysInBlock: Bool { get }
    /// Writes a word of the block that begins at `block`.
    func put(_ value: UInt64, at address: UInt, block: UInt) -> Int?
    /// Writes a whole block from the pages at `sources`.
    func fill(_ sources: [UInt], at address: UInt) -> Int?
    /// Gives up whatever is held of a block.
    func leave()
    /// The end.
    func close()
}

extension Transport {
    var staysInBlock: Bool { false }
    func leave() {}
    func close() {}
}

/// Plain stores.
struct Stores: Transport {
    func put(_ value: UInt64, at address: UInt, block: UInt) -> Int? {
        Raw.store(value, address)
        return nil
    }

    func fill(_ sources: [UInt], at address: UInt) -> Int? {
        for (place, source) in sources.enumerated() {
            for word in 0..<Raw.words {
                let offset = UInt(word * 8)
                Raw.store(Raw.load(source + offset), address + UInt(place * Raw.page) + offset)
            }
        }
        return nil
    }
}

/// Room for a block's bytes on their way.
struct Parcel: Sendable {
    let address: UInt

    init(shared: Bool = false) { address = Raw.map(Block.bytes, shared: shared) }

    func free() { Raw.unmap(address, Block.bytes) }

    /// Puts pages in, and returns how many bytes they are.
    func pack(_ sources: [UInt]) -> Int {
        for (place, source) in sources.enumerated() {
            // SAFETY: the parcel has room for a block; sources are whole pages.
            unsafe lm_copy(
                UnsafeMutableRawPointer(bitPattern: address + UInt(place * Raw.page))!,
                UnsafeRawPointer(bitPattern: source)!, Raw.page)
        }
        return sources.count * Raw.page
    }

    func pack(_ value: UInt64) -> Int {
        Raw.store(value, address)
        return 8
    }

    var pointer: UnsafeRawPointer { unsafe UnsafeRawPointer(bitPattern: address)! }
}

/// A writer that takes bytes from a parcel.
protocol ParcelTransport: Transport {
    var parcel: Parcel { get }
    /// Writes so many bytes of the parcel into the block that begins at `block`.
    func deliver(_ size: Int, to address: UInt, block: UInt) -> Int?
}

extension ParcelTransport {
    func put(_ value: UInt64, at address: UInt, block: UInt) -> Int? {
        deliver(parcel.pack(value), to: address, block: block)
    }

    func fill(_ sources: [UInt], at address: UInt) -> Int? {
        deliver(parcel.pack(sources), to: address, block: address)
    }

    func close() { parcel.free() }
}

/// read(2) from a pipe.
struct PipeReads: ParcelTransport {
    let parcel = Parcel()
    private let input: Int32
    private let output: Int32

    init() {
        var pair: [Int32] = [-1, -1]
        // SAFETY: room for two descriptors.
        let result = unsafe tw_pipe(&pair)
        precondition(result == 0, "no descriptors for the torture")
        (input, output) = (pair[0], pair[1])
    }

    func deliver(_ size: Int, to address: UInt, block: UInt) -> Int? {
        // SAFETY: a pipe takes 64 KiB without waiting; the parcel holds `size` bytes.
        let sent = unsafe tw_write(output, parcel.pointer, size)
        guard sent == size else { return sent }
        var done = 0
        while done < size {
            let got = tw_read_to(input, address + UInt(done), size - done)
            guard got > 0 else { return got }
            done += got
        }
        return nil
    }

    func close() {
        tw_close(input)
        tw_close(output)
        parcel.free()
    }
}

/// process_vm_writev by this process.
struct VMWrites: ParcelTransport {
    let parcel = Parcel()

    func deliver(_ size: Int, to address: UInt, block: UInt) -> Int? {
        // SAFETY: the parcel holds `size` bytes.
        let done = unsafe tw_vm_write(tw_process(), address, parcel.pointer, size)
        return done == size ? nil : done
    }
}
