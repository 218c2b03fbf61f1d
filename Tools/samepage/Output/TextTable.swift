/// Lines of cells in columns: the first to the left, the others to the right.
package struct TextTable: Sendable {
    private var rows: [[String]] = []
    private let indent: String

    /// An empty table.
    ///
    /// - Parameter indent: What each line begins with.
    package init(indent: String = "  ") { self.indent = indent }

    /// Adds a line.
    package mutating func add(_ cells: String...) { rows.append(cells) }

    /// Adds a line.
    package mutating func add(_ cells: [String]) { rows.append(cells) }

    /// The lines, each with a newline.
    package var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.compactMap { column < $0.count ? $0[column].count : nil }.max() ?? 0
        }
        return rows.map { row in
            var line = indent
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += column == 0 ? cell + padding : "   " + padding + cell
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
