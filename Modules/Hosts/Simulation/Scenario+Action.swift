public import SimulatedMemory

extension Scenario {
    /// What can happen.
    public enum Action: Sendable, Hashable {
        /// A program maps an area, and begins with its first one.
        case map(Place, pages: UInt64, kind: SimulatedMapping, node: UInt8, isMergeable: Bool)
        /// A program unmaps pages.
        case unmap(Place)
        /// A program calls madvise.
        case advise(Place, SimulatedAdvice)
        /// A program writes whole pages.
        case fill(Place, Content)
        /// A program writes bytes into each of some pages; a negative offset counts from the end of the page.
        case write(Place, [UInt8], offset: Int)
        /// A program forks.
        case fork(String, child: String)
        /// A program ends.
        case exit(String)
        /// Pages are pinned for I/O, or are not any more.
        case pin(Place, Bool)
        /// What a program must find in each of some pages: whole pages, of a text only its own bytes, from an offset on
        /// that counts from the end of the page if it is negative.
        case read(Place, Content, offset: Int)
        /// Somebody writes to an attribute.
        case set(String, String)
        /// The merger runs until so many full scans have ended.
        case scan(UInt64)
        /// The merger runs until conditions hold at the end of a full scan, at most so many scans.
        case scanUntil([Condition], atMost: UInt64)
        /// The merger wakes up so many times.
        case wake(UInt64)
        /// What attributes must show now.
        case expect([Condition])
        /// What one program's figures must be, by the names of ksm_stat.
        case expectProgram(String, [Condition])
        /// The machine runs out of memory at the allocation after so many more; `nil` for never.
        case shortage(after: Int?)
    }
}

extension Scenario.Action {
    /// What scenario files call it.
    public var field: String {
        switch self {
        case .map: "map"
        case .unmap: "unmap"
        case .advise(_, .mergeable): "mergeable"
        case .advise(_, .unmergeable): "unmergeable"
        case .advise(_, .dontNeed): "discard"
        case .fill: "fill"
        case .write: "write"
        case .fork: "fork"
        case .exit: "exit"
        case .pin(_, let isPinned): isPinned ? "pin" : "unpin"
        case .read: "read"
        case .set: "set"
        case .scan: "scan"
        case .scanUntil: "until"
        case .wake: "wake"
        case .expect, .expectProgram: "expect"
        case .shortage: "memory"
        }
    }
}
