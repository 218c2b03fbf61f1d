import FoundationEssentials
import Merger
import Simulation

/// The counters of a scenario over its full scans, drawn.
struct ScenarioPlot {
    private let run: ScenarioRun

    init(_ run: ScenarioRun) { self.run = run }

    private static let width = 760.0
    private static let height = 400.0
    private static let left = 80.0
    private static let top = 50.0

    /// What is drawn, and its colour: as well told apart by those who do not see all colours.
    private static let curves: [(name: String, color: String, value: @Sendable (Moment) -> Int)] = [
        ("pages_shared", "#0072b2", { $0.counters.pagesShared }),
        ("pages_sharing", "#009e73", { $0.counters.pagesSharing }),
        ("pages_unshared", "#e69f00", { $0.counters.pagesUnshared }),
        ("pages_volatile", "#d55e00", { $0.counters.pagesVolatile }),
        ("ksm_zero_pages", "#cc79a7", { $0.counters.zeroPages }),
    ]

    /// The drawing.
    var svg: String {
        let moments = run.timeline
        let most = max(1, moments.flatMap { moment in Self.curves.map { $0.value(moment) } }.max() ?? 1)
        let last = max(1, moments.last?.scans ?? 1)
        func x(_ scans: UInt64) -> Double { Self.left + Double(scans) / Double(last) * Self.width }
        func y(_ value: Int) -> Double { Self.top + Self.height - Double(value) / Double(most) * Self.height }
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1010 510" font-family="sans-serif" font-size="13">
            <rect width="1010" height="510" fill="white"/>
            <text x="\(Self.left)" y="28" font-size="17">\(escaped(run.scenario.name))</text>
            """
        ]
        for step in 0...4 {
            let value = most * step / 4
            parts.append(
                "<line x1=\"\(Self.left)\" x2=\"\(Self.left + Self.width)\" y1=\"\(y(value))\" y2=\"\(y(value))\" stroke=\"#ddd\"/>"
                    + "<text x=\"\(Self.left - 8)\" y=\"\(y(value) + 4)\" text-anchor=\"end\">\(value)</text>")
        }
        let stride = max(1, last / 10)
        for scan in Swift.stride(from: 0, through: last, by: Int(stride)) {
            parts.append(
                "<text x=\"\(x(scan))\" y=\"\(Self.top + Self.height + 20)\" text-anchor=\"middle\">\(scan)</text>")
        }
        parts.append(
            "<text x=\"\(Self.left + Self.width / 2)\" y=\"\(Self.top + Self.height + 42)\" text-anchor=\"middle\">full scans</text>"
        )
        for (number, curve) in Self.curves.enumerated() {
            let points = moments.map { "\(x($0.scans)),\(y(curve.value($0)))" }.joined(separator: " ")
            let line = Self.top + 20 * Double(number) + 10
            parts.append(
                "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"\(curve.color)\" points=\"\(points)\"/>"
                    + "<text x=\"\(Self.left + Self.width + 12)\" y=\"\(line)\" fill=\"\(curve.color)\">\(curve.name)</text>"
            )
        }
        return parts.joined(separator: "\n") + "\n</svg>\n"
    }

    /// Writes the drawing to a file, whole or not at all.
    ///
    /// - Throws: ``CommandFailure``.
    func write(to path: String) throws(CommandFailure) {
        do {
            try Data(svg.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw CommandFailure("cannot write \(path): is its folder there, and may you write to it?")
        }
    }

    private func escaped(_ text: String) -> String {
        StandardError.printable(text).replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(
            ">", with: "&gt;")
    }
}
