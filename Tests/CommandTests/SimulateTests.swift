import Foundation
import Testing

@Suite("samepage simulate")
struct SimulateTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Examples/Scenarios").standardizedFileURL

    /// All scenarios that are shipped.
    private static let files: [String] = {
        let all = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return all.filter { $0.hasSuffix(".yaml") }.sorted()
    }()

    private let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    @Test("there are LTP's stages, KSM's figures, and scenarios for newcomers")
    func shipped() {
        #expect(Self.files.count { $0.hasPrefix("ltp/stage") } == 6)
        #expect(Self.files.count { $0.hasPrefix("ksm/") } >= 12)
        #expect(Self.files.count { !$0.contains("/") } >= 12)
    }

    @Test("every shipped scenario gives exactly its figures", arguments: files)
    func figures(file: String) async throws {
        let result = try await samepage("simulate", Self.folder.appending(path: file).path, "--csv")
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        #expect(result.output.split(separator: "\n").count > 3)
    }

    @Test("the same scenario gives the same output, table, JSON and plot")
    func deterministic() async throws {
        let path = Self.folder.appending(path: "01-two-programs.yaml").path
        let plot = "\(temporary.path)/plot.svg"
        let first = try await samepage("simulate", path, "--json", "--svg", plot)
        let second = try await samepage("simulate", path, "--json")
        #expect(first.output == second.output && first.status == 0)
        let reports = try #require(
            try JSONSerialization.jsonObject(with: Data(first.output.utf8)) as? [[String: Any]])
        #expect(reports.compactMap { $0["dialect"] as? String } == ["linux", "2009"])
        let timeline = try #require(reports[0]["timeline"] as? [[String: Any]])
        #expect(timeline.last?["pages_sharing"] as? Int == 48)
        let drawing = try String(contentsOfFile: plot, encoding: .utf8)
        #expect(drawing.hasPrefix("<svg") && drawing.contains("pages_volatile") && drawing.hasSuffix("</svg>\n"))
        let table = try await samepage("simulate", path, "--dialect", "2009")
        #expect(table.output.contains("dialect 2009: all expectations hold"))
        #expect(!table.output.contains("dialect linux"))
    }

    @Test("an expectation that does not hold: status 1, and which it is")
    func failing() async throws {
        let text = """
            steps:
              - map: a.heap
                pages: 2
              - fill: a.heap
                byte: a
              - scan: 2
              - expect: {pages_sharing: 7}
              - set: {run: 9}
            """
        let path = try temporary.write("s.yaml", text.utf8)
        let result = try await samepage("simulate", path)
        #expect(result.status == 1 && result.isOneLineOfError)
        #expect(
            result.errors.contains(
                ":7: field 'expect': pages_sharing is 1, and should be 7 (dialect linux) (and 1 more)"),
            "\(result.errors)")
        #expect(result.output.contains("2 expectations fail"))
    }

    @Test("steps are repeated, pages are read, refusals are expected")
    func language() async throws {
        let text = """
            pageCost: 5000
            steps:
              - pages: 4
                mergeable: false
                map: a.heap
              - repeat: 3
                steps:
                  - fill: a.heap
                    number: 7
                  - repeat: 2
                    steps:
                      - wake: 1
                        only: linux
                      - wake: 1
                        only: "2009"
              - read: a.heap[1]
                number: 8
              - write: a.heap[2-3]
                text: end
                offset: -3
              - read: a.heap[2-3]
                text: end
                offset: -3
              - unmap: a.heap[0]
              - mergeable: a.heap
                error: ENOMEM
              - scan: 2
              - expect: {pages_unshared: 3, pages_scanned: 6}
            """
        let path = try temporary.write("l.yaml", text.utf8)
        let result = try await samepage("simulate", path, "--csv")
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        #expect(lines.count { $0.contains("wake-up") } == 6)
        #expect(lines.contains { $0.contains("\"mergeable a.heap: ENOMEM\"") })
        for (step, expected) in [
            ("read: a.heap[1]\n    byte: 1", "page 0 of a.heap[1] holds something else"),
            ("discard: a.heap[1]\n    error: EINVAL", "this succeeds, and should give EINVAL"),
            ("mergeable: a.heap", "the program is refused: ENOMEM"),
        ] {
            let path = try temporary.write("f.yaml", "\(text)\n  - \(step)\n".utf8)
            let result = try await samepage("simulate", path)
            #expect(result.status == 1 && result.errors.contains(expected), "\(result.errors)")
        }
    }

    @Test(
        "a wrong file names itself, the line and the field",
        arguments: [
            ("", "is empty"), ("steps: [", "not YAML"), ("stepps: []", ":1: there is no field 'stepps'"),
            ("nodes: 0", ":1: field 'nodes'"), ("pageSize: 100", "power of two"), ("dialects: [2010]", "'2010'"),
            ("steps:\n  - scann: 1", ":2: a step has one of the fields"),
            ("steps:\n  - map: a.b", ":2: field 'pages': it is missing"),
            ("steps:\n  - map: a\n    pages: 1", ":2: field 'map': 'a' names no pages"),
            ("steps:\n  - map: a.b\n    pages: many", ":3: field 'pages'"),
            ("steps:\n  - map: a.b\n    pages: 1\n    colour: red", ":4: there is no field 'colour'"),
            ("steps:\n  - expect: {pages_shared: some}", ":2: field 'expect'"),
            ("steps:\n  - set: {run: 1, max_kernel_pages: 1}", ":2: field 'set'"),
            ("steps:\n  - exit: a", ":2: field 'exit': there is no program 'a'"),
            ("steps:\n  - map: a.b\n    pages: 1\n    node: 3", "there is no node 3"),
            ("configuration: {nosuch: 1}", "there is no key 'nosuch'"), ("- a\n- b", ":1: here stands"),
            ("steps: 3", ":1: field 'steps'"), ("\na: 1\na: 2", ":2: field 'a' is there twice"),
            ("steps:\n  - wake: 1\0", ":2: this is not YAML: byte 0"), ("steps: &a\n  - *a", ":2: this is not YAML"),
            ("--- a\n--- b", ":2: this is not YAML"), ("name: [a]", ":1: field 'name'"), ("steps:\n  - 5", ":2: here"),
            ("configuration:\n  run: 1\n  pagesToScan: -1", ":3: field 'configuration': '-1'"),
            ("configuration: {dialect: 2009}", ":1: field 'configuration': the field 'dialects'"),
            (
                SimulateTests.area + "\n  - fill: a.b[0-18446744073709551615]\n    byte: 1",
                ":4: field 'fill': 'a.b[0-184"
            ),
            (SimulateTests.area + "\n  - fill: a.b[10]\n    byte: 1", ":4: field 'fill': area a.b has 10 pages"),
            (SimulateTests.area + "\n  - fill: a.b\n    byte: 256", ":5: field 'byte': '256'"),
            (SimulateTests.area + "\n  - fill: a.b\n    byte: 1\n    text: a", ":4: field 'fill': it takes one of"),
            (
                SimulateTests.area + "\n  - write: a.b\n    text: hello\n    offset: 4094",
                ":4: field 'write': 5 bytes at 4094"
            ),
            (SimulateTests.area + "\n  - map: a.b\n    pages: 1", ":4: field 'map': a has an area 'b' already"),
            (SimulateTests.area + "\n  - exit: a\n  - unmap: a.b", ":5: field 'unmap': there is no program 'a'"),
            (SimulateTests.area + "\n  - fork: a\n    as: a", ":4: field 'fork': there is a program 'a' already"),
            ("steps:\n  - expect: {pages_shared: 99999999999999999999}", ":2: field 'expect'"),
            ("steps:\n  - memory: -5", ":2: field 'memory': '-5'"),
            ("steps:\n  - memory: 0\n  - map: a.b\n    pages: 1", ":3: field 'map': the program is refused: ENOMEM"),
            ("steps:\n  - repeat: 5\n    steps: []", ":3: field 'steps'"),
        ])
    func wrongFile(text: String, expected: String) async throws {
        let path = try temporary.write("w.yaml", text.utf8)
        let result = try await samepage("simulate", path)
        #expect(result.status == 1 && result.output == "" && result.isOneLineOfError, "\(result.errors)")
        #expect(result.errors.contains(path) && result.errors.contains(expected), "\(result.errors)")
    }

    @Test(
        "what would take all memory or time is refused",
        arguments: [
            ("steps:\n  - map: a.b\n    pages: 1000000000000000000", ":3: field 'pages'"),
            (
                "steps:\n  - map: a.b\n    pages: 8589934592\n    mergeable: no\n  - map: a.c\n    pages: 1",
                "pages mapped"
            ),
            ("steps:\n  - map: a.b\n    pages: 100000000\n  - fill: a.b\n    byte: a", "pages written"),
            ("steps:\n  - scan: 99999999999", ":2: field 'scan'"),
            ("steps:\n  - repeat: 9\n    steps:\n      - wake: 1\n      - wake: 100000", "full scans and wake-ups"),
            (
                "steps:\n  - repeat: 999\n    steps:\n      - repeat: 999\n        steps: [{wake: 1}]",
                ":2: a scenario has"
            ),
            (String(repeating: "[", count: 100_000), ":1: this is not YAML"),
            (SimulateTests.aliases + "steps: *a59", "there is no field"),
            (SimulateTests.aliases + "? *a59\n: 1", ":61: with aliases"),
            (SimulateTests.aliases + "b: {*a59 : 1}", ":61: with aliases"),
            (SimulateTests.aliases + "{[*a59]: 1}: 1", ":61: with aliases"),
            (String(repeating: "x", count: 2 << 20), "larger than"),
        ])
    func endless(text: String, expected: String) async throws {
        let path = try temporary.write("e.yaml", text.utf8)
        let result = try await samepage("simulate", path)
        #expect(result.status == 1 && result.output == "" && result.isOneLineOfError, "\(result.errors)")
        #expect(result.errors.contains(path) && result.errors.contains(expected), "\(result.errors)")
    }

    private static let area = "steps:\n  - map: a.b\n    pages: 10"

    /// Each name stands for twice as much as the one before.
    private static let aliases = (1..<60).reduce("a0: &a0 [x, x]\n") {
        $0 + "a\($1): &a\($1) [*a\($1 - 1), *a\($1 - 1)]\n"
    }

    @Test("files that cannot be read or written")
    func noFile() async throws {
        let missing = try await samepage("simulate", "/nonexistent.yaml")
        #expect(missing.status == 1 && missing.isOneLineOfError && missing.output == "")
        let path = Self.folder.appending(path: "02-fork.yaml").path
        let unwritable = try await samepage("simulate", path, "--svg", "/nonexistent/plot.svg")
        #expect(unwritable.status == 1 && unwritable.isOneLineOfError && unwritable.output == "")
        let folder = try await samepage("simulate", Self.folder.path)
        #expect(folder.status == 1 && folder.isOneLineOfError && folder.output == "")
        let bytes = try temporary.write("b.yaml", 0...255 as ClosedRange<UInt8>)
        let binary = try await samepage("simulate", bytes)
        #expect(binary.status == 1 && binary.isOneLineOfError && binary.errors.contains("not UTF-8"))
    }
}
