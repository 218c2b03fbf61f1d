import PageChecksum
import PageTree

extension TreeConformance {
    /// A random sequence of calls.
    func randomViolations(_ kind: Digests, _ disturbance: Disturbance) -> [String] {
        var random = SplitMix64(seed: seed)
        // Element numbers are far apart in the last third, to make tables grow in leaps.
        var oracle = TreeOracle(makeTree(), elements: 760)
        var spare = (0..<130).map { UInt32($0) } + (0..<70).map { UInt32(200 + $0 * 8) }
        spare.shuffle(using: &random)
        for step in 0..<steps {
            switch random.next() % 100 {
            case 0..<70:
                // Few contents, so that half of the searches find one.
                let content = random.next() % 400
                searchAndInsert(content, kind, into: &oracle, spare: &spare)
            case 70..<99 where !oracle.inside.isEmpty:
                let place = Int(random.next() % UInt64(oracle.inside.count))
                let element = oracle.inside[place]
                switch random.next() % 3 {
                case 0 where disturbance.changesPages: oracle.change(element, to: random.next() % 400)
                case 1 where disturbance.losesPages: oracle.isGone[Int(element)] = true
                default:
                    oracle.remove(at: place)
                    spare.append(element)
                }
            case 99 where random.next() % 4 == 0:
                spare += oracle.inside
                oracle.removeAll()
            default: oracle.checkElements()
            }
            if let violation = oracle.violation {
                return ["\(kind.rawValue), \(disturbance.rawValue), seed \(seed), step \(step): \(violation)"]
            }
        }
        return []
    }

    /// One page looked up as the merger does: taken in if absent, its obstacle taken out if gone.
    private func searchAndInsert(
        _ content: UInt64, _ kind: Digests, into oracle: inout TreeOracle, spare: inout [UInt32]
    ) {
        let digest = kind.digest(of: content)
        switch oracle.search(content, digest) {
        case .found: break
        case .gone(let element):
            guard let place = oracle.inside.firstIndex(of: element) else { break }
            oracle.remove(at: place)
            spare.append(element)
        case .absent:
            guard oracle.violation == nil, let element = spare.popLast() else { break }
            oracle.insert(element, content: content, digest: digest)
            // A quiet page is found at once.
            if oracle.tree.isKeyed || oracle.isQuiet { _ = oracle.search(content, digest) }
        }
    }

    /// 100 ascending contents inserted, the worst order for an unbalanced tree, then taken out one by one.
    func removalViolations(_ kind: Digests, _ removal: Removal) -> [String] {
        var random = SplitMix64(seed: seed)
        var oracle = TreeOracle(makeTree(), elements: 100)
        _ = oracle.search(1, kind.digest(of: 1))
        oracle.checkElements()
        var step = 0
        func told() -> [String] {
            oracle.violation.map { ["\(kind.rawValue), removal \(removal.rawValue), step \(step): \($0)"] } ?? []
        }
        while step < 100, oracle.violation == nil {
            if oracle.search(UInt64(step), kind.digest(of: UInt64(step))) != .absent { oracle.fail("not absent") }
            guard oracle.violation == nil else { break }
            oracle.insert(UInt32(step), content: UInt64(step), digest: kind.digest(of: UInt64(step)))
            step += 1
        }
        while !oracle.inside.isEmpty, oracle.violation == nil {
            let element =
                switch removal {
                case .ascending: oracle.inside.min() ?? 0
                case .descending: oracle.inside.max() ?? 0
                case .random: oracle.inside.randomElement(using: &random) ?? 0
                }
            oracle.remove(at: oracle.inside.firstIndex(of: element) ?? 0)
            // The removed one and a few others.
            for content in [UInt64(element), random.next() % 100, random.next() % 100] {
                _ = oracle.search(content, kind.digest(of: content))
            }
            step += 1
        }
        return told()
    }
}

extension TreeConformance.Digests {
    /// The digest of a content.
    func digest(of content: UInt64) -> PageDigest {
        switch self {
        case .spread:
            var mixed = SplitMix64(seed: content)
            return PageDigest(high: mixed.next(), low: mixed.next())
        case .lowHalf: return PageDigest(content)
        case .highHalf: return PageDigest(high: content << 40, low: 7)
        case .few: return PageDigest(high: 0, low: content % 7)
        case .one: return PageDigest(0x1234_5678)
        }
    }
}
