internal import CLinuxMemory

/// What this kernel lets this process do.
@frozen
public struct RemapFeatures: Equatable, Sendable {
    /// How much of userfaultfd is permitted.
    @frozen
    public enum Userfault: UInt8, Sendable {
        /// None at all.
        case none
        /// Faults of programs only: enough to track, not to merge.
        case userMode
        /// Faults of the kernel too.
        case full
    }

    /// How much of userfaultfd is permitted.
    public var userfault: Userfault = .none
    /// Asynchronous write protection (Linux 6.7).
    public var asyncWriteProtect = false
    /// UFFDIO_MOVE (Linux 6.8).
    public var move = false
    /// PAGEMAP_SCAN (Linux 6.7).
    public var pagemapScan = false
    /// memfd_create, with seals.
    public var memfd = false

    /// Whether writes to memory can be tracked.
    public var canTrack: Bool { userfault != .none && asyncWriteProtect && pagemapScan }

    /// Whether pages can be merged.
    public var canMerge: Bool { canTrack && userfault == .full && move && memfd }

    /// The first thing that merging lacks, in words; `nil` if nothing is missing.
    public var missing: StaticString? {
        switch userfault {
        case .none: return "userfaultfd is not permitted or not built into the kernel"
        case .userMode: return "full userfaultfd is not permitted (access to /dev/userfaultfd grants it)"
        case .full: break
        }
        if !asyncWriteProtect { return "asynchronous write protection is missing (Linux 6.7)" }
        if !pagemapScan { return "PAGEMAP_SCAN is missing (Linux 6.7)" }
        if !move { return "UFFDIO_MOVE is missing (Linux 6.8)" }
        if !memfd { return "memfd_create is not permitted" }
        return nil
    }

    /// Asks the kernel. Opens a few descriptors for a moment.
    public static func probe() -> RemapFeatures {
        var features = RemapFeatures()
        let context = lm_uffd_open()
        if context.descriptor >= 0 {
            features.userfault = context.full != 0 ? .full : .userMode
            let offered = lm_uffd_api(context.descriptor, 0)
            if offered.error == 0 {
                let tracking = Tracker.contextFeatures
                features.asyncWriteProtect = offered.features & tracking == tracking
                features.move = offered.features & LM_UFFD_FEATURE_MOVE != 0
            }
            _ = lm_close(context.descriptor)
        }
        let pagemap = lm_open_pagemap()
        if pagemap >= 0 {
            var scan = lm_scan()
            // An empty range: valid for a kernel that knows the call.
            // SAFETY: the argument lives during the call, and an empty scan writes nothing else.
            features.pagemapScan = unsafe lm_pagemap_scan(pagemap, &scan) == 0
            _ = lm_close(pagemap)
        }
        let name: StaticString = "samepage-probe"
        // SAFETY: a literal, terminated by zero.
        let memfd = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: name.utf8CodeUnitCount) { name in
            unsafe lm_memfd_create(name, UInt32(LM_MFD_CLOEXEC | LM_MFD_ALLOW_SEALING))
        }
        if memfd >= 0 {
            features.memfd = true
            _ = lm_close(memfd)
        }
        return features
    }
}
