import Testing
import Wire

/// A message that no daemon may send to an agent that it serves.
struct BadMessage: Sendable, CustomTestStringConvertible {
    let name: String
    var testDescription: String { name }
    var passesDescriptor = false
    /// Its bytes; takes the number of an area that there is.
    let bytes: @Sendable (UInt32) -> [UInt8]

    static let all: [BadMessage] = [
        BadMessage(name: "half a head") { _ in Array(head(.statistics).prefix(9)) },
        BadMessage(name: "a kind that does not exist") { _ in [99, 0] + head(.merge).dropFirst(2) },
        BadMessage(name: "a message of agents") { _ in head(.hello) + ProgramTests.bytes(of: WireHello()) },
        BadMessage(name: "an answer") { _ in
            ProgramTests.bytes(of: WireHeader(.statistics, isAnswer: true, sequence: 1))
        },
        BadMessage(name: "a second welcome") { _ in head(.welcome) + ProgramTests.bytes(of: WireWelcome()) },
        BadMessage(name: "more sites than are there") { head(.merge, count: 2) + site($0, 0, 0) },
        BadMessage(name: "fewer sites than are there") { head(.merge, count: 1) + site($0, 0, 0) + site($0, 1, 1) },
        BadMessage(name: "a site twice") { head(.merge, count: 2) + site($0, 5, 0) + site($0, 5, 1) },
        BadMessage(name: "sites the wrong way round") { head(.merge, count: 2) + site($0, 5, 0) + site($0, 4, 1) },
        BadMessage(name: "a frame beyond the last segment") {
            head(.merge, count: 1) + site($0, 0, WireLimit.segments * WireLimit.framesOfSegment)
        },
        BadMessage(name: "more pages than a request may have") { area in
            let pages = (0...UInt32(WireLimit.pages)).flatMap {
                ProgramTests.bytes(of: WirePage(area: area, index: $0))
            }
            return head(.unmerge, count: WireLimit.pages + 1) + pages
        },
        BadMessage(name: "an observation that may say nothing") {
            head(.observe) + ProgramTests.bytes(of: WireRange(area: $0, count: 10))
        },
        BadMessage(name: "a question about more areas than one may have") {
            question(count: WireLimit.areasOfMessage + 1, [UInt32](repeating: $0, count: WireLimit.areasOfMessage + 1))
        },
        BadMessage(name: "a question about more areas than are there") { question(count: 2, [$0]) },
        BadMessage(name: "a question about fewer areas than are there") { question(count: 1, [$0, $0]) },
        BadMessage(name: "a question cut within an area") { Array(question(count: 2, [$0, $0]).dropLast()) },
        BadMessage(name: "a segment without a file") { _ in segment(0) },
        BadMessage(name: "a file that is no segment", passesDescriptor: true) { _ in segment(0) },
        BadMessage(name: "a segment beyond the last", passesDescriptor: true) { _ in segment(WireLimit.segments) },
        BadMessage(name: "a file with a request", passesDescriptor: true) { _ in head(.statistics) },
        BadMessage(name: "no map entries at all") { _ in settings(percent: 0) },
        BadMessage(name: "all map entries") { _ in settings(percent: 91) },
        BadMessage(name: "something behind the end") { _ in settings(percent: 50) + [0] },
    ]

    private static func head(_ kind: WireKind, count: Int = 0) -> [UInt8] {
        ProgramTests.bytes(of: WireHeader(kind, count: count, sequence: 1))
    }

    private static func site(_ area: UInt32, _ index: UInt32, _ frame: UInt32) -> [UInt8] {
        ProgramTests.bytes(of: WireSite(area: area, index: index, frame: frame))
    }

    private static func question(count: Int, _ areas: [UInt32]) -> [UInt8] {
        head(.quiet, count: count) + areas.flatMap { ProgramTests.bytes(of: $0) }
    }

    private static func segment(_ number: UInt32) -> [UInt8] {
        head(.segment) + ProgramTests.bytes(of: WireSegment(number: number))
    }

    private static func settings(percent: UInt32) -> [UInt8] {
        var settings = WireSettings()
        settings.vmaBudgetPercent = percent
        return head(.settings) + ProgramTests.bytes(of: settings)
    }
}
