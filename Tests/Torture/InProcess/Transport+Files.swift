import CLinuxMemory
import CTortureWriters
import Glibc
import Synchronization

/// Reads of a file with O_DIRECT, each by a descriptor that lives no longer: the device writes to pinned pages.
@safe
final class DirectReads: ParcelTransport, Sendable {
    let parcel = Parcel()
    /// Whether the descriptors belong to a table of the owner's thread alone.
    private let hasOwnTable: Bool
    private let file = Atomic<Int32>(-1)

    /// Where files of the current folder do not lie on a disk this throws why.
    init(hasOwnTable: Bool) throws(TortureError) {
        self.hasOwnTable = hasOwnTable
        tw_close(try Self.openFile())
    }

    private static func openFile() throws(TortureError) -> Int32 {
        // SAFETY: the string lives during the call.
        let file = unsafe tw_direct_file(".")
        guard file >= 0 else { throw TortureError(message: "O_DIRECT in this folder: error \(-file)") }
        return file
    }

    func put(_ value: UInt64, at address: UInt, block: UInt) -> Int? {
        // The whole page, as it is but for the word: devices write no less.
        let page = address & ~UInt(Raw.page - 1)
        _ = parcel.pack([page])
        Raw.store(value, parcel.address + (address - page))
        return deliver(Raw.page, to: page, block: block)
    }

    func deliver(_ size: Int, to address: UInt, block: UInt) -> Int? {
        if file.load(ordering: .relaxed) < 0 {
            if hasOwnTable { _ = tw_own_table() }
            guard let opened = try? Self.openFile() else { return -1 }
            file.store(opened, ordering: .relaxed)
        }
        let file = file.load(ordering: .relaxed)
        // SAFETY: the parcel holds `size` bytes.
        let written = unsafe tw_direct_write(file, parcel.pointer, size, 0)
        // A full disk is not what this is about.
        guard written != -Int(ENOSPC) else { return store(size, address) }
        guard written == size else { return written }
        let got = tw_direct_read(file, address, size, 0)
        return got == size ? nil : got
    }

    private func store(_ size: Int, _ address: UInt) -> Int? {
        // SAFETY: the parcel holds `size` bytes; the owner's block has room for them.
        unsafe lm_copy(UnsafeMutableRawPointer(bitPattern: address)!, parcel.pointer, size)
        return nil
    }

    func close() {
        if file.load(ordering: .relaxed) >= 0 { tw_close(file.load(ordering: .relaxed)) }
        parcel.free()
    }
}

/// A file system, started before there are threads, whose one file is a parcel.
@safe
struct FileServer: @unchecked Sendable {
    let parcel = Parcel(shared: true)
    private let fuse = UnsafeMutablePointer<tw_fuse>.allocate(capacity: 1)

    /// Throws why there is none.
    init() throws(TortureError) {
        // SAFETY: just allocated; the parcel is shared memory.
        let error = unsafe tw_fuse_start(fuse, parcel.pointer, Block.bytes, 4_000_000)
        guard error == 0 else { throw TortureError(message: "FUSE: error \(-error)") }
    }

    /// Reads from the start of the file.
    func read(_ size: Int, to address: UInt) -> Int {
        // SAFETY: filled in by `init`.
        unsafe tw_fuse_read(fuse, address, size, 0)
    }

    func end() {
        // SAFETY: as above; nobody reads any more.
        unsafe tw_fuse_end(fuse)
        unsafe fuse.deallocate()
        parcel.free()
    }
}

/// Reads of a file whose server answers late, past the page cache: the pages are pinned meanwhile.
struct FileReads: ParcelTransport {
    let server: FileServer
    var parcel: Parcel { server.parcel }

    func deliver(_ size: Int, to address: UInt, block: UInt) -> Int? {
        let got = server.read(size, to: address)
        return got == size ? nil : got
    }

    /// The server lives on for the next round.
    func close() {}
}
