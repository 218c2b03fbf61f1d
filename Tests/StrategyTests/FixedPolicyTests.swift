import FixedPolicy
import ScanPolicy
import Testing

@Suite("fixed policy")
struct FixedPolicyTests {
    @Test("the attributes are the batch")
    func batch() throws {
        var policy = FixedPolicy()
        #expect(policy.nextBatch() == ScanBatch(pages: 32768, sleepMilliseconds: 100))
        #expect(policy.attributes == ["pages_to_scan", "sleep_millisecs"])
        try policy.set("pages_to_scan", to: "0\n")
        try policy.set("sleep_millisecs", to: "20")
        #expect(policy.nextBatch() == ScanBatch(pages: 0, sleepMilliseconds: 20))
        #expect(policy.value(of: "sleep_millisecs") == "20")
        #expect(policy.value(of: "run") == nil)
        #expect(!policy.selectsPages)
        #expect(policy.select(pagesOf: 3, among: 0xff00, absent: 0xff) == 0xff00)
    }

    @Test("a refusal says what would be right and changes nothing")
    func refusal() {
        var policy = FixedPolicy(pagesToScan: 7, sleepMillisecs: 8)
        #expect(throws: AttributeError.unknown(name: "run")) { try policy.set("run", to: "1") }
        let expected = AttributeError.invalid(
            name: "pages_to_scan", value: "4294967296", expected: "a whole number from 0 to 4294967295")
        #expect(throws: expected) { try policy.set("pages_to_scan", to: "4294967296\n") }
        #expect(policy == FixedPolicy(pagesToScan: 7, sleepMillisecs: 8))
    }
}
