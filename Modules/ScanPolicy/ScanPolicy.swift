/// How much the next wake-up of the merger may scan, and how long it sleeps afterwards.
@frozen
public struct ScanBatch: Sendable, Hashable {
    /// Pages handed to the merger in this wake-up (`pages_to_scan`); 0 scans nothing.
    public var pages: UInt32
    /// Milliseconds to sleep after it (`sleep_millisecs`); 0 only yields, and with no pages to scan waits until an attribute
    /// or an area changes.
    public var sleepMilliseconds: UInt32

    /// Makes a batch of `pages` pages, followed by a sleep.
    public init(pages: UInt32, sleepMilliseconds: UInt32) {
        self.pages = pages
        self.sleepMilliseconds = sleepMilliseconds
    }
}

/// What one full scan did, told to the policy at its end.
public struct PassReport: Sendable, Hashable {
    /// The number of this full scan, counted from 1.
    public var number: UInt64
    /// Pages handed to the merger.
    public var pagesScanned: UInt64
    /// Pages passed over by the policy.
    public var pagesSkipped: UInt64
    /// Pages that got a checksum because they may have changed.
    public var pagesChanged: UInt64
    /// Pages that were merged, zero pages included.
    public var pagesMerged: UInt64
    /// Elapsed time since the scan began, in nanoseconds; 0 where the driver tells no time.
    public var elapsedNanoseconds: UInt64
    /// CPU time used since then, in nanoseconds.
    public var cpuNanoseconds: UInt64

    /// Makes a report.
    public init(
        number: UInt64, pagesScanned: UInt64, pagesSkipped: UInt64, pagesChanged: UInt64, pagesMerged: UInt64,
        elapsedNanoseconds: UInt64, cpuNanoseconds: UInt64
    ) {
        self.number = number
        self.pagesScanned = pagesScanned
        self.pagesSkipped = pagesSkipped
        self.pagesChanged = pagesChanged
        self.pagesMerged = pagesMerged
        self.elapsedNanoseconds = elapsedNanoseconds
        self.cpuNanoseconds = cpuNanoseconds
    }
}

/// The contract of a scan policy: how many pages a wake-up scans, when the next one comes, which pages to pass over.
///
/// The merger calls ``nextBatch()`` at each wake-up, ``select(pagesOf:among:absent:)`` before it looks at pages, and
/// ``passEnded(_:)`` after each full scan. All calls come from one thread. A policy reads no clock: the report
/// tells it the time.
public protocol ScanPolicy: Sendable {
    /// The name by which configuration selects this policy, for example `fixed`.
    var name: String { get }

    /// Whether the policy passes over pages at all; if not, ``select(pagesOf:among:absent:)`` is never called.
    var selectsPages: Bool { get }

    /// Bytes that the policy keeps for each page; they count against `general_profit`.
    var bytesPerPage: Int { get }

    /// How much this wake-up scans and how long the sleep after it is.
    mutating func nextBatch() -> ScanBatch

    /// Which pages of a chunk to scan now.
    ///
    /// A chunk is 64 neighbouring pages; bit i of a mask stands for page i. Each page of a chunk is in question once in a
    /// full scan; a chunk may come in several parts. Pages left out count in `pages_skipped`, cost nothing,
    /// and leave the unstable tree.
    ///
    /// - Parameters:
    ///   - chunk: The number of the chunk; small numbers, reused after ``forget(chunk:)``.
    ///   - candidates: The pages that would be scanned: neither merged nor absent.
    ///   - absent: Pages that hold nothing (any more): what is known of them is to be forgotten.
    /// - Returns: A subset of `candidates`.
    mutating func select(pagesOf chunk: UInt32, among candidates: UInt64, absent: UInt64) -> UInt64

    /// The pages of this chunk are gone; its number may come again for other pages.
    mutating func forget(chunk: UInt32)

    /// A full scan has ended.
    mutating func passEnded(_ report: PassReport)

    /// The names of the attributes this policy owns, for example `pages_to_scan`.
    var attributes: [String] { get }

    /// The value of one of the policy's attributes; `nil` for a name that is not in ``attributes``. One that is a choice
    /// shows all words, with the one in force in brackets, as the kernel's files do.
    func value(of attribute: String) -> String?

    /// Sets one of the policy's attributes, or leaves everything as it was and throws. A choice takes one word.
    mutating func set(_ attribute: String, to value: String) throws(AttributeError)
}

extension ScanPolicy {
    /// Passes over nothing.
    public var selectsPages: Bool { false }

    /// Keeps nothing.
    public var bytesPerPage: Int { 0 }

    /// Selects all candidates.
    public mutating func select(pagesOf chunk: UInt32, among candidates: UInt64, absent: UInt64) -> UInt64 {
        candidates
    }

    /// Nothing to forget.
    public mutating func forget(chunk: UInt32) {}

    /// Learns nothing from a full scan.
    public mutating func passEnded(_ report: PassReport) {}
}
