import Glibc

/// What the first bytes of a program's file say.
enum ProgramFile: Equatable {
    /// A program for this machine that the dynamic loader at `loader` starts.
    case dynamic(loader: String)
    /// A program for this machine that needs no dynamic loader.
    case statically
    /// A program for another kind of processor, or of 32 bits.
    case foreign
    /// A script, and the program that reads it.
    case script(interpreter: String)
    /// Something else: perhaps text that a shell reads.
    case other
    /// The file may not be read.
    case unreadable
    /// There is no file.
    case missing

    /// Looks at a file.
    init(path: String) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            self = errno == EACCES ? .unreadable : .missing
            return
        }
        defer { close(file) }
        let head = Self.read(file, at: 0, count: 4096)
        if head.starts(with: [0x7F, 0x45, 0x4C, 0x46]) {
            self = Self.elf(file, head)
        } else if head.starts(with: "#!".utf8) {
            let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
            let word = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.first
            self = word.map { .script(interpreter: String(decoding: $0, as: UTF8.self)) } ?? .other
        } else {
            self = .other
        }
    }

    /// The ELF machine of this program's own code.
    private static var ownMachine: Int {
        #if arch(x86_64)
            62
        #else
            183
        #endif
    }

    private static func elf(_ file: Int32, _ head: [UInt8]) -> ProgramFile {
        // 64 bits, little-endian, this processor.
        guard head.count >= 64, head[4] == 2, head[5] == 1, number(head, 18, 2) == ownMachine else { return .foreign }
        let size = number(head, 54, 2)
        let count = number(head, 56, 2)
        guard size >= 56, let start = Int64(exactly: number(head, 32, 8)) else { return .other }
        let table = read(file, at: start, count: size * count)
        for index in 0..<count where table.count >= (index + 1) * size {
            let entry = Array(table[index * size..<(index + 1) * size])
            // PT_INTERP
            guard number(entry, 0, 4) == 3, let place = Int64(exactly: number(entry, 8, 8)) else { continue }
            let name = read(file, at: place, count: min(4096, number(entry, 32, 8))).prefix { $0 != 0 }
            return .dynamic(loader: String(decoding: name, as: UTF8.self))
        }
        return .statically
    }

    private static func number(_ bytes: [UInt8], _ place: Int, _ size: Int) -> Int {
        let value = (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
        return Int(clamping: value)
    }

    /// Bytes of a file, fewer where it ends.
    private static func read(_ file: Int32, at place: Int64, count: Int) -> [UInt8] {
        guard place >= 0, count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: the buffer outlives the call and has this size.
        let found = unsafe pread(file, &bytes, count, off_t(place))
        return Array(bytes.prefix(max(0, found)))
    }
}
