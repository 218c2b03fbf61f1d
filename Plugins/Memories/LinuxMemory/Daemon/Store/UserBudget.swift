import Glibc
import Synchronization
import Wire

/// What the clients of one user may take of the machine's memory through the daemon, in all domains of the user
/// together. Clients can claim anything: pages that they do not have, and contents for frames.
package final class UserBudget: Sendable {
    private let kept = Atomic<Int>(0)
    private let segments = Atomic<Int>(0)
    private let mostKept: Int
    private let mostSegments: Int

    /// Bytes of the machine's memory.
    package static let machine = max(1 << 28, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))

    /// A sixteenth of the memory for what is kept of pages: enough for nine times the machine's own. Half of it for
    /// frames, where they are bounded: whoever runs the daemon cannot take more than is theirs anyway.
    package convenience init(boundsFrames: Bool, pageSize: Int) {
        let frames = Self.machine / 2 / (Int(WireLimit.framesOfSegment) * pageSize)
        self.init(mostKept: max(1 << 26, Self.machine / 16), mostSegments: boundsFrames ? max(64, frames) : Int.max)
    }

    /// Bounds of the caller's choice.
    ///
    /// - Parameters:
    ///   - mostKept: Bytes of what is kept of areas and pages.
    ///   - mostSegments: Segments of frames.
    package init(mostKept: Int, mostSegments: Int) {
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

    /// Segments are gone.
    func giveBackSegments(_ count: Int) { segments.wrappingSubtract(count, ordering: .relaxed) }
}
