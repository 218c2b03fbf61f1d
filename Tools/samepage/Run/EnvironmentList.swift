import Glibc

/// The environment that a program gets: this process's own byte for byte, with a few variables set.
struct EnvironmentList: Equatable {
    /// `NAME=value`, without zeros.
    private(set) var entries: [[UInt8]]

    /// An environment of some entries.
    init(entries: [[UInt8]]) { self.entries = entries }

    /// This process's own.
    static func inherited() -> EnvironmentList {
        var entries: [[UInt8]] = []
        // SAFETY: `environ` ends with a null, its entries with zeros, and nothing here changes it.
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let length = unsafe strlen(text)
            unsafe entries.append(Array(UnsafeRawBufferPointer(start: text, count: length)))
            unsafe entry += 1
        }
        return EnvironmentList(entries: entries)
    }

    /// The value of a variable.
    subscript(name: String) -> String? {
        get {
            entries.first { $0.starts(with: "\(name)=".utf8) }
                .map { String(decoding: $0.dropFirst(name.utf8.count + 1), as: UTF8.self) }
        }
        set {
            entries.removeAll { $0.starts(with: "\(name)=".utf8) }
            if let newValue { entries.append(Array("\(name)=\(newValue)".utf8)) }
        }
    }

    /// Puts a library before those that are preloaded already.
    mutating func preload(_ library: String) {
        let prefix = Array("LD_PRELOAD=".utf8)
        let before = entries.first { $0.starts(with: prefix) }.map { $0.dropFirst(prefix.count) } ?? []
        let others = before.split { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: " ") }
            .filter { !$0.elementsEqual(library.utf8) }
        entries.removeAll { $0.starts(with: prefix) }
        let all = [Array(library.utf8)[...]] + others
        entries.append(prefix + Array(all.joined(separator: [UInt8(ascii: ":")])))
    }
}
