/// How merging shares the map entries (VMAs) that it may make in a process: both sides reckon alike, so that no frame is
/// made for a page that an agent would not map.
public enum MapShare {
    /// The shortest run of neighbouring pages that is worth a map entry: long runs first, so the fewer entries are left the
    /// longer it must be. A run adds at most two entries; `nil` when there are none left.
    ///
    /// - Parameters:
    ///   - entries: The entries of the process.
    ///   - limit: How many it may have before merging makes no more.
    public static func shortestRun(entries: Int, limit: Int) -> Int? {
        let free = limit - entries - 2
        guard free > 0 else { return nil }
        switch free * 16 / max(1, limit) {
        // Up to 10/16: with 90 percent of Linux's 65,530 entries, 128 MiB of single pages merge to the last one.
        case 6...: return 1
        case 3...5: return 2
        case 2: return 4
        case 1: return 8
        default: return 16
        }
    }
}
