import Glibc
import Synchronization
import Wire

/// What the clients of one user may take of the machine's memory through the daemon, in all domains of the user
/// together. Clients can claim anything: pages that they do not have, and contents for frames.
package final class UserBudget: Sendable {
    private let kept = Atomic<Int>(0)
    private let segments = Atomic<Int>(0)
    private let stored = Atomic<Int>(0)
    private let mostStored: Int
    private let total: StoredTotal?
    private let mostKept: Int
    private let mostSegments: Int

    /// Bytes of the machine's memory.
    package static let machine = max(1 << 28, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))

    /// A sixteenth of the memory for what is kept of pages: enough for nine times the machine's own. Half of the memory
    /// as address space for frames, and half of what all may store, where they are bounded: whoever runs the daemon may
    /// store as much as all together.
    convenience init(boundsFrames: Bool, pageSize: Int, of total: StoredTotal) {
        let frames = Self.machine / 2 / (Int(WireLimit.framesOfSegment) * pageSize)
        self.init(
            mostKept: max(1 << 26, Self.machine / 16), mostSegments: boundsFrames ? max(64, frames) : Int.max,
            mostStored: boundsFrames ? total.most / 2 : total.most, of: total)
    }

    /// Bounds of the caller's choice.
    ///
    /// - Parameters:
    ///   - mostKept: Bytes of what is kept of areas and pages.
    ///   - mostSegments: Segments of frames.
    ///   - mostStored: Bytes of frames.
    ///   - total: What all users store.
    package init(mostKept: Int, mostSegments: Int, mostStored: Int = .max, of total: StoredTotal? = nil) {
        self.mostStored = mostStored
        self.total = total
        self.mostKept = mostKept
        self.mostSegments = mostSegments
    }

    /// A domain keeps so many bytes more, or fewer, than it said before.
    func keep(_ difference: Int) { kept.wrappingAdd(difference, ordering: .relaxed) }

    /// Whether the user's domains may keep so many bytes more.
    func mayKeep(_ bytes: Int) -> Bool { kept.load(ordering: .relaxed) + bytes <= mostKept }

    /// Whether a domain that keeps so many bytes is to let clients go: of the domains of a user, which are at most
    /// ``SamepageDaemon/mostDomainsOfUser``, one at least has its share of what is too much.
    func isExceeded(byOneThatKeeps bytes: Int) -> Bool {
        !mayKeep(0) && bytes >= mostKept / SamepageDaemon.mostDomainsOfUser
    }

    /// Whether another segment may be made; it counts from now on.
    func takeSegment() -> Bool {
        guard segments.wrappingAdd(1, ordering: .relaxed).newValue > mostSegments else { return true }
        giveBackSegments(1)
        return false
    }

    /// Whether so many bytes more may be stored; they count from now on.
    package func store(_ bytes: Int) -> Bool {
        guard total?.take(bytes) != false else { return false }
        if stored.wrappingAdd(bytes, ordering: .relaxed).newValue <= mostStored { return true }
        giveBackStored(bytes)
        return false
    }

    /// Bytes are stored no more.
    package func giveBackStored(_ bytes: Int) {
        stored.wrappingSubtract(bytes, ordering: .relaxed)
        total?.giveBack(bytes)
    }

    /// Segments are gone.
    func giveBackSegments(_ count: Int) { segments.wrappingSubtract(count, ordering: .relaxed) }
}

/// What the frames of all users together take, and may take.
package final class StoredTotal: Sendable {
    /// Bytes, at most.
    let most: Int
    private let bytes = Atomic<Int>(0)
    private let former: FormerFrames?

    /// Bounds them.
    ///
    /// - Parameter former: What earlier daemons have left, which counts too.
    package init(most: Int, former: FormerFrames? = nil) {
        self.most = most
        self.former = former
    }

    func take(_ more: Int) -> Bool {
        let others = former?.bytes ?? 0
        if bytes.wrappingAdd(more, ordering: .relaxed).newValue + others <= most { return true }
        giveBack(more)
        return false
    }

    func giveBack(_ fewer: Int) { bytes.wrappingSubtract(fewer, ordering: .relaxed) }
}
