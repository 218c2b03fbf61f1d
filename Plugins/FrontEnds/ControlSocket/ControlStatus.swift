public import FrontEnd
public import Merger

/// Everything that a merger says about itself at one moment.
///
/// On the socket it is these lines; those of the last six kinds may come any number of times, and TEXT is the rest of
/// the line:
///
///     page_size NUMBER
///     checksum TEXT        stableTree TEXT      unstableTree TEXT    policy TEXT
///     memory TEXT          dialect TEXT         uptime_seconds NUMBER
///     domains NUMBER       stored_bytes NUMBER  cpu_nanoseconds NUMBER
///     writes_waited NUMBER
///     rewrittenPages TEXT
///     limitation TEXT
///     frontEnd TEXT
///     attribute NAME TEXT
///     counter NAME NUMBER
///     client PID USER MERGEABLE_BYTES PAGES_SHARING ZERO_PAGES PROFIT_BYTES ORPHANED_PAGES TEXT
///     domain PID TEXT
///     rmap_items PID ITEMS
///     not_merged PID BYTES TEXT
///
/// `rewrittenPages` is missing where the memory makes no difference, `limitation` if nothing keeps the merger from merging. A reader passes over lines that it does not know.
public struct ControlStatus: Sendable, Hashable {
    /// A name and its value.
    public struct Entry: Sendable, Hashable {
        /// The name.
        public var name: String
        /// The value, as text.
        public var value: String

        /// Names a value.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Bytes in a page.
    public var pageSize = 0
    /// What the merger is made of.
    public var description = MergerDescription()
    /// Whose behaviour the merger has, and whose names people mean.
    public var dialect: MergerDialect { MergerDialect(rawValue: description.dialect) ?? .linux }
    /// All attributes by today's names, in the order in which they are shown.
    public var attributes: [Entry] = []
    /// Counters that no attribute shows.
    public var counters: [Entry] = []
    /// The programs whose memory is merged.
    public var clients: [ClientReport] = []

    /// Knows nothing.
    public init() {}

    /// Asks a merger.
    ///
    /// - Throws: The merger's own errors.
    public init(of control: any MergerControl) throws {
        pageSize = control.pageSize
        description = try control.description()
        let counters = try control.counters()
        // All counters of one moment.
        attributes = try control.attributes().map { name in
            Entry(name: name, value: try counters.value(of: name, pageSize: pageSize) ?? control.value(of: name))
        }
        self.counters = Self.entries(of: counters)
        clients = try control.clients().sorted { $0.pid < $1.pid }
    }

    private static func entries(of counters: Counters) -> [Entry] {
        [
            Entry(name: "rmap_items", value: String(counters.items)),
            Entry(name: "pages_checksummed", value: String(counters.pagesChecksummed)),
            Entry(name: "comparisons", value: String(counters.comparisons)),
            Entry(name: "pages_planned", value: String(counters.pagesPlanned)),
            Entry(name: "pages_merged", value: String(counters.pagesMerged)),
            Entry(name: "pages_refused", value: String(counters.pagesRefused)),
        ]
            + counters.notMerged.map { outcome, pages in
                Entry(name: "not_merged_\(snakeCase(String(describing: outcome)))", value: String(pages))
            }.sorted { $0.name < $1.name }
    }

    /// `mapLimit` as `map_limit`.
    private static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
    }
}

extension ControlStatus {
    private typealias Text = WritableKeyPath<ControlStatus, String>
    private typealias Number = WritableKeyPath<ControlStatus, Int>

    /// What stands in a line of its own.
    private static func texts() -> [(name: String, field: Text)] {
        [
            ("checksum", \.description.checksum), ("stableTree", \.description.stableTree),
            ("unstableTree", \.description.unstableTree), ("policy", \.description.policy),
            ("memory", \.description.memory), ("dialect", \.description.dialect),
        ]
    }

    private static func numbers() -> [(name: String, field: Number)] {
        [
            ("page_size", \.pageSize), ("uptime_seconds", \.description.uptimeSeconds),
            ("domains", \.description.domains), ("stored_bytes", \.description.storedBytes),
        ]
    }

    /// The lines, each with a newline.
    var text: String {
        var lines = Self.numbers().map { "\($0.name) \(self[keyPath: $0.field])" }
        func add(_ words: String..., text: String) {
            lines.append((words + [ControlText.escaped(text)]).joined(separator: " "))
        }
        lines.append("cpu_nanoseconds \(description.cpuNanoseconds)")
        lines.append("writes_waited \(description.writesWaited)")
        for (name, field) in Self.texts() { add(name, text: self[keyPath: field]) }
        if let mode = description.rewrittenPages { add("rewrittenPages", text: mode) }
        if let limitation = description.limitation { add("limitation", text: limitation) }
        for name in description.frontEnds { add("frontEnd", text: name) }
        for entry in attributes { add("attribute", entry.name, text: entry.value) }
        for entry in counters { add("counter", entry.name, text: entry.value) }
        for client in clients {
            add(
                "client", "\(client.pid)", "\(client.user)", "\(client.mergeableBytes)", "\(client.pagesSharing)",
                "\(client.zeroPages)", "\(client.profitBytes)", "\(client.orphanedPages)", text: client.command)
            if !client.domain.isEmpty { add("domain", "\(client.pid)", text: client.domain) }
            add("rmap_items", "\(client.pid)", text: "\(client.rmapItems)")
            for (reason, bytes) in client.notMerged.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                add("not_merged", "\(client.pid)", "\(bytes)", text: reason)
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// Reads lines as ``text`` writes them.
    ///
    /// - Throws: ``ControlError`` for a line that is not what its first word promises.
    init(lines: [String]) throws(ControlError) {
        self.init()
        for line in lines {
            guard take(line) else {
                throw ControlError(.broken, "the answer has a line '\(line)', which makes no sense")
            }
        }
    }

    private mutating func take(_ line: String) -> Bool {
        let words = ControlText.words(line, 2)
        guard words.count == 2 else { return false }
        let (kind, rest) = (words[0], words[1])
        if let (_, field) = Self.texts().first(where: { $0.name == kind }) {
            self[keyPath: field] = ControlText.unescaped(rest)
        } else if let (_, field) = Self.numbers().first(where: { $0.name == kind }) {
            guard let number = Int(rest) else { return false }
            self[keyPath: field] = number
        } else {
            switch kind {
            case "cpu_nanoseconds":
                guard let number = UInt64(rest) else { return false }
                description.cpuNanoseconds = number
            case "writes_waited":
                guard let number = UInt64(rest) else { return false }
                description.writesWaited = number
            case "rewrittenPages": description.rewrittenPages = ControlText.unescaped(rest)
            case "limitation": description.limitation = ControlText.unescaped(rest)
            case "frontEnd": description.frontEnds.append(ControlText.unescaped(rest))
            case "attribute", "counter":
                let words = ControlText.words(rest, 2)
                guard words.count == 2 else { return false }
                let entry = Entry(name: words[0], value: ControlText.unescaped(words[1]))
                if kind == "attribute" { attributes.append(entry) } else { counters.append(entry) }
            case "client": return takeClient(ControlText.words(rest, 8))
            case "domain": return takeDomain(ControlText.words(rest, 2))
            case "rmap_items": return takeItems(ControlText.words(rest, 2))
            case "not_merged": return takeReason(ControlText.words(rest, 3))
            default: break
            }
        }
        return true
    }

    private mutating func takeClient(_ words: [String]) -> Bool {
        let numbers = words.dropLast().compactMap { Int($0) }
        guard words.count == 8, numbers.count == 7, let pid = Int32(words[0]), let user = UInt32(words[1]) else {
            return false
        }
        var client = ClientReport(pid: pid, user: user, command: ControlText.unescaped(words[7]))
        (client.mergeableBytes, client.pagesSharing, client.zeroPages) = (numbers[2], numbers[3], numbers[4])
        (client.profitBytes, client.orphanedPages) = (numbers[5], numbers[6])
        clients.append(client)
        return true
    }

    private mutating func takeDomain(_ words: [String]) -> Bool {
        guard words.count == 2, let last = clients.last, Int32(words[0]) == last.pid else { return false }
        clients[clients.count - 1].domain = ControlText.unescaped(words[1])
        return true
    }

    private mutating func takeItems(_ words: [String]) -> Bool {
        let numbers = words.compactMap { Int($0) }
        guard numbers.count == 2, let last = clients.last, numbers[0] == Int(last.pid) else { return false }
        clients[clients.count - 1].rmapItems = numbers[1]
        return true
    }

    private mutating func takeReason(_ words: [String]) -> Bool {
        guard words.count == 3, let pid = Int32(words[0]), let bytes = Int(words[1]), clients.last?.pid == pid else {
            return false
        }
        clients[clients.count - 1].notMerged[ControlText.unescaped(words[2])] = bytes
        return true
    }
}
