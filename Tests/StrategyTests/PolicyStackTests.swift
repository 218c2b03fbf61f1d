import Assembly
import FixedPolicy
import ScanPolicy
import ScanTimePolicy
import SmartScanPolicy
import Testing

/// smart_scan and advisor_mode as views of the policy in force.
struct PolicyStackTests {
    private let report = PassReport(
        number: 1, pagesScanned: 1, pagesSkipped: 0, pagesChanged: 0, pagesMerged: 0,
        elapsedNanoseconds: 200_000_000_000, cpuNanoseconds: 2_000_000_000)

    @Test("the attributes say which policy is in force, and change it")
    func views() throws {
        var stack = PolicyStack(FixedPolicy(pagesToScan: 100, sleepMillisecs: 20))
        #expect(stack.name == "fixed" && !stack.selectsPages)
        #expect(stack.value(of: "smart_scan") == "0" && stack.value(of: "advisor_mode") == "[none] scan-time")
        try stack.set("smart_scan", to: "1")
        #expect(stack.name == "smart-scan" && stack.selectsPages && stack.value(of: "smart_scan") == "1")
        for visit in 0..<5 {
            #expect(stack.select(pagesOf: 0, among: 7, absent: 0) == (visit == 4 ? 0 : 7))
        }
        try stack.set("advisor_mode", to: "scan-time\n")
        #expect(stack.name == "scan-time-with-smart-scan" && stack.value(of: "advisor_mode") == "none [scan-time]")
        try stack.set("smart_scan", to: "0")
        #expect(stack.name == "scan-time" && stack.select(pagesOf: 0, among: 7, absent: 0) == 7)
        #expect(stack.bytesPerPage == 0)
        // Pages are new to it when it comes again.
        try stack.set("smart_scan", to: "1")
        for visit in 0..<5 { #expect(stack.select(pagesOf: 0, among: 7, absent: 0) == (visit == 4 ? 0 : 7)) }
        #expect(stack.bytesPerPage == 2)
    }

    @Test("policies by name are the stack with them in force")
    func names() {
        let registry = StrategyRegistry.standard
        for name in ["fixed", "smart-scan", "scan-time"] {
            #expect(registry.policies[name]!().name == name)
            #expect(PolicyStack(registry.policies[name]!()).name == name)
        }
        let both = SmartScanPolicy(pace: ScanTimePolicy(pace: FixedPolicy()))
        #expect(PolicyStack(both).name == "scan-time-with-smart-scan")
    }

    @Test("the advisor begins with its minimum, and gives pages_to_scan back as it was at first")
    func advisor() throws {
        var stack = PolicyStack(FixedPolicy(pagesToScan: 100, sleepMillisecs: 20))
        try stack.set("pages_to_scan", to: "42")
        try stack.set("advisor_min_pages_to_scan", to: "600")
        #expect(stack.nextBatch() == ScanBatch(pages: 42, sleepMilliseconds: 20))
        try stack.set("advisor_mode", to: "scan-time")
        #expect(stack.nextBatch() == ScanBatch(pages: 600, sleepMilliseconds: 20))
        stack.passEnded(report)
        #expect(stack.value(of: "pages_to_scan") == "6000")
        #expect(throws: AttributeError.self) { try stack.set("pages_to_scan", to: "1") }
        try stack.set("advisor_mode", to: "scan-time")
        #expect(stack.value(of: "pages_to_scan") == "6000")
        try stack.set("advisor_mode", to: "none")
        #expect(stack.nextBatch().pages == 100)
        try stack.set("advisor_mode", to: "scan-time")
        #expect(stack.nextBatch().pages == 600)
    }

    @Test(
        "what is no value changes nothing", arguments: ["", "auto", "scan-time\n\n", "None", "[none] scan-time", "1"])
    func refusals(value: String) {
        var stack = PolicyStack(FixedPolicy())
        #expect(
            throws: AttributeError.invalid(
                name: "advisor_mode", value: value.hasSuffix("\n") ? String(value.dropLast()) : value,
                expected: "none or scan-time")
        ) { try stack.set("advisor_mode", to: value) }
        #expect(stack.name == "fixed")
    }

    @Test("a policy of somebody else's keeps its attributes")
    func other() throws {
        struct Own: ScanPolicy {
            var skipped = "5"
            var name: String { "own" }
            var selectsPages: Bool { true }
            mutating func nextBatch() -> ScanBatch { ScanBatch(pages: 1, sleepMilliseconds: 2) }
            mutating func select(pagesOf chunk: UInt32, among candidates: UInt64, absent: UInt64) -> UInt64 {
                candidates & 1
            }
            var attributes: [String] { ["smart_scan"] }
            func value(of attribute: String) -> String? { attribute == "smart_scan" ? skipped : nil }
            mutating func set(_ attribute: String, to value: String) throws(AttributeError) { skipped = value }
        }
        var stack = PolicyStack(Own())
        try stack.set("smart_scan", to: "7")
        #expect(stack.value(of: "smart_scan") == "7" && stack.name == "own")
        #expect(stack.attributes.filter { $0 == "smart_scan" }.count == 1)
        #expect(stack.select(pagesOf: 0, among: 7, absent: 0) == 1)
        try stack.set("advisor_mode", to: "scan-time")
        #expect(stack.nextBatch() == ScanBatch(pages: 500, sleepMilliseconds: 2))
    }
}
