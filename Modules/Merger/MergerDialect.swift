/// Whose behaviour a merger has, where KSM's first version and today's differ.
public enum MergerDialect: String, Sendable, Hashable, CaseIterable {
    /// Linux today (6.18): a page must have the checksum of the scan before to be looked up in any tree, and no more than
    /// `max_page_sharing` pages share a frame.
    case linux
    /// KSM as it was first merged (September 2009): a page is looked up in the stable tree whatever its checksum is, and any
    /// number of pages share a frame.
    case first = "2009"
}

extension MergerDialect {
    /// The attributes of KSM's first version.
    public static let firstAttributes = [
        "run", "pages_to_scan", "sleep_millisecs", "max_kernel_pages", "kernel_pages_allocated", "pages_shared",
    ]

    /// What an attribute of this dialect is called today; `kernel_pages_allocated` is understood in both. The first
    /// version counted as `pages_shared` what is called `pages_sharing` now.
    public func todaysName(of attribute: String) -> String {
        switch (self, attribute) {
        case (_, "kernel_pages_allocated"): "pages_shared"
        case (.first, "pages_shared"): "pages_sharing"
        default: attribute
        }
    }
}
