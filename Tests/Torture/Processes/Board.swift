import CLinuxMemory
import Glibc

/// The shared file on which each program of the torture has a place for its numbers; Tests/Programs/Torture/board.h
/// knows the same numbers.
struct Board: Sendable {
    let path: String
    let places: Int
    private let address: UInt
    private static let placeWords = 128
    private static let textWord = 64

    enum Field: Int, CaseIterable {
        case command, stopSequence, stoppedSince, stoppedTotal, actors, resting
        case operations, writes, pagesVerified, pagesRead, mergedSeen, sharingBroken, forks, execs, spawns, ends
        case refused
        case longest, longestWhat, wrong, hangs, errors, hasText
        case directReads, fileReads, childWrites, loans
    }

    enum Command: UInt64 { case work, rest, end }

    /// What took the longest time.
    static let whats = ["read", "write", "madvise", "map", "lock", "mprotect", "fork"]

    /// Makes the file.
    init(path: String, places: Int) throws {
        let size = (places + 1) * Self.placeWords * 8
        // SAFETY: the text outlives the call.
        let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0, ftruncate(file, size) == 0 else { throw TortureError(message: "\(path): error \(errno)") }
        defer { close(file) }
        let memory = lm_mmap(0, size, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(LM_MAP_SHARED), file, 0)
        guard lm_is_error(memory) == 0 else { throw TortureError(message: "\(path): error \(-memory)") }
        address = UInt(bitPattern: memory)
        self.path = path
        self.places = places
    }

    private func address(_ place: Int, _ word: Int) -> UInt { address + UInt((place * Self.placeWords + word) * 8) }

    /// A field of a place; places count from 1.
    subscript(place: Int, field: Field) -> UInt64 {
        get { Raw.load(address(place, field.rawValue)) }
        nonmutating set { Raw.store(newValue, address(place, field.rawValue)) }
    }

    /// A sum over all places.
    func sum(_ field: Field) -> UInt64 { (1...places).reduce(0) { $0 &+ self[$1, field] } }

    /// What went wrong at a place.
    func text(_ place: Int) -> String? {
        guard self[place, .hasText] == 2 else { return nil }
        var bytes: [UInt8] = []
        for word in Self.textWord..<Self.placeWords {
            let value = Raw.load(address(place, word))
            for byte in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(byte * 8))) }
        }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    func command(_ command: Command) { for place in 1...places { self[place, .command] = command.rawValue } }

    /// Before the programs of a place are stopped.
    func beginStop(_ place: Int) {
        self[place, .stopSequence] += 1
        self[place, .stoppedSince] = Raw.now
        self[place, .stopSequence] += 1
    }

    /// After they were continued.
    func endStop(_ place: Int) {
        self[place, .stopSequence] += 1
        self[place, .stoppedTotal] += Raw.now - self[place, .stoppedSince]
        self[place, .stoppedSince] = 0
        self[place, .stopSequence] += 1
    }
}
