/// What the demo asks one of its processes for: one line each, answered by a ``DemoAnswer``.
package enum DemoRequest: String, Hashable, Sendable, CaseIterable {
    /// Fill all pages. Answer: how many files the content is from.
    case fill
    /// Mark the memory as mergeable, as `madvise(MADV_MERGEABLE)` does. Answer: pages.
    case mark
    /// Read every byte. Answer: pages that do not hold what they must.
    case verify
    /// Write to some pages. Answer: pages written.
    case write
    /// Undo merging, as `madvise(MADV_UNMERGEABLE)` does. Answer: pages.
    case unmerge
    /// End. Answer: 0.
    case quit
}

/// What a process of the demo answers.
package enum DemoAnswer: Hashable, Sendable {
    /// A sign of life: so many pages are done. More answers follow.
    case progress(Int)
    /// The request is done, with this number.
    case done(Int)
    /// The request could not be done, and why, in one line.
    case failed(String)

    /// The line that says it, without the newline.
    package var line: String {
        switch self {
        case .progress(let pages): "progress \(pages)"
        case .done(let number): "done \(number)"
        case .failed(let reason): "failed \(reason.split(whereSeparator: \.isNewline).joined(separator: " "))"
        }
    }

    /// Reads a line without its newline; `nil` if it is no answer.
    package init?(line: String) {
        let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard words.count == 2 else { return nil }
        switch (words[0], Int(words[1])) {
        case ("progress", let pages?) where pages >= 0: self = .progress(pages)
        case ("done", let number?) where number >= 0: self = .done(number)
        case ("failed", _): self = .failed(String(words[1]))
        default: return nil
        }
    }
}

/// Bytes that come in pieces, taken out as lines.
package struct LineBuffer: Hashable, Sendable {
    /// A longer line is none of the demo's.
    package static let longestLine = 4096

    private var bytes: [UInt8] = []

    /// Nothing yet.
    package init() {}

    /// Whether more came than a line can have.
    package var isOverfull: Bool { bytes.count > LineBuffer.longestLine && !bytes.contains(UInt8(ascii: "\n")) }

    /// Adds what came.
    package mutating func append(_ piece: some Sequence<UInt8>) { bytes += piece }

    /// The next whole line, without its newline.
    package mutating func next() -> String? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { bytes.removeSubrange(...end) }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }
}
