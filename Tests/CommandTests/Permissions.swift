import Assembly
import Glibc
import InProcess

/// What this machine permits.
enum Permissions {
    /// Whether the tests run as root.
    static let isRoot = geteuid() == 0

    /// Whether memory can be merged here.
    static let canMerge: Bool = {
        guard let merger = try? InProcessMerger() else { return false }
        defer { merger.stop() }
        return merger.limitation == nil
    }()
}
