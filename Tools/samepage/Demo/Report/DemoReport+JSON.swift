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
        case checksum, tree, files
        case perProcess = "per_process"
        case pageSize = "page_size"
        case zeroBytes = "zero_bytes"
        case duplicateBytes = "duplicate_bytes"
        case frameBytes = "frame_bytes"
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

    /// One process, with what the kernel says it gave back.
    private struct ProcessFields: Encodable {
        let pid: Int
        let mergeableBytes: Int
        let mergedBytes: Int
        let savedBytes: Int

        enum CodingKeys: String, CodingKey {
            case pid
            case mergeableBytes = "mergeable_bytes"
            case mergedBytes = "merged_bytes"
            case savedBytes = "saved_bytes"
        }
    }

    /// Encodes the report.
    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(processes.count, forKey: .processes)
        try fields.encode(processes.reduce(0) { $0 + $1.mergeableBytes }, forKey: .mergeableBytes)
        try fields.encode(filled.resident.bytes, forKey: .residentBeforeBytes)
        try fields.encode(merged.resident.bytes, forKey: .residentAfterBytes)
        try fields.encode(savedBytes(after: merged), forKey: .savedBytes)
        try fields.encode(isContentVerified, forKey: .contentVerified)
        try fields.encode(pagesShared, forKey: .pagesShared)
        try fields.encode(pagesSharing, forKey: .pagesSharing)
        try fields.encode(merged.cpuSeconds, forKey: .cpuSeconds)
        try fields.encode(merged.wallSeconds, forKey: .wallSeconds)
        try fields.encode(checksum, forKey: .checksum)
        try fields.encode(tree, forKey: .tree)
        try fields.encode(files, forKey: .files)
        let perProcess = processes.enumerated().map { number, process in
            ProcessFields(
                pid: process.pid, mergeableBytes: process.mergeableBytes, mergedBytes: process.mergedBytes,
                savedBytes: savedBytes(ofProcess: number))
        }
        try fields.encode(perProcess, forKey: .perProcess)
        try fields.encode(pageSize, forKey: .pageSize)
        try fields.encode(zeroPages * pageSize, forKey: .zeroBytes)
        try fields.encode(duplicatePages * pageSize, forKey: .duplicateBytes)
        try fields.encode(merged.resident.frames, forKey: .frameBytes)
        try fields.encode(percent(after: merged, ofDuplicatePages: duplicatePages), forKey: .givenBackPercent)
        try fields.encode(zeroPagesGivenBack, forKey: .zeroPagesGivenBack)
        try fields.encode(savedBytes(after: reread), forKey: .savedAfterRereadBytes)
        try fields.encode(writtenPages, forKey: .writtenPages)
        try fields.encode(duplicatePagesAfterWrites * pageSize, forKey: .duplicateAfterWritesBytes)
        try fields.encode(savedBytes(after: mergedAgain), forKey: .savedAfterMergingAgainBytes)
        try fields.encode(unmerged.resident.bytes, forKey: .residentAfterUnmergeBytes)
        try fields.encode(total.cpuSeconds, forKey: .totalCPUSeconds)
        try fields.encode(total.wallSeconds, forKey: .totalWallSeconds)
    }
}
