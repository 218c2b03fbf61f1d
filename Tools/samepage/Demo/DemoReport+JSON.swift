/// The report for programs; sizes in bytes.
extension DemoReport: Encodable {
    private enum CodingKeys: String, CodingKey {
        // What scripts rely on.
        case processes
        case mergeableBytes = "mergeable_bytes"
        case residentBeforeBytes = "resident_before_bytes"
        case residentAfterBytes = "resident_after_bytes"
        case savedBytes = "saved_bytes"
        case contentVerified = "content_verified"
        case pagesShared = "pages_shared"
        case pagesSharing = "pages_sharing"
        case cpuSeconds = "cpu_seconds"
        case wallSeconds = "wall_seconds"
        // Details.
        case checksum, tree, copies, files
        case pageSize = "page_size"
        case zeroBytes = "zero_bytes"
        case duplicateBytes = "duplicate_bytes"
        case givenBackPercent = "given_back_percent"
        case zeroPagesGivenBack = "ksm_zero_pages"
        case savedAfterRereadBytes = "saved_after_reread_bytes"
        case writtenPages = "written_pages"
        case duplicateAfterWritesBytes = "duplicate_after_writes_bytes"
        case savedAfterMergingAgainBytes = "saved_after_merging_again_bytes"
        case residentAfterUnmergeBytes = "resident_after_unmerge_bytes"
        case totalCPUSeconds = "total_cpu_seconds"
        case totalWallSeconds = "total_wall_seconds"
    }

    /// Encodes the report.
    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(1, forKey: .processes)
        try fields.encode(pages * pageSize, forKey: .mergeableBytes)
        try fields.encode(filled.residentBytes, forKey: .residentBeforeBytes)
        try fields.encode(merged.residentBytes, forKey: .residentAfterBytes)
        try fields.encode(savedBytes(after: merged), forKey: .savedBytes)
        try fields.encode(isContentVerified, forKey: .contentVerified)
        try fields.encode(pagesShared, forKey: .pagesShared)
        try fields.encode(pagesSharing, forKey: .pagesSharing)
        try fields.encode(merged.cpuSeconds, forKey: .cpuSeconds)
        try fields.encode(merged.wallSeconds, forKey: .wallSeconds)
        try fields.encode(checksum, forKey: .checksum)
        try fields.encode(tree, forKey: .tree)
        try fields.encode(copies, forKey: .copies)
        try fields.encode(files, forKey: .files)
        try fields.encode(pageSize, forKey: .pageSize)
        try fields.encode(zeroPages * pageSize, forKey: .zeroBytes)
        try fields.encode(duplicatePages * pageSize, forKey: .duplicateBytes)
        try fields.encode(percent(after: merged, ofDuplicatePages: duplicatePages), forKey: .givenBackPercent)
        try fields.encode(zeroPagesGivenBack, forKey: .zeroPagesGivenBack)
        try fields.encode(savedBytes(after: reread), forKey: .savedAfterRereadBytes)
        try fields.encode(writtenPages, forKey: .writtenPages)
        try fields.encode(duplicatePagesAfterWrites * pageSize, forKey: .duplicateAfterWritesBytes)
        try fields.encode(savedBytes(after: mergedAgain), forKey: .savedAfterMergingAgainBytes)
        try fields.encode(unmerged.residentBytes, forKey: .residentAfterUnmergeBytes)
        try fields.encode(total.cpuSeconds, forKey: .totalCPUSeconds)
        try fields.encode(total.wallSeconds, forKey: .totalWallSeconds)
    }
}
