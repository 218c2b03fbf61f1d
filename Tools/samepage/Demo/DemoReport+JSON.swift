extension DemoReport {
    /// The report for programs; sizes in bytes.
    package var json: JSONText {
        .object(contract + details)
    }

    /// The fields that scripts rely on.
    private var contract: [JSONText.Field] {
        [
            .init("processes", .integer(1)),
            .init("mergeable_bytes", .integer(pages * pageSize)),
            .init("resident_before_bytes", .integer(filled.residentBytes)),
            .init("resident_after_bytes", .integer(merged.residentBytes)),
            .init("saved_bytes", .integer(savedBytes(after: merged))),
            .init("content_verified", .bool(isContentVerified)),
            .init("pages_shared", .integer(pagesShared)),
            .init("pages_sharing", .integer(pagesSharing)),
            .init("cpu_seconds", .number(merged.cpuSeconds)),
            .init("wall_seconds", .number(merged.wallSeconds)),
        ]
    }

    private var details: [JSONText.Field] {
        [
            .init("checksum", .string(checksum)),
            .init("tree", .string(tree)),
            .init("copies", .integer(copies)),
            .init("files", .integer(files)),
            .init("page_size", .integer(pageSize)),
            .init("zero_bytes", .integer(zeroPages * pageSize)),
            .init("duplicate_bytes", .integer(duplicatePages * pageSize)),
            .init("given_back_percent", .number(percent(after: merged, ofDuplicatePages: duplicatePages))),
            .init("ksm_zero_pages", .integer(zeroPagesGivenBack)),
            .init("saved_after_reread_bytes", .integer(savedBytes(after: reread))),
            .init("written_pages", .integer(writtenPages)),
            .init("duplicate_after_writes_bytes", .integer(duplicatePagesAfterWrites * pageSize)),
            .init("saved_after_merging_again_bytes", .integer(savedBytes(after: mergedAgain))),
            .init("resident_after_unmerge_bytes", .integer(unmerged.residentBytes)),
            .init("total_cpu_seconds", .number(total.cpuSeconds)),
            .init("total_wall_seconds", .number(total.wallSeconds)),
        ]
    }
}
