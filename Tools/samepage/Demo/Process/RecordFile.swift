import CLinuxMemory
import Glibc

/// A file without a name that takes the fingerprints of a process's pages from the process to the demo.
struct RecordFile {
    /// The number under which a process of the demo has its file.
    static let descriptorOfProcess: Int32 = 3

    let descriptor: Int32

    /// Writes all fingerprints.
    func write(_ record: PageRecord) throws(CommandFailure) {
        let written = unsafe record.hashes.withUnsafeBytes { bytes in
            RecordFile.all(bytes.count) { done in
                // SAFETY: the rest lies within the bytes, which outlive the call.
                unsafe pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(done))
            }
        }
        guard written else { throw CommandFailure("the record cannot be written: \(SystemError.text(errno))") }
    }

    /// The fingerprints of so many pages.
    func read(pages: Int) throws(CommandFailure) -> [UInt64] {
        var hashes = [UInt64](repeating: 0, count: pages)
        let isRead = unsafe hashes.withUnsafeMutableBytes { bytes in
            RecordFile.all(bytes.count) { done in
                // SAFETY: the rest lies within the bytes, which outlive the call.
                unsafe pread(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(done))
            }
        }
        guard isRead else { throw CommandFailure("a process of the demo gave no record of its pages") }
        return hashes
    }

    /// Calls until so many bytes are done; whether they are.
    private static func all(_ count: Int, _ transfer: (_ done: Int) -> Int) -> Bool {
        var done = 0
        while done < count {
            let more = transfer(done)
            if more < 0, errno == EINTR { continue }
            guard more > 0 else { return false }
            done += more
        }
        return true
    }
}
