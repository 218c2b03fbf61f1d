import Testing
import samepage

/// `samepage demo`, run as a program on real memory.
@Suite(.enabled(if: Permissions.canMerge, "full userfaultfd (root or /dev/userfaultfd) on Linux 6.8 or later"))
struct DemoTests {
    @Test(arguments: [
        [], ["--checksum", "jhash2", "--tree", "red-black-content"], ["--tree", "red-black", "--copies", "3"],
    ])
    func mergesAndVerifies(extra: [String]) async throws {
        let result = try await samepage(arguments: ["demo", "--json", "--mib", "32"] + extra)
        #expect(result.status == 0)
        #expect(result.errors == "")
        let demo = try DemoResult(json: result.output)
        #expect(demo.processes == 1)
        #expect(demo.mergeableBytes == demo.copies * 32 << 20)
        #expect(demo.contentVerified)

        #expect(demo.residentBeforeBytes >= demo.copies * 32 << 20)
        #expect(demo.savedBytes == demo.residentBeforeBytes - demo.residentAfterBytes)
        #expect(Double(demo.savedBytes) >= 0.9 * Double(demo.duplicateBytes))
        #expect(demo.savedBytes <= demo.duplicateBytes + 1 << 20, "more was saved than there was")
        #expect(Double(demo.savedAfterRereadBytes) >= 0.9 * Double(demo.duplicateBytes))

        #expect(demo.pagesShared > 0)
        #expect((demo.pagesSharing + demo.ksmZeroPages) * demo.pageSize <= demo.duplicateBytes)
        #expect(demo.cpuSeconds > 0)
        #expect(demo.wallSeconds > 0)
    }

    @Test func textEndsWithTheVerdict() async throws {
        let result = try await samepage("demo", "--mib", "8")
        #expect(result.status == 0)
        #expect(result.errors == "")
        #expect(result.output.hasSuffix("Every byte was right after each step.\n"))
        #expect(!result.output.contains("\u{1B}"))
    }
}
