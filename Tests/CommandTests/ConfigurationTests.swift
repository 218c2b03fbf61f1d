import Assembly
import InProcess
import Merger
import ScanPolicy
import Testing
import samepage

/// Where the configuration of a daemon comes from, and what is wrong with it.
struct ConfigurationTests {
    private let folder: TemporaryFolder
    private let registry = StrategyRegistry.standard

    init() throws { folder = try TemporaryFolder() }

    private func read(
        flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil,
        name: String = "c.yaml"
    ) throws -> SamepageConfiguration {
        let path = try file.map { try folder.write(name, $0.utf8) }
        return try ConfigurationSource(flags: flags, environment: environment, file: path).read(registry)
    }

    private func failure(
        flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil,
        name: String = "c.yaml"
    ) throws -> String {
        do {
            let configuration = try read(flags: flags, environment: environment, file: file, name: name)
            Issue.record("taken: \(configuration)")
            return ""
        } catch let failure as CommandFailure {
            #expect(!failure.description.contains("\n"))
            return failure.description.replacing("\(folder.path)/", with: "")
        }
    }

    @Test func nothingSaidMeansTheDefaults() throws {
        #expect(try read() == SamepageConfiguration())
        #expect(try read(file: "") == SamepageConfiguration())
        #expect(try read(file: "# rowLength: 3\n\n  # more\n") == SamepageConfiguration())
        #expect(try read(file: "{}", name: "c.json") == SamepageConfiguration())
    }

    @Test func everyKeyCanBeSetEverywhere() throws {
        let values = [
            "checksum": "jhash2", "stableTree": "red-black", "unstableTree": "red-black-content", "policy": "fixed",
            "memory": "in-process", "frontEnds": "terminal,control", "dialect": "2009", "run": "0",
            "pagesToScan": "100", "sleepMillisecs": "20", "maxKernelPages": "18446744073709551615",
            "vmaBudgetPercent": "90", "rowLength": "1", "useZeroPages": "false", "rewrittenPages": "leave",
            "maxPageSharing": "2147483647", "stableNodeChainsPruneMillisecs": "0",
            "mergeOnly": "zeros", "minimumAge": "60000", "minimumSharers": "255", "excludeDontDump": "true",
            "clientGroup": "samepage", "salt": "a: b # c", "nice": "-20", "schedIdle": "true", "lingerSeconds": "0",
            "userNamespaces": "true", "maxStored": "100", "cpuShare": "20", "domains": "guests cgroup=machine.slice",
            "noMerge": "one,two*",
            "scan-time.advisorMaxCpu": "50", "scan-time.advisorTargetScanTime": "10",
            "scan-time.advisorMinPagesToScan": "1", "scan-time.advisorMaxPagesToScan": "2",
            "scan-time.advisorKeepMin": "1",
        ]
        let keys = registry.configurationKeys
        #expect(Set(keys.map(\.name)) == Set(values.keys))
        var expected = SamepageConfiguration()
        for key in keys { try expected.set(key, to: values[key.name]!) }
        for key in keys { #expect(expected.value(of: key) == values[key.name]) }
        #expect(expected.merger.maxKernelPages == .max && expected.nice == -20 && !expected.merger.usesZeroPages)

        #expect(try read(flags: values) == expected)
        let variables = keys.map { ($0.environmentName, values[$0.name]!) }
        #expect(try read(environment: Dictionary(uniqueKeysWithValues: variables)) == expected)
        let lists = [
            "frontEnds": "[\"terminal\", \"control\"]", "domains": "[\"guests cgroup=machine.slice\"]",
            "noMerge": "[\"one\", \"two*\"]",
        ]
        let quoted = values.map { "\"\($0)\": \(lists[$0] ?? "\"\($1)\"")" }
        #expect(try read(file: "{\(quoted.joined(separator: ", "))}", name: "c.json") == expected)
        #expect(try read(file: quoted.joined(separator: "\n")) == expected)
        #expect(try read(file: quoted.joined(separator: "\n"), name: "c.yml") == expected)
    }

    @Test func namesFollowTheKey() throws {
        let key = try #require(registry.configurationKeys.first { $0.name == "vmaBudgetPercent" })
        #expect(key.environmentName == "SAMEPAGE_VMA_BUDGET_PERCENT")
        #expect(key.flagName == "--vma-budget-percent")
    }

    @Test func flagsWinOverEnvironmentOverFile() throws {
        let file = "rowLength: 3\npagesToScan: 3\nsleepMillisecs: 3\n"
        let environment = ["SAMEPAGE_ROW_LENGTH": "2", "SAMEPAGE_PAGES_TO_SCAN": "2", "OTHER": "9"]
        let configuration = try read(flags: ["rowLength": "1"], environment: environment, file: file)
        #expect(configuration.merger.rowLength == 1)
        #expect(configuration.policyAttributes == ["pages_to_scan": "2", "sleep_millisecs": "3"])
    }

    @Test func numbersAndTruthsOfFiles() throws {
        let configuration = try read(
            file: "{\"rowLength\": 16,\n\t\"useZeroPages\": false, \"frontEnds\": [], \"nice\": -3}", name: "c.json")
        #expect(configuration.merger.rowLength == 16 && !configuration.merger.usesZeroPages)
        #expect(configuration.frontEnds == [] && configuration.nice == -3)
        #expect(try read(file: "schedIdle: yes\nfrontEnds: control").schedIdle)
    }

    @Test(arguments: [
        ("rowLength: 0", "c.yaml: '0' is no value for rowLength: it takes a whole number from 1 to 512"),
        ("rowLength: many", "c.yaml: 'many' is no value for rowLength: it takes a whole number from 1 to 512"),
        ("rowLength: true", "c.yaml: 'true' is no value for rowLength: it takes a whole number from 1 to 512"),
        ("rowLength: +5", "c.yaml: '+5' is no value for rowLength: it takes a whole number from 1 to 512"),
        ("rowLength:", "c.yaml: '' is no value for rowLength: it takes a whole number from 1 to 512"),
        ("rowLength: [1]", "c.yaml: the value of rowLength is a list: it takes a whole number from 1 to 512"),
        ("rowlength: 1", "c.yaml: there is no key 'rowlength'; 'samepage daemon --help' lists all"),
        ("fixed:\n  rowLength: 1", "c.yaml: there is no key 'fixed.rowLength'; 'samepage daemon --help' lists all"),
        ("run: 3", "c.yaml: '3' is no value for run: it takes a whole number from 0 to 2"),
        (
            "stableTree: b",
            "c.yaml: 'b' is no value for stableTree: it takes hash-table, red-black or red-black-content"
        ),
        (
            "frontEnds: [control, x]",
            "c.yaml: 'control,x' is no value for frontEnds: it takes a list, perhaps empty, of control, terminal"
        ),
        (
            "frontEnds: [control, control]",
            "c.yaml: 'control,control' is no value for frontEnds: it takes a list, perhaps empty, of control, terminal"
        ),
        ("dialect: 2010", "c.yaml: '2010' is no value for dialect: it takes linux or 2009"),
        ("useZeroPages: maybe", "c.yaml: 'maybe' is no value for useZeroPages: it takes true or false"),
        (
            "pagesToScan: 4294967296",
            "c.yaml: '4294967296' is no value for pagesToScan: it takes a whole number from 0 to 4294967295"
        ),
        ("- a", "c.yaml: Top level YAML value is not a mapping."),
    ])
    func wrongFiles(text: String, expected: String) throws {
        #expect(try failure(file: text) == expected)
    }

    @Test func filesThatAreNoConfiguration() throws {
        #expect(try failure(file: "rowLength: [1").hasPrefix("c.yaml: 2:1: error: parser:"))
        #expect(
            try failure(file: "rowLength: 1\nrowLength: 2").hasPrefix("c.yaml: Parser: expected all keys to be unique"))
        #expect(
            try failure(file: "{}", name: "c.toml")
                == "c.toml: a configuration file is YAML or JSON; name it .yaml, .yml or .json")
        let missing = ConfigurationSource(file: "/nonexistent/c.yaml")
        #expect(throws: CommandFailure("cannot read /nonexistent/c.yaml: No such file or directory")) {
            try missing.read(registry)
        }
        let folderOfYAML = ConfigurationSource(file: "\(folder.path)/../.yaml")
        #expect(throws: CommandFailure.self) { try folderOfYAML.read(registry) }
    }

    @Test func wrongValuesNameTheirPlace() throws {
        #expect(
            try failure(environment: ["SAMEPAGE_RUN": "9"])
                == "SAMEPAGE_RUN: '9' is no value for run: it takes a whole number from 0 to 2")
        #expect(
            try failure(flags: ["nice": "20"])
                == "--nice: '20' is no value for nice: it takes a whole number from -20 to 19")
        // What is overruled is not looked at.
        #expect(try read(flags: ["run": "0"], environment: ["SAMEPAGE_RUN": "9"]).merger.run == .stop)
    }

    @Test func variablesThatMeanNothing() {
        let source = ConfigurationSource(environment: [
            "SAMEPAGE_RUN": "1", "SAMEPAGE_SOCKET": "/x", "SAMEPAGE_ROWLENGTH": "1", "PATH": "", "SAMEPAGE_SALT": "",
            "SAMEPAGE_NO_MERGE": "x*",
        ])
        #expect(source.unknownVariables(registry) == ["SAMEPAGE_ROWLENGTH"])
    }

    @Test func namesOfProgramsAreDividedAsInTheVariableOfPrograms() throws {
        #expect(
            try read(environment: ["SAMEPAGE_NO_MERGE": "one:two*, three"]).unmergedPrograms == [
                "one", "two*", "three",
            ])
        #expect(throws: CommandFailure.self) { try read(flags: ["noMerge": "/bin/one"]) }
    }

    @Test func flagsOfTheCommandLine() throws {
        let keys = registry.configurationKeys
        #expect(
            try KeyFlags.parse(["--row-length", "5", "--salt=a=b", "--nice", "-5", "--client-group="], keys)
                == ["rowLength": "5", "salt": "a=b", "nice": "-5", "clientGroup": ""])
        for wrong in [
            ["--nosuch", "1"], ["stray"], ["--row-length"], ["--row-length", "1", "--row-length", "2"],
            ["--row-length=0"], ["-r", "1"], ["--rowLength", "1"],
        ] {
            #expect(throws: KeyFlags.Failure.self) { try KeyFlags.parse(wrong, keys) }
        }
    }

    @Test func helpNamesEveryKeyWithItsDefault() {
        let keys = registry.configurationKeys
        let help = KeyFlags.help(keys)
        for key in keys {
            #expect(help.contains("\(key.flagName)  (\(key.name); default: "))
            #expect(help.contains("\(key.help): \(key.expected)"))
        }
        #expect(help.contains("--sleep-millisecs  (sleepMillisecs; default: 100 ms)"))
        #expect(help.contains("--client-group  (clientGroup; default: nothing)"))
    }

    @Test func attributesOfPoliciesHaveKeysUnderTheirName() throws {
        var registry = registry
        registry.policies["my-policy"] = { MyPolicy() }
        let keys = registry.configurationKeys
        let key = try #require(keys.first { $0.name == "my-policy.targetScanTime" })
        #expect(!keys.contains { $0.name == "my-policy.pagesToScan" }, "that has a key of its own")
        #expect(key.environmentName == "SAMEPAGE_MY_POLICY_TARGET_SCAN_TIME")
        #expect(key.flagName == "--my-policy-target-scan-time")
        let path = try folder.write("c.yaml", "policy: my-policy\nmy-policy:\n  targetScanTime: 30\n".utf8)
        let configuration = try ConfigurationSource(file: path).read(registry)
        let parts = try configuration.makeParts(from: registry)
        #expect(parts.policy.value(of: "target_scan_time") == "30")
        let other = ["SAMEPAGE_MY_POLICY_TARGET_SCAN_TIME": "40"]
        #expect(try ConfigurationSource(environment: other, file: path).read(registry).value(of: key) == "40")
        let wrong = ["SAMEPAGE_MY_POLICY_TARGET_SCAN_TIME": "0"]
        #expect(throws: CommandFailure.self) { try ConfigurationSource(environment: wrong).read(registry) }
    }

    @Test func attributesThatThePolicyDoesNotHave() throws {
        var registry = registry
        registry.policies["my-policy"] = { MyPolicy() }
        var configuration = SamepageConfiguration()
        configuration.policy = "my-policy"
        configuration.policyAttributes["sleep_millisecs"] = "1"
        #expect(throws: ConfigurationError(message: "policy my-policy: there is no attribute 'sleep_millisecs'")) {
            try configuration.makeParts(from: registry)
        }
    }
}

/// A policy with an attribute of its own.
private struct MyPolicy: ScanPolicy {
    var name: String { "my-policy" }
    var time = "200"
    mutating func nextBatch() -> ScanBatch { ScanBatch(pages: 1, sleepMilliseconds: 1) }
    var attributes: [String] { ["pages_to_scan", "target_scan_time"] }

    func value(of attribute: String) -> String? {
        switch attribute {
        case "pages_to_scan": "1"
        case "target_scan_time": time
        default: nil
        }
    }

    mutating func set(_ attribute: String, to value: String) throws(AttributeError) {
        guard attribute == "target_scan_time" else { throw .unknown(name: attribute) }
        time = String(try parseUnsignedAttribute(value, name: attribute, in: 1...1000))
    }
}
