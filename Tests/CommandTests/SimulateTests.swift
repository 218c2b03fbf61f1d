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
        #expect(Self.files.contains("01-two-programs.yaml"))
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
        #expect(result.errors.contains("line 7: pages_sharing is 1, and should be 7 (and 1 more)"), "\(result.errors)")
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
            ("steps:\n  - exit: a", "line 2: there is no program 'a'"),
            ("steps:\n  - map: a.b\n    pages: 1\n    node: 3", "there is no node 3"),
            ("configuration: {nosuch: 1}", "there is no key 'nosuch'"), ("- a\n- b", ":1: here stands"),
            ("steps: 3", ":1: field 'steps'"), ("a: 1\na: 2", "twice"),
        ])
    func wrongFile(text: String, expected: String) async throws {
        let path = try temporary.write("w.yaml", text.utf8)
        let result = try await samepage("simulate", path)
        #expect(result.status == 1 && result.output == "" && result.isOneLineOfError, "\(result.errors)")
        #expect(result.errors.contains(path) && result.errors.contains(expected), "\(result.errors)")
    }

    @Test("files that cannot be read or written")
    func noFile() async throws {
        let missing = try await samepage("simulate", "/nonexistent.yaml")
        #expect(missing.status == 1 && missing.isOneLineOfError && missing.output == "")
        let path = Self.folder.appending(path: "02-fork.yaml").path
        let unwritable = try await samepage("simulate", path, "--svg", "/nonexistent/plot.svg")
        #expect(unwritable.status == 1 && unwritable.isOneLineOfError)
    }
}
