import Daemon
import InProcess
import Merger
import ScanPolicy

extension StrategyRegistry {
    /// Every key of the configuration, in the order in which they are shown, those of plug-ins last.
    public var configurationKeys: [ConfigurationKey] {
        strategyKeys + policyKeys + memoryKeys + daemonKeys + pluginKeys
    }

    private var strategyKeys: [ConfigurationKey] {
        [
            .choice("checksum", of: checksums.keys, "the checksum of pages", \.checksum),
            .choice("stableTree", of: trees.keys, "the index of merged contents", \.stableTree),
            .choice("unstableTree", of: trees.keys, "the index of pages without a twin", \.unstableTree),
            .choice("policy", of: policies.keys, "how much to scan, and when", \.policy),
            .choice("memory", of: memories.keys, "whose memory is merged", \.memory),
            frontEndsKey,
            dialectKey,
        ]
    }

    private var frontEndsKey: ConfigurationKey {
        let names = frontEnds.keys.sorted()
        return ConfigurationKey(
            name: "frontEnds", unit: "", help: "what serves and shows the merger",
            expected: "a list, perhaps empty, of \(names.joined(separator: ", "))", isFixed: true, kind: .list,
            read: { $0.frontEnds.joined(separator: ",") },
            write: { configuration, text in
                let chosen = text.split(separator: ",").map(Self.trimmed)
                guard chosen.allSatisfy(names.contains), Set(chosen).count == chosen.count else { return false }
                configuration.frontEnds = chosen
                return true
            })
    }

    private var dialectKey: ConfigurationKey {
        ConfigurationKey(
            name: "dialect", unit: "",
            help: "whose behaviour the merger has: that of Linux today, or of KSM's first version in 2009",
            expected: ConfigurationKey.oneOf(MergerDialect.allCases.map(\.rawValue)), isFixed: true,
            read: { $0.dialect.rawValue },
            write: { configuration, text in
                guard let dialect = MergerDialect(rawValue: text) else { return false }
                configuration.dialect = dialect
                return true
            })
    }

    private var policyKeys: [ConfigurationKey] {
        [
            ConfigurationKey(
                name: "run", unit: "", help: "what to do: 0 stop, 1 scan and merge, 2 stop and unmerge everything",
                expected: "a whole number from 0 to 2", attribute: "run",
                read: { String($0.merger.run.rawValue) },
                write: { configuration, text in
                    guard let number = UInt64(text), text.first != "+", let run = RunMode(rawValue: number) else {
                        return false
                    }
                    configuration.merger.run = run
                    return true
                }),
            policyKey("pagesToScan", "pages_to_scan", unit: "pages", "pages to scan at each wake-up"),
            policyKey("sleepMillisecs", "sleep_millisecs", unit: "ms", "time to sleep after each wake-up"),
        ]
    }

    /// A key for an attribute that policies have; a value that the chosen policy does not take is its own error.
    private func policyKey(_ name: String, _ attribute: String, unit: String, _ help: String) -> ConfigurationKey {
        let policies = policies
        return ConfigurationKey(
            name: name, unit: unit, help: help, expected: "a whole number from 0 to \(UInt32.max)",
            attribute: attribute,
            read: { configuration in
                if let text = configuration.policyAttributes[attribute] { return text }
                if SamepageConfiguration.zeros(in: configuration.dialect).contains(attribute) { return "0" }
                return policies[configuration.policy]?().value(of: attribute) ?? ""
            },
            write: { configuration, text in
                guard let number = UInt32(text), text.first != "+" else { return false }
                configuration.policyAttributes[attribute] = String(number)
                return true
            })
    }

    private var memoryKeys: [ConfigurationKey] {
        [
            .number(
                "maxKernelPages", 0...UInt64.max, unit: "frames",
                "frames that each merge domain may fill; 0 for no limit",
                attribute: "max_kernel_pages", \.merger.maxKernelPages),
            .number(
                "maxPageSharing", 2...UInt32(Int32.max), unit: "pages",
                "how many pages may share a frame; a content of more gets several frames",
                attribute: "max_page_sharing", \.merger.maxPageSharing),
            .number(
                "stableNodeChainsPruneMillisecs", 0...UInt32.max, unit: "ms",
                "how often all frames of a content that has several are looked through for the fullest one with room",
                attribute: "stable_node_chains_prune_millisecs", \.merger.pruneMilliseconds),
            .number(
                "vmaBudgetPercent", 1...90, unit: "%",
                "the share of vm.max_map_count that a process may use before merging makes no more map entries",
                attribute: "vma_budget_percent", \.vmaBudgetPercent),
            .number(
                "rowLength", 1...512, unit: "frames",
                "identical frames for a content that one process needs often; 1 for a single frame always",
                attribute: "row_length", \.merger.rowLength),
            .flag(
                "useZeroPages", "whether pages of zeros are given back instead of merged", attribute: "use_zero_pages",
                \.merger.usesZeroPages),
            ConfigurationKey(
                name: "mergeOnly", unit: "",
                help: "which contents merge: all, or only pages of zeros, which are given back; then nothing is shared",
                expected: ConfigurationKey.oneOf(MergedContents.allCases.map(\.rawValue)), isFixed: true,
                read: { $0.merger.mergeOnly.rawValue },
                write: { configuration, text in
                    guard let choice = MergedContents(rawValue: text) else { return false }
                    configuration.merger.mergeOnly = choice
                    return true
                }),
            .number(
                "minimumAge", 0...UInt32.max, unit: "ms",
                "how long a page must have been seen unchanged before it merges; 0 for two scans",
                attribute: "minimum_age_millisecs", \.merger.minimumAge),
            .number(
                "minimumSharers", 1...255, unit: "programs",
                "how many programs must hold a content at the same time before it merges",
                attribute: "minimum_sharers", \.merger.minimumSharers),
            .flag(
                "excludeDontDump",
                "whether memory marked MADV_DONTDUMP is never merged; virtual machine monitors mark all memory of guests so",
                \.excludesDontDump),
            ConfigurationKey(
                name: "rewrittenPages", unit: "",
                help:
                    "what happens to merged pages that are written: leave lets them keep memory of their own; trap catches the "
                    + "write, which then waits longer, and they can merge again",
                expected: ConfigurationKey.oneOf(RewrittenPages.allCases.map(\.rawValue)),
                read: { $0.rewrittenPages.rawValue },
                write: { configuration, text in
                    guard let choice = RewrittenPages(rawValue: text) else { return false }
                    configuration.rewrittenPages = choice
                    return true
                }),
        ]
    }

    private var daemonKeys: [ConfigurationKey] {
        [
            .text(
                "clientGroup", expected: "the name of a group, or nothing",
                "the group whose members are served; nothing for the daemon's user alone", \.clientGroup),
            .text(
                "salt", expected: "one line of text", "programs with different salts never share; nothing for none",
                \.salt),
            domainsKey,
            unmergedProgramsKey,
            .flag(
                "userNamespaces", "whether programs in user namespaces are served, at the expense of who made those",
                \.userNamespaces),
            .number(
                "maxStored", 0...UInt32(Int32.max), unit: "MiB",
                "memory for merged contents, of all users; half of it for each; 0 for a quarter of the machine's",
                \.maxStored),
            .number(
                "cpuShare", 1...100, unit: "%",
                "the share of one CPU that merging may take, agents in programs included; 100 for any number of CPUs",
                attribute: "cpu_share", \.cpuShare),
            .number("nice", -20...19, "the daemon's scheduling priority, as in nice(1)", \.nice),
            .flag("schedIdle", "whether the daemon runs only when nothing else wants the CPU", \.schedIdle),
            .number(
                "lingerSeconds", 0...86400, unit: "s",
                "how long merged contents are kept when their last program has left",
                \.lingerSeconds),
        ]
    }

    private var domainsKey: ConfigurationKey {
        ConfigurationKey(
            name: "domains", unit: "",
            help: "programs of one user that share although they are confined; root's daemon only",
            expected: "a list of NAME CRITERION=VALUE ..., with user, executable, cgroup or label as criteria",
            kind: .list, read: { $0.domains.joined(separator: ",") },
            write: { configuration, text in
                let rules = text.split(separator: ",").map(Self.trimmed)
                guard rules.allSatisfy({ DomainRule($0) != nil }) else { return false }
                configuration.domains = rules
                return true
            })
    }

    private var unmergedProgramsKey: ConfigurationKey {
        ConfigurationKey(
            name: "noMerge", unit: "", help: "names of programs that are not merged; * in them stands for any bytes",
            expected: "a list of names without folders, of 400 bytes at most", kind: .list,
            read: { $0.unmergedPrograms.joined(separator: ",") },
            write: { configuration, text in
                // The variable of that name also takes colons.
                let patterns = text.split { $0 == "," || $0 == ":" }.map(Self.trimmed).filter { !$0.isEmpty }
                guard text.utf8.count <= 400,
                    patterns.allSatisfy({ !$0.contains("/") && !$0.contains(where: \.isNewline) })
                else { return false }
                configuration.unmergedPrograms = patterns
                return true
            })
    }

    /// The attributes of each policy that no other key stands for, under the policy's name.
    private var pluginKeys: [ConfigurationKey] {
        let covered = Set(policyKeys.compactMap(\.attribute))
        return policies.sorted { $0.key < $1.key }.flatMap { policy, make in
            make().attributes.filter { !covered.contains($0) }.map { attribute in
                let defaultValue = make().value(of: attribute) ?? ""
                return ConfigurationKey(
                    name: "\(policy).\(Self.camelCase(attribute))", unit: "",
                    help: "attribute \(attribute) of policy \(policy)", expected: "what policy \(policy) takes",
                    attribute: attribute,
                    read: { $0.pluginAttributes[policy]?[attribute] ?? defaultValue },
                    write: { configuration, text in
                        var policy = make()
                        guard (try? policy.set(attribute, to: text)) != nil else { return false }
                        configuration.pluginAttributes[policy.name, default: [:]][attribute] = text
                        return true
                    })
            }
        }
    }

    /// `target_scan_time` as `targetScanTime`.
    private static func camelCase(_ attribute: String) -> String {
        let words = attribute.split(separator: "_")
        return words.enumerated().map { $0 == 0 ? String($1) : $1.prefix(1).uppercased() + $1.dropFirst() }.joined()
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
