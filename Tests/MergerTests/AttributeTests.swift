import Assembly
import Merger
import ScanPolicy
import Testing

/// Every attribute that can be written: what it is at first, which texts it takes, and which error others get. The answers are
/// those of Linux 6.18; `ProgramTests/AttributeTests` asks the kernel itself.
@Suite("Attributes")
struct AttributeTests {
    struct Row: Sendable, CustomStringConvertible {
        var name: String
        /// The value while nobody has set one.
        var first: String
        /// Texts, and the value after each.
        var taken: [(text: String, value: String)]
        /// Texts, and the error that each gets.
        var refused: [(text: String, error: String)]

        var description: String { name }

        /// A number, with the errors for those above the range and for those of more than 64 bits.
        static func number(
            _ name: String, _ first: String, _ range: ClosedRange<UInt64> = 0...UInt64(UInt32.max),
            above: String = "EINVAL", huge: String = "EINVAL"
        ) -> Row {
            let some = min(max(5, range.lowerBound), range.upperBound)
            var row = Row(name: name, first: first, taken: [], refused: [])
            for number in [range.upperBound, range.lowerBound, some] { row.taken.append(("\(number)", "\(number)")) }
            for text in ["+\(some)", "0\(some)", "\(some)\n", "\(some)\0", "\(some)\0x"] {
                row.taken.append((text, "\(some)"))
            }
            let blanks = ["", "\n", "\(some)\n\n", " \(some)", "\(some) ", "\(some)\n1", "\t\(some)"]
            for text in blanks + ["0x1", "1x", "-1", "-0", "+", "-", "++1", "+-1", "1.0", "\u{661}"] {
                row.refused.append((text, "EINVAL"))
            }
            if range.lowerBound > 0 { row.refused.append(("\(range.lowerBound - 1)", "EINVAL")) }
            if range.upperBound < .max { row.refused.append(("\(range.upperBound + 1)", above)) }
            if range.upperBound < 1 << 32 { row.refused.append(("4294967296", above)) }
            for text in ["18446744073709551616", "99999999999999999999"] { row.refused.append((text, huge)) }
            return row
        }

        static func flag(_ name: String, _ first: String) -> Row {
            Row(
                name: name, first: first,
                taken: ["1", "y", "Yes", "t", "True", "10", "1x", "y\n", "on", "ON", "oNe"].map { ($0, "1") }
                    + ["0", "n", "No", "f", "False", "01", "off", "OF"].map { ($0, "0") },
                refused: ["", "\n", "2", " 1", "-1", "+1", "o", "ox", "\0"].map { ($0, "EINVAL") })
        }
    }

    static let limit: Row = {
        var row = Row.number(
            "max_page_sharing", "256", 2...UInt64(Int32.max), above: "ERANGE", huge: "ERANGE")
        row.refused += [("0", "EINVAL"), ("-2147483648", "EINVAL"), ("-2147483649", "ERANGE")]
        row.refused.append(("-99999999999999999999", "ERANGE"))
        return row
    }()

    static let cpu: Row = {
        var row = Row.number("advisor_max_cpu", "70", 0...UInt64(UInt32.max))
        // The kernel takes any unsigned long, and keeps 32 bits of it.
        row.refused.removeAll { $0.text == "4294967296" }
        row.taken += [("4294967296", "0"), ("4294967297", "1"), ("18446744073709551615", "4294967295")]
        return row
    }()

    static let rows: [Row] = [
        .number("run", "1", 0...2), .number("pages_to_scan", "32768"), .number("sleep_millisecs", "100"), limit,
        .number("merge_across_nodes", "1", 0...1, huge: "ERANGE"), .flag("use_zero_pages", "1"),
        .flag("smart_scan", "0"), cpu, .number("advisor_target_scan_time", "200", 1...UInt64.max),
        .number("advisor_min_pages_to_scan", "500", 0...UInt64.max),
        .number("advisor_max_pages_to_scan", "30000", 0...UInt64.max),
        .number("stable_node_chains_prune_millisecs", "2000"),
        Row(
            name: "advisor_mode", first: "[none] scan-time",
            taken: [
                ("scan-time", "none [scan-time]"), ("none", "[none] scan-time"), ("scan-time\n", "none [scan-time]"),
                ("none\n", "[none] scan-time"),
            ],
            refused: ["", "\n", "[none]", "None", "Scan-time", "scan-time ", "1", "none\n\n", "none scan-time"].map {
                ($0, "EINVAL")
            }),
        // Samepage's own, and one of 2009.
        .number("max_kernel_pages", "0", 0...UInt64.max), .number("row_length", "64", 1...512),
        .number("minimum_age_millisecs", "0"), .number("minimum_sharers", "1", 1...255),
        .number("advisor_keep_min", "0", 0...1),
    ]

    /// A merger of a configuration, over memory with two nodes and no pages.
    final class Control {
        var merger: Merger

        init(_ configuration: SamepageConfiguration = SamepageConfiguration()) throws {
            let parts = try configuration.makeParts()
            merger = Merger(
                configuration: parts.configuration, checksum: parts.checksum, stableTree: parts.stableTree,
                unstableTree: parts.unstableTree, policy: parts.policy, pageSize: 4096, tracksChanges: true,
                nodeCount: 2)
        }

        func value(_ name: String) -> String? { try? merger.value(of: name) }

        /// The kernel's name of the error; `nil` if there was none.
        func set(_ name: String, _ text: String) -> String? {
            do throws(AttributeError) {
                try merger.set(name, to: text)
                return nil
            } catch {
                return error.kernelError
            }
        }

        var values: [String?] { merger.attributes.map { value($0) } }
    }

    @Test(
        "its first value, the texts that it takes, and those that it refuses and that change nothing", arguments: rows)
    func texts(row: Row) throws {
        let control = try Control()
        #expect(control.value(row.name) == row.first)
        for (text, value) in row.taken {
            #expect(control.set(row.name, text) == nil, "\(text.debugDescription)")
            #expect(control.value(row.name) == value, "\(text.debugDescription)")
        }
        for (text, error) in row.refused {
            let before = control.values
            #expect(control.set(row.name, text) == error, "\(text.debugDescription)")
            #expect(control.values == before, "\(text.debugDescription)")
        }
    }

    @Test("there is a row for each, and all others can only be read")
    func complete() throws {
        let control = try Control()
        let names = control.merger.attributes
        #expect(Set(names).count == names.count)
        #expect(Set(names) == Set(Self.rows.map(\.name) + Counters.attributes))
        for name in Counters.attributes + ["kernel_pages_allocated"] {
            for text in ["0", "1", "junk"] { #expect(control.set(name, text) == "EACCES", "\(name)") }
            #expect(control.value(name) == "0")
        }
        for name in ["colour", "", "Run", "run "] {
            #expect(control.set(name, "1") == "ENOENT")
            #expect(throws: AttributeError.unknown(name: name)) { _ = try control.merger.value(of: name) }
        }
    }

    @Test("pages_to_scan is the advisor's while that is in force, and what it was at first afterwards")
    func advisor() throws {
        var configuration = SamepageConfiguration()
        configuration.policyAttributes = ["pages_to_scan": "100", "sleep_millisecs": "20"]
        let control = try Control(configuration)
        func expect(_ name: String, _ text: String, _ error: String?, pages: String, line: Int = #line) {
            #expect(control.set(name, text) == error, "line \(line)")
            #expect(control.value("pages_to_scan") == pages, "line \(line)")
        }
        expect("pages_to_scan", "77", nil, pages: "77")
        expect("advisor_mode", "none", nil, pages: "77")
        expect("advisor_mode", "scan-time", nil, pages: "500")
        for text in ["5", "500", "junk", "", "4294967296"] { expect("pages_to_scan", text, "EINVAL", pages: "500") }
        expect("sleep_millisecs", "30", nil, pages: "500")
        expect("smart_scan", "1", nil, pages: "500")
        expect("advisor_min_pages_to_scan", "600", nil, pages: "500")
        expect("advisor_max_pages_to_scan", "400", nil, pages: "500")
        expect("advisor_mode", "scan-time", nil, pages: "500")
        expect("advisor_mode", "auto", "EINVAL", pages: "500")
        expect("advisor_mode", "none", nil, pages: "100")
        expect("advisor_mode", "scan-time", nil, pages: "600")
        expect("advisor_mode", "none", nil, pages: "100")
        // More than a number of pages can be.
        expect("advisor_min_pages_to_scan", "4294967301", nil, pages: "100")
        expect("advisor_mode", "scan-time", nil, pages: "4294967295")
    }

    @Test("an advisor that is in force from the start begins with the minimum that was configured")
    func configured() throws {
        var configuration = SamepageConfiguration()
        configuration.policy = "scan-time"
        configuration.pluginAttributes = ["scan-time": ["advisor_min_pages_to_scan": "600"]]
        let control = try Control(configuration)
        #expect(control.value("advisor_mode") == "none [scan-time]")
        #expect(control.value("pages_to_scan") == "600")
    }
}
