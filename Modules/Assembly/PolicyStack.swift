public import ScanPolicy
import ScanTimePolicy
import SmartScanPolicy

/// A pace, with smart scan and the scan-time advisor put over it or taken off while the merger runs: what the attributes
/// `smart_scan` and `advisor_mode` of the kernel do.
///
/// Both attributes are views of what is in force: the policy `smart-scan` is `fixed` with `smart_scan` 1.
public struct PolicyStack: ScanPolicy {
    private var pace: any ScanPolicy
    /// The pace as it was, for when the advisor goes.
    private var firstPace: any ScanPolicy
    private var advisor: ScanTimeAdvisor
    private var isAdvised: Bool
    /// `nil` while nothing is passed over.
    private var ages: PageAges?

    /// Takes a policy apart; one that is not Samepage's own becomes the pace as it is.
    public init(_ policy: any ScanPolicy) {
        var pace = policy
        advisor = ScanTimeAdvisor()
        isAdvised = false
        ages = nil
        while true {
            if let smart = pace as? SmartScanPolicy {
                ages = smart.ages
                pace = smart.pace
            } else if let advised = pace as? ScanTimePolicy {
                advisor = advised.advisor
                isAdvised = true
                pace = advised.pace
            } else {
                break
            }
        }
        self.pace = pace
        firstPace = pace
    }

    /// Begins with the settings of now: the pace is the one to go back to, and an advisor in force starts with its minimum.
    mutating func begin() {
        firstPace = pace
        advisor.reset()
    }

    /// The names of what is in force, the pace's only if nothing else is: `fixed`, `smart-scan`, `scan-time` or
    /// `scan-time-with-smart-scan`.
    public var name: String {
        switch (isAdvised, ages != nil) {
        case (false, false): pace.name
        case (true, false): "scan-time"
        case (false, true): "smart-scan"
        case (true, true): "scan-time-with-smart-scan"
        }
    }

    /// Whether smart scan is in force, or the pace passes over pages itself.
    public var selectsPages: Bool { ages != nil || pace.selectsPages }

    /// The pace's, and smart scan's.
    public var bytesPerPage: Int { pace.bytesPerPage + (ages == nil ? 0 : PageAges.bytesPerPage) }

    /// The batch of the pace, with the advisor's number of pages if that is in force.
    public mutating func nextBatch() -> ScanBatch {
        var batch = pace.nextBatch()
        if isAdvised { batch.pages = advisor.pagesToScan }
        return batch
    }

    /// What both the pace and smart scan select.
    public mutating func select(pagesOf chunk: UInt32, among candidates: UInt64, absent: UInt64) -> UInt64 {
        let selected =
            pace.selectsPages ? pace.select(pagesOf: chunk, among: candidates, absent: absent) : candidates
        return ages?.visit(chunk: chunk, candidates: selected, absent: absent) ?? selected
    }

    /// Forgets the pages of a chunk.
    public mutating func forget(chunk: UInt32) {
        ages?.forget(chunk: chunk)
        pace.forget(chunk: chunk)
    }

    /// Tells the advisor, if it is in force, and the pace.
    public mutating func passEnded(_ report: PassReport) {
        if isAdvised {
            advisor.scanEnded(elapsedNanoseconds: report.elapsedNanoseconds, cpuNanoseconds: report.cpuNanoseconds)
        }
        pace.passEnded(report)
    }

    /// The pace's, `smart_scan`, `advisor_mode`, and the advisor's.
    public var attributes: [String] {
        pace.attributes + ["smart_scan", "advisor_mode"].filter { !pace.attributes.contains($0) }
            + ScanTimeAdvisor.attributes.filter { !pace.attributes.contains($0) }
    }

    /// The value of an attribute; `nil` for a name that is not in ``attributes``.
    public func value(of attribute: String) -> String? {
        if pace.attributes.contains(attribute) {
            return isAdvised && attribute == "pages_to_scan" ? String(advisor.pagesToScan) : pace.value(of: attribute)
        }
        switch attribute {
        case "smart_scan": return ages == nil ? "0" : "1"
        case "advisor_mode": return isAdvised ? "none [scan-time]" : "[none] scan-time"
        default: return advisor.value(of: attribute)
        }
    }

    /// Sets an attribute, or leaves everything as it was and throws.
    ///
    /// A change of `advisor_mode` forgets what the advisor knew and lets it begin anew, or gives the pace the
    /// `pages_to_scan` back that it began with.
    public mutating func set(_ attribute: String, to value: String) throws(AttributeError) {
        if pace.attributes.contains(attribute) {
            if isAdvised, attribute == "pages_to_scan" {
                throw .steered(name: attribute, reason: "the advisor sets it; advisor_mode none gives it back")
            }
            return try pace.set(attribute, to: value)
        }
        switch attribute {
        case "smart_scan":
            let isWanted = try parseBooleanAttribute(value, name: attribute)
            if isWanted, ages == nil { ages = PageAges() }
            if !isWanted { ages = nil }
        case "advisor_mode": try setAdvisorMode(value)
        default: try advisor.set(attribute, to: value)
        }
    }

    private mutating func setAdvisorMode(_ value: String) throws(AttributeError) {
        let text = value.hasSuffix("\n") ? String(value.dropLast()) : value
        let isWanted: Bool
        switch text {
        case "none": isWanted = false
        case "scan-time": isWanted = true
        default: throw .invalid(name: "advisor_mode", value: text, expected: "none or scan-time")
        }
        guard isWanted != isAdvised else { return }
        if isWanted {
            advisor.reset()
        } else if let pages = firstPace.value(of: "pages_to_scan") {
            try pace.set("pages_to_scan", to: pages)
        }
        isAdvised = isWanted
    }
}
