import Testing
import samepage

/// What scripts rely on: exit status, one line on standard error, nothing on standard output.
struct CommandLineTests {
    @Test(arguments: [
        ["nosuch"], ["--nosuch"], ["demo", "--nosuch"], ["demo", "stray"], ["demo", "--mib"],
        ["demo", "--mib", "many"],
        ["demo", "--mib", "0"], ["demo", "--mib", "-1"], ["demo", "--mib", "99999999999999999999"],
        ["demo", "--processes", "1"], ["demo", "--checksum", "nosuch"], ["demo", "--tree", "nosuch"],
        ["strategies", "--nosuch"], ["run"], ["run", "--"], ["run", "--nosuch", "true"], ["run", "--socket"],
        ["status", "stray"],
        ["status", "--dialect", "nosuch"], ["get"], ["set", "run"], ["get", "a", "b"],
    ])
    func wrongCommandLine(arguments: [String]) async throws {
        let result = try await samepage(arguments: arguments)
        #expect(result.status == 64)
        #expect(result.output == "")
        #expect(result.isOneLineOfError, "\(result.errors)")
    }

    @Test func unknownStrategyNamesTheKnownOnes() async throws {
        let result = try await samepage("demo", "--tree", "nosuch")
        #expect(result.errors.contains("hash-table, red-black, red-black-content"))
    }

    @Test func whatCannotBeDoneIsStatusOne() async throws {
        let result = try await samepage("demo", "--mib", "1048576", "--processes", "256")
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(result.isOneLineOfError, "\(result.errors)")
    }

    @Test(.enabled(if: Permissions.isRoot, "root, to become a user without rights"))
    func mergingThatIsNotPermittedIsStatusOne() async throws {
        // Where nobody cannot reach the build there is nothing to see.
        guard try await samepage(arguments: ["--version"], asNobody: true).status == 0 else { return }
        let result = try await samepage(arguments: ["demo", "--json", "--mib", "8"], asNobody: true)
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(result.isOneLineOfError, "\(result.errors)")
    }

    @Test(arguments: [
        ["--version"], ["--help"], ["demo", "--help"], ["strategies", "--help"], ["daemon", "--help"],
        ["run", "--help"], ["run", "-h"], ["status", "--help"], ["get", "--help"], ["set", "--help"],
    ])
    func informationGoesToStandardOutput(arguments: [String]) async throws {
        let result = try await samepage(arguments: arguments)
        #expect(result.status == 0)
        #expect(result.errors == "")
        #expect(!result.output.isEmpty)
    }

    @Test func strategies() async throws {
        let result = try await samepage("strategies", "--json")
        #expect(result.status == 0)
        #expect(result.errors == "")
        let kinds = try StrategiesResult(json: result.output).kinds
        for (kind, name) in [
            ("checksums", "xxh3-128"), ("checksums", "xxh3-64"), ("checksums", "xxh64"), ("checksums", "xxh32"),
            ("checksums", "jhash2"), ("trees", "hash-table"), ("trees", "red-black"),
            ("trees", "red-black-content"), ("policies", "fixed"), ("memories", "daemon"), ("memories", "in-process"),
            ("frontEnds", "control"),
            ("frontEnds", "terminal"),
        ] {
            let entries = try #require(kinds[kind])
            #expect(entries.contains { $0.name == name }, "\(name) is missing in \(kind)")
        }
        for kind in ["checksums", "trees", "policies", "memories", "frontEnds"] {
            let entries = try #require(kinds[kind])
            #expect(entries.count { $0.default } == 1, "one default in \(kind)")
        }
        #expect(kinds["checksums"]?.first { $0.name == "xxh3-128" }?.bits == 128)
        #expect(kinds["policies"]?.first { $0.name == "fixed" }?.attributes?.contains("pages_to_scan") == true)
        let agent = kinds["checksums"]?.filter { $0.runs == "agent" }.map(\.name)
        #expect(agent == ["jhash2", "xxh3-128"])
        #expect(kinds["checksums"]?.allSatisfy { $0.runs == "agent" || $0.runs == "daemon" } == true)
        let text = try await samepage("strategies")
        #expect(text.output.contains("xxh3-128"))
    }
}
