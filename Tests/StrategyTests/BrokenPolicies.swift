import FixedPolicy
import ScanPolicy

/// A policy with one fault, for tests of the conformance kit.
struct BrokenPolicy: ScanPolicy {
    enum Fault: CaseIterable, Sendable {
        /// Selects the first page of each chunk, candidate or not.
        case selectsOthers
        /// Reads digits up to the first other character.
        case takesJunk
        /// Cuts numbers to 32 bits.
        case wraps
        /// Stores zero for what it refuses.
        case losesValue
        /// Takes any attribute.
        case takesUnknown
        /// Names an attribute that has no value.
        case namesTooMuch
        /// Wants no newline.
        case refusesNewline
    }

    let fault: Fault
    private var policy = FixedPolicy()

    init(_ fault: Fault) { self.fault = fault }

    var name: String { "broken" }
    var selectsPages: Bool { true }
    var attributes: [String] { policy.attributes + (fault == .namesTooMuch ? ["ghost"] : []) }

    mutating func nextBatch() -> ScanBatch { policy.nextBatch() }

    mutating func select(pagesOf chunk: UInt32, among candidates: UInt64, absent: UInt64) -> UInt64 {
        fault == .selectsOthers ? candidates | 1 : candidates & 0x5555_5555_5555_5555
    }

    func value(of attribute: String) -> String? { policy.value(of: attribute) }

    mutating func set(_ attribute: String, to value: String) throws(AttributeError) {
        switch fault {
        case .takesJunk:
            let digits = String(value.prefix { $0.isASCII && $0.isNumber })
            try policy.set(attribute, to: digits.isEmpty ? value : digits)
        case .wraps:
            let number = UInt64(value).map { String($0 & 0xffff_ffff) }
            try policy.set(attribute, to: number ?? value)
        case .losesValue:
            do {
                try policy.set(attribute, to: value)
            } catch {
                try policy.set(attribute, to: "0")
                throw error
            }
        case .takesUnknown:
            if policy.attributes.contains(attribute) { try policy.set(attribute, to: value) }
        case .refusesNewline:
            if value.hasSuffix("\n") { throw .invalid(name: attribute, value: value, expected: "no newline") }
            try policy.set(attribute, to: value)
        case .selectsOthers, .namesTooMuch: try policy.set(attribute, to: value)
        }
    }
}
