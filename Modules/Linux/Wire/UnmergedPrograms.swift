/// Programs that are not merged, by the names of their files without folders. A pattern is a name in which `*` stands for any
/// bytes.
public enum UnmergedPrograms {
    /// A pattern that is in force everywhere.
    public struct Entry {
        /// The pattern.
        public let pattern: StaticString
        /// Why; the words follow the program's name and "is not merged: ".
        public let reason: StaticString
    }

    /// How many patterns are in force everywhere.
    public static var shippedCount: Int { 10 }

    /// A pattern that is in force everywhere, by its number below ``shippedCount``.
    public static func shipped(_ number: Int) -> Entry {
        // The process that starts all others looks into /proc/self/task before it confines itself, and ends when it finds
        // a thread that it did not start; those that it starts refuse most system calls, and new ones with each release.
        let chromium: StaticString = "it is built on Chromium, whose sandbox counts threads and refuses most calls"
        return switch number {
        case 0: Entry(pattern: "chrome", reason: chromium)
        case 1: Entry(pattern: "chromium", reason: chromium)
        case 2: Entry(pattern: "chromium-browser", reason: chromium)
        case 3: Entry(pattern: "headless_shell", reason: chromium)
        case 4: Entry(pattern: "electron*", reason: chromium)
        case 5: Entry(pattern: "brave", reason: chromium)
        case 6: Entry(pattern: "msedge", reason: chromium)
        case 7: Entry(pattern: "opera", reason: chromium)
        case 8: Entry(pattern: "vivaldi-bin", reason: chromium)
        default: Entry(pattern: "QtWebEngineProcess", reason: chromium)
        }
    }

    /// Why a program is never merged; `nil` if nothing shipped names it.
    public static func reason(_ name: UnsafeBufferPointer<UInt8>) -> StaticString? {
        for number in 0..<shippedCount {
            let entry = shipped(number)
            // SAFETY: the string has so many bytes.
            let pattern = unsafe UnsafeBufferPointer(
                start: entry.pattern.utf8Start, count: entry.pattern.utf8CodeUnitCount)
            if unsafe matches(name, pattern) { return entry.reason }
        }
        return nil
    }

    /// Whether one of the patterns of a list, divided by `:` or `,`, fits a name.
    public static func isListed(_ name: UnsafeBufferPointer<UInt8>, in list: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 0
        for place in 0...list.count {
            // SAFETY: below the count.
            if place < list.count, unsafe !isDivider(list[place]) { continue }
            if place > start, unsafe matches(name, UnsafeBufferPointer(rebasing: list[start..<place])) { return true }
            start = place + 1
        }
        return false
    }

    /// Whether a byte stands between the patterns of a list.
    public static func isDivider(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ":") || byte == UInt8(ascii: ",") }

    /// Whether a name fits a pattern.
    static func matches(_ name: UnsafeBufferPointer<UInt8>, _ pattern: UnsafeBufferPointer<UInt8>) -> Bool {
        let star = UInt8(ascii: "*")
        var place = 0
        var next = 0
        var afterStar: Int?
        var retry = 0
        while place < name.count {
            // SAFETY: below the counts.
            if next < pattern.count, unsafe pattern[next] == star {
                next += 1
                afterStar = next
                retry = place
            } else if next < pattern.count, unsafe pattern[next] == name[place] {
                next += 1
                place += 1
            } else if let afterStar {
                next = afterStar
                retry += 1
                place = retry
            } else {
                return false
            }
        }
        // SAFETY: below the count.
        while next < pattern.count, unsafe pattern[next] == star { next += 1 }
        return !name.isEmpty && next == pattern.count
    }
}
