public import ScanPolicy

extension Merger {
    /// The names of all attributes, the policy's included, in the order in which they are shown, in the merger's own dialect.
    public var attributes: [String] { attributes(in: configuration.dialect) }

    /// The names of all attributes in a dialect; that of 2009 has fewer.
    public func attributes(in dialect: MergerDialect) -> [String] {
        switch dialect {
        case .linux:
            ["run"] + policy.attributes + Merger.settable + (nodeCount > 1 ? ["merge_across_nodes"] : [])
                + Counters.attributes
        case .first: MergerDialect.firstAttributes
        }
    }

    private static let settable = [
        "max_kernel_pages", "max_page_sharing", "stable_node_chains_prune_millisecs", "use_zero_pages", "row_length",
        "minimum_age_millisecs", "minimum_sharers",
    ]

    /// The value of an attribute, as the kernel's files print it, without the newline.
    ///
    /// - Parameters:
    ///   - attribute: A name of either dialect.
    ///   - dialect: Which `pages_shared` is meant; the merger's own dialect unless told otherwise.
    /// - Throws: ``AttributeError/unknown(name:)``.
    public func value(
        of attribute: String, in dialect: MergerDialect? = nil
    ) throws(AttributeError) -> String {
        let attribute = (dialect ?? configuration.dialect).todaysName(of: attribute)
        switch attribute {
        case "run": return String(configuration.run.rawValue)
        case "max_kernel_pages": return String(configuration.maxKernelPages)
        case "max_page_sharing": return String(configuration.maxPageSharing)
        case "stable_node_chains_prune_millisecs": return String(configuration.pruneMilliseconds)
        case "merge_across_nodes" where nodeCount > 1: return configuration.mergesAcrossNodes ? "1" : "0"
        case "use_zero_pages": return configuration.usesZeroPages ? "1" : "0"
        case "row_length": return String(configuration.rowLength)
        case "minimum_age_millisecs": return String(configuration.minimumAge)
        case "minimum_sharers": return String(configuration.minimumSharers)
        default:
            if let value = counters.value(of: attribute, pageSize: pageSize) { return value }
            if let value = policy.value(of: attribute) { return value }
            throw .unknown(name: attribute)
        }
    }

    /// Sets an attribute from text, as a write to the kernel's file would: digits, and perhaps a newline.
    ///
    /// `run` 2 resets `full_scans` and starts to unmerge; that is done when ``isUnmerging`` turns false.
    /// The other attributes apply to what is done from now on.
    ///
    /// - Parameters:
    ///   - attribute: A name of either dialect.
    ///   - value: The text; in the dialect of 2009 without a sign.
    ///   - allowingShared: Whether to set also what may change only while nothing is shared: of several mergers that follow
    ///     one setting, all must, when one begins to share at this moment. What is shared stays so.
    /// - Throws: ``AttributeError``; the attribute keeps its value then.
    public mutating func set(
        _ attribute: String, to value: String, allowingShared: Bool = false
    ) throws(AttributeError) {
        if configuration.dialect == .first, value.utf8.first == UInt8(ascii: "+") {
            throw .invalid(name: attribute, value: value, expected: "a whole number without a sign")
        }
        switch attribute {
        case "run":
            let number = try parseUnsignedAttribute(value, name: attribute, in: 0...2)
            setRun(RunMode(rawValue: number)!)
        case "max_kernel_pages":
            configuration.maxKernelPages = try parseUnsignedAttribute(value, name: attribute, in: 0...UInt64.max)
        case "max_page_sharing":
            let range = 2...UInt64(Int32.max)
            let limit = UInt32(try parseUnsignedAttribute(value, name: attribute, in: range, as: .int))
            guard limit != configuration.maxPageSharing else { return }
            if !allowingShared { try requireNothingShared(for: attribute) }
            configuration.maxPageSharing = limit
            setSharingLimit()
        case "merge_across_nodes" where nodeCount > 1:
            let mergesAcross = try parseUnsignedAttribute(value, name: attribute, in: 0...1, as: .unsignedLong) == 1
            guard mergesAcross != configuration.mergesAcrossNodes else { return }
            try requireNothingShared(for: attribute)
            configuration.mergesAcrossNodes = mergesAcross
            emptyUnstableTree()
            makeTrees()
        case "stable_node_chains_prune_millisecs":
            configuration.pruneMilliseconds = UInt32(try parseUnsignedAttribute(value, name: attribute))
        case "use_zero_pages":
            let usesZeroPages = try parseBooleanAttribute(value, name: attribute)
            // Pages of zeros that wait there for a twin are given back.
            if usesZeroPages, !configuration.usesZeroPages { emptyUnstableTree() }
            configuration.usesZeroPages = usesZeroPages
        case "row_length":
            configuration.rowLength = UInt32(try parseUnsignedAttribute(value, name: attribute, in: 1...512))
        case "minimum_age_millisecs":
            setMinimumAge(UInt32(try parseUnsignedAttribute(value, name: attribute)))
        case "minimum_sharers":
            setMinimumSharers(UInt8(try parseUnsignedAttribute(value, name: attribute, in: 1...255)))
        default:
            if policy.attributes.contains(attribute) {
                try policy.set(attribute, to: value)
            } else if Counters.attributes.contains(MergerDialect.first.todaysName(of: attribute)) {
                throw .readOnly(name: attribute)
            } else {
                throw .unknown(name: attribute)
            }
        }
    }

    private func requireNothingShared(for attribute: String) throws(AttributeError) {
        guard nodes.isEmpty else { throw AttributeError.whileShared(name: attribute) }
    }

    /// What the merger is told to do.
    public var run: RunMode { configuration.run }

    /// Stops, starts, or unmerges everything; the same value again changes nothing.
    public mutating func setRun(_ run: RunMode) {
        guard run != configuration.run else { return }
        configuration.run = run
        window.isAwake = false
        if run == .unmerge { tally.fullScans = 0 }
        // What 2 asked for is finished also when something else is written before it is done, as in the kernel.
        if run == .unmerge { unmergePending = true }
    }
}

extension AttributeError {
    /// The error for attributes that may change only while nothing is shared.
    public static func whileShared(name: String) -> AttributeError {
        .busy(name: name, reason: "pages are shared; write 2 to run first, and 1 afterwards")
    }
}

extension Merger {
    /// Attributes that may change only while nothing is shared.
    public static let attributesOfUnshared: Set<String> = ["max_page_sharing", "merge_across_nodes"]
}
