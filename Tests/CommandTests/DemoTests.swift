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
        let json = try JSONText.parse(result.output)
        let copies = try #require(json["copies"]?.integer)
        #expect(json["processes"] == .integer(1))
        #expect(json["mergeable_bytes"] == .integer(copies * 32 << 20))
        #expect(json["content_verified"] == .bool(true))

        let before = try #require(json["resident_before_bytes"]?.integer)
        let after = try #require(json["resident_after_bytes"]?.integer)
        let saved = try #require(json["saved_bytes"]?.integer)
        let duplicates = try #require(json["duplicate_bytes"]?.integer)
        #expect(before >= copies * 32 << 20)
        #expect(saved == before - after)
        #expect(Double(saved) >= 0.9 * Double(duplicates))
        #expect(saved <= duplicates + 1 << 20, "more was saved than there was")
        #expect(Double(try #require(json["saved_after_reread_bytes"]?.integer)) >= 0.9 * Double(duplicates))

        let pageSize = try #require(json["page_size"]?.integer)
        let sharing = try #require(json["pages_sharing"]?.integer)
        let zeros = try #require(json["ksm_zero_pages"]?.integer)
        #expect(try #require(json["pages_shared"]?.integer) > 0)
        #expect((sharing + zeros) * pageSize <= duplicates)
        #expect(try #require(json["cpu_seconds"]?.number) > 0)
        #expect(try #require(json["wall_seconds"]?.number) > 0)
    }

    @Test func textEndsWithTheVerdict() async throws {
        let result = try await samepage("demo", "--mib", "8")
        #expect(result.status == 0)
        #expect(result.errors == "")
        #expect(result.output.hasSuffix("Every byte was right after each step.\n"))
        #expect(!result.output.contains("\u{1B}"))
    }
}
