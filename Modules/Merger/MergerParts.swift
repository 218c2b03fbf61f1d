public import PageChecksum
public import PageTree
public import ScanPolicy

/// The strategies that a merger is made of.
public struct MergerParts: Sendable {
    /// The checksum of pages.
    public var checksum: any PageChecksum
    /// An empty index for merged contents.
    public var stableTree: any PageTree
    /// An empty index for pages without a twin.
    public var unstableTree: any PageTree
    /// How much to scan, and when.
    public var policy: any ScanPolicy
    /// The merger's own settings.
    public var configuration: MergerConfiguration

    /// Names the parts.
    public init(
        checksum: any PageChecksum, stableTree: any PageTree, unstableTree: any PageTree, policy: any ScanPolicy,
        configuration: MergerConfiguration = MergerConfiguration()
    ) {
        self.checksum = checksum
        self.stableTree = stableTree
        self.unstableTree = unstableTree
        self.policy = policy
        self.configuration = configuration
    }
}
