package import ControlSocket
import FrontEnd
package import Merger

/// What `samepage status` shows.
package struct StatusReport: Hashable, Sendable {
    /// What the daemon said.
    package let status: ControlStatus
    /// Whose names attributes have.
    package let dialect: MergerDialect

    /// Reports what a daemon said, by the names of its own dialect unless told otherwise.
    package init(_ status: ControlStatus, dialect: MergerDialect? = nil) {
        self.status = status
        self.dialect = dialect ?? status.dialect
    }

    /// All attributes by the names of the dialect.
    var attributes: [ControlStatus.Entry] {
        guard dialect == .first else { return status.attributes }
        return MergerDialect.firstAttributes.compactMap { name in
            let todays = dialect.todaysName(of: name)
            return status.attributes.first { $0.name == todays }.map { .init(name: name, value: $0.value) }
        }
    }

    /// An attribute by today's name, or a counter, as a number; `nil` if it is none, or not there.
    func number(_ name: String) -> Int? {
        (status.attributes + status.counters).first { $0.name == name }.flatMap { Int($0.value) }
    }
}

extension StatusReport: Encodable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Encodes every attribute and counter by its name, and the rest.
    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        for entry in status.counters + attributes { try encode(entry, to: &fields) }
        let description = status.description
        try fields.encode(Strategies(description), forKey: Key("strategies"))
        try fields.encode(status.clients.map { Client(report: $0) }, forKey: Key("clients"))
        try fields.encode(description.uptimeSeconds, forKey: Key("uptime_seconds"))
        try fields.encode(description.dialect, forKey: Key("dialect"))
        try fields.encode(description.domains, forKey: Key("domains"))
        try fields.encode(description.storedBytes, forKey: Key("stored_bytes"))
        try fields.encode(Double(description.cpuNanoseconds) / 1e9, forKey: Key("cpu_seconds"))
        try fields.encode(description.writesWaited, forKey: Key("writes_waited"))
        try fields.encode(description.rewrittenPages, forKey: Key("rewritten_pages"))
        try fields.encode(description.limitation, forKey: Key("limitation"))
        try fields.encode(status.pageSize, forKey: Key("page_size"))
    }

    private func encode(_ entry: ControlStatus.Entry, to fields: inout KeyedEncodingContainer<Key>) throws {
        let key = Key(entry.name)
        if let number = Int64(entry.value) {
            try fields.encode(number, forKey: key)
        } else if let number = UInt64(entry.value) {
            try fields.encode(number, forKey: key)
        } else {
            try fields.encode(entry.value, forKey: key)
        }
    }
}
