/// The text of a scenario file, before it is read as YAML.
struct ScenarioText {
    private let bytes: [UInt8]
    private let path: String

    init(_ text: String, path: String) {
        bytes = Array(text.utf8)
        self.path = path
    }

    /// Refuses what no scenario needs, and a reader of YAML answers late or without a line.
    func check() throws(CommandFailure) {
        if let place = bytes.firstIndex(where: { $0 < 32 && !Self.blanks.contains($0) }) {
            throw failure(at: place, "this is not YAML: byte \(bytes[place]) is no text")
        }
        // A short text may stand for an endless one, by aliases of aliases. Nothing ever looks at all of it, but for what
        // compares the names of fields.
        if bytes.indices.contains(where: isAlias), let place = bytes.indices.first(where: isWithinName) {
            throw failure(at: place, "with aliases (*name) in a file the name of each field is a plain text")
        }
    }

    private static let blanks = Array(" \t\r\n".utf8)

    private func failure(at place: Int, _ problem: String) -> CommandFailure {
        let line = bytes[..<place].count { $0 == UInt8(ascii: "\n") } + 1
        return CommandFailure("\(path):\(line): \(problem)")
    }

    /// Whether something of YAML may begin at a place.
    private func mayBegin(_ place: Int) -> Bool {
        place == 0 || (Self.blanks + Array("[{,:".utf8)).contains(bytes[place - 1])
    }

    private func isAlias(_ place: Int) -> Bool {
        guard bytes[place] == UInt8(ascii: "*"), mayBegin(place), place + 1 < bytes.count else { return false }
        return !Self.blanks.contains(bytes[place + 1])
    }

    /// Whether a name that is more than a text may begin or end here: `? name`, `[...]: `, `{...}: `, `*name :`.
    private func isWithinName(_ place: Int) -> Bool {
        switch bytes[place] {
        case UInt8(ascii: "?"): return mayBegin(place)
        case UInt8(ascii: "]"), UInt8(ascii: "}"): return isFollowedByColon(place + 1)
        case UInt8(ascii: "*"):
            guard isAlias(place) else { return false }
            let end = bytes[place...].firstIndex { Self.blanks.contains($0) || $0 == UInt8(ascii: ":") } ?? bytes.count
            return isFollowedByColon(end)
        default: return false
        }
    }

    private func isFollowedByColon(_ place: Int) -> Bool {
        let rest = bytes[place...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        return rest.first == UInt8(ascii: ":")
    }
}
