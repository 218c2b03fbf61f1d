import Assembly
import InProcess

/// What this machine permits.
enum Permissions {
    /// Whether memory can be merged here.
    static let canMerge: Bool = {
        guard let merger = try? InProcessMerger() else { return false }
        defer { merger.stop() }
        return merger.limitation == nil
    }()
}
