import CLinuxMemory

/// What one client is charged for: frames that were made for its pages, as long as they are in use. At most as many as it
/// has pages: marked ones by its own word, and present ones by the kernel's. Whoever only claims pages gets no memory of
/// the daemon for them.
///
/// Confined to the thread of its domain.
package final class FrameAccount {
    /// Frames charged.
    package private(set) var frames = 0
    /// Pages that the client has marked, holes included.
    package var marked = 0
    private let process: Int32
    /// Pages that the process had in memory when it was looked at last.
    private var present = 0
    /// When its pages were counted one by one last, in nanoseconds.
    private var counted: UInt64 = 0

    /// Nothing is charged yet.
    package init(process: Int32) { self.process = process }

    /// Whether so many frames more may be charged; they are from now on.
    ///
    /// - Complexity: O(1), and a small file is read where the process has grown since the last look.
    package func take(_ count: Int) -> Bool {
        guard frames + count <= marked else { return false }
        if frames + count > present { present = pagesInMemory() }
        if frames + count > present { countPages() }
        guard frames + count <= present else { return false }
        frames += count
        return true
    }

    /// Frames are in use no more.
    package func giveBack(_ count: Int) { frames -= count }

    /// What the kernel knows at once: on machines of many processors it can be too few.
    private func pagesInMemory() -> Int {
        let fields = (SmallFile.text("/proc/\(process)/statm") ?? "").split(separator: " ")
        return fields.count > 1 ? Int(fields[1]) ?? 0 : 0
    }

    /// Has the kernel count, which takes time: once a second at most.
    private func countPages() {
        let now = lm_monotonic_nanoseconds()
        guard counted == 0 || now >= counted + 1_000_000_000 else { return }
        counted = now
        for line in (SmallFile.text("/proc/\(process)/smaps_rollup") ?? "").split(separator: "\n")
        where line.hasPrefix("Rss:") {
            present = max(present, line.split(separator: " ").compactMap { Int($0) }.first.map { $0 / 4 } ?? 0)
        }
    }
}
