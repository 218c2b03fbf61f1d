public import PageChecksum

/// Checks that a checksum keeps the contract of ``PageChecksum/PageChecksum``.
///
/// Run it on a plug-in in a test of any framework:
///
///     for violation in ChecksumConformance(MyChecksum()).violations() { Issue.record("\(violation)") }
///
/// Checked are: the name and the width; the same digest for the same bytes, in a second call, by a copy, and at
/// any alignment; bits beyond the width are zero and bits within it vary; a change of a single byte at
/// any place changes the digest. Of checksums below 64 bits one change in the whole run may go unnoticed, as chance has it
/// once in some 350,000 runs.
///
/// The same seed gives the same pages, so that a violation can be repeated.
public struct ChecksumConformance: Sendable {
    let checksum: any PageChecksum
    let pageSize: Int
    let seed: UInt64

    /// Prepares the checks.
    ///
    /// - Parameters:
    ///   - checksum: The plug-in to check.
    ///   - pageSize: Bytes of a page, a multiple of 16.
    ///   - seed: What the random pages come from.
    /// - Complexity: O(1)
    public init(_ checksum: any PageChecksum, pageSize: Int = 4096, seed: UInt64 = 1) {
        precondition(pageSize > 0 && pageSize % 16 == 0, "the size of a page is a multiple of 16")
        self.checksum = checksum
        self.pageSize = pageSize
        self.seed = seed
    }

    /// Runs all checks and says, in one line each, what is wrong; empty for a sound checksum.
    ///
    /// - Complexity: 3 digests for each byte of a page, 12,288 for one of 4 KiB.
    public func violations() -> [String] {
        var found = descriptionViolations()
        guard (1...128).contains(checksum.bits) else { return found }
        var digests: [PageDigest] = []
        found += repetitionViolations(&digests)
        found += changeViolations(&digests)
        found += widthViolations(digests)
        return found
    }

    /// The digest of the bytes from `start` on, one page of them.
    func digest(_ bytes: [UInt8], from start: Int = 0) -> PageDigest {
        // SAFETY: bytes of bytes; every one is initialized, and the span does not outlive `bytes`.
        unsafe checksum.digest(of: bytes.span.bytes.extracting(start..<start + pageSize))
    }
}
