package import PageMemory
package import Remap

extension SiteOutcome {
    /// What the merger needs to know of what became of a page.
    package init(_ outcome: RemapOutcome) {
        self =
            switch outcome {
            case .merged: .merged
            case .changed, .pending: .changed
            case .gone: .gone
            case .busy: .busy
            case .mapLimit: .mapLimit
            case .outOfMemory: .outOfMemory
            case .failed: .unsupported
            case .rewritten: .merged
            }
    }
}
