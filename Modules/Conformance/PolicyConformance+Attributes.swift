import ScanPolicy

extension PolicyConformance {
    /// Names, values and refusals of all attributes.
    func attributeViolations() -> [String] {
        var policy = makePolicy()
        var found: [String] = []
        let names = policy.attributes
        if Set(names).count != names.count { found.append("an attribute is named twice: \(names)") }
        found += unknownViolations(&policy)
        for name in names {
            guard let value = policy.value(of: name) else {
                found.append("\(name) is an attribute without a value")
                continue
            }
            // An attribute that only reports, or that another one steers at the moment, refuses its own value too.
            switch attempt(name, chosenWord(of: value), on: &policy) {
            case nil:
                if policy.value(of: name) != value { found.append("\(name) changes when set to its own value") }
                found += refusalViolations(of: name, texts: [""], on: &policy)
                if unsignedAttributes.contains(name) { found += unsignedViolations(of: name, on: &policy) }
            case .readOnly, .busy, .steered:
                found += refusalViolations(of: name, texts: ["", "0", "1"], on: &policy)
            case .unknown, .invalid, .outOfRange:
                found.append("\(name) refuses its own value '\(value)'")
            }
        }
        return found
    }

    private func unknownViolations(_ policy: inout any ScanPolicy) -> [String] {
        let name = "no-such-attribute"
        var found: [String] = []
        if policy.value(of: name) != nil { found.append("an unknown attribute has a value") }
        if attempt(name, "1", on: &policy) != .unknown(name: name) {
            found.append("setting an unknown attribute does not throw `unknown` with its name")
        }
        return found
    }

    /// The word in brackets of a value that shows a choice; any other value itself.
    private func chosenWord(of value: String) -> String {
        guard let start = value.firstIndex(of: "["), let end = value[start...].firstIndex(of: "]") else { return value }
        return String(value[value.index(after: start)..<end])
    }

    /// What `kstrtouint` takes and refuses in base 10.
    private func unsignedViolations(of name: String, on policy: inout any ScanPolicy) -> [String] {
        var found: [String] = []
        for (text, value) in [("5\n", "5"), ("0", "0"), ("007", "7"), ("4294967295", "4294967295"), ("100\n", "100")] {
            let error = attempt(name, text, on: &policy)
            if error != nil || policy.value(of: name) != value {
                found.append("\(name) does not become \(value) when set to \(text.debugDescription)")
            }
        }
        let texts = [
            "", "\n", "-1", "-0", "1x", "x1", "4294967296", "18446744073709551616", "99999999999999999999999", " 1",
            "1 ", "1\n\n",
            "0x10", "1.5", "1,000", "\u{0663}",
        ]
        return found + refusalViolations(of: name, texts: texts, on: &policy)
    }

    private func refusalViolations(of name: String, texts: [String], on policy: inout any ScanPolicy) -> [String] {
        var found: [String] = []
        for text in texts {
            let before = policy.attributes.map { policy.value(of: $0) }
            switch attempt(name, text, on: &policy) {
            case .invalid(let named, _, _), .outOfRange(let named, _, _), .readOnly(let named),
                .busy(let named, _), .steered(let named, _):
                if named != name { found.append("the refusal of \(text.debugDescription) for \(name) names \(named)") }
            case .unknown: found.append("\(name) is unknown when set to \(text.debugDescription)")
            case nil: found.append("\(name) takes \(text.debugDescription)")
            }
            if policy.attributes.map({ policy.value(of: $0) }) != before {
                found.append("setting \(name) to \(text.debugDescription) leaves other values than before")
            }
        }
        return found
    }

    private func attempt(_ name: String, _ value: String, on policy: inout any ScanPolicy) -> AttributeError? {
        do {
            try policy.set(name, to: value)
            return nil
        } catch {
            return error
        }
    }
}
