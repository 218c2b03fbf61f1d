/// What the demo found, in bytes, pages and seconds.
package struct DemoReport: Hashable, Sendable {
    /// Memory by the kernel's accounts.
    package struct Resident: Hashable, Sendable {
        /// Anonymous memory of each process, the agent's within it included.
        package var processes: [Int] = []
        /// Anonymous memory of the demo itself, the daemon's within it included.
        package var daemon = 0
        /// Memory that holds merged contents, and what the daemon shares with its agents.
        package var frames = 0

        /// All of it.
        package var bytes: Int { processes.reduce(daemon + frames, +) }

        /// States the accounts.
        package init(processes: [Int] = [], daemon: Int = 0, frames: Int = 0) {
            self.processes = processes
            self.daemon = daemon
            self.frames = frames
        }
    }

    /// What one step of the demo left behind.
    package struct Step: Hashable, Sendable {
        /// What was done.
        package var name: String
        /// Memory after it.
        package var resident = Resident()
        /// Pages whose content was wrong after it; all were read.
        package var wrongPages = 0
        /// Time that it took, without the verification.
        package var wallSeconds = 0.0
        /// CPU time of the daemon's merging threads and of the agents meanwhile.
        package var cpuSeconds = 0.0

        /// Describes a step.
        package init(name: String) { self.name = name }
    }

    /// One of the processes.
    package struct Process: Hashable, Sendable {
        /// Its number.
        package var pid: Int
        /// Memory that is scanned after the first merge, in bytes.
        package var mergeableBytes: Int
        /// Memory that lies over merged contents, or was zeros and given back, after the first merge, in bytes.
        package var mergedBytes: Int

        /// Describes a process.
        package init(pid: Int, mergeableBytes: Int, mergedBytes: Int) {
            self.pid = pid
            self.mergeableBytes = mergeableBytes
            self.mergedBytes = mergedBytes
        }
    }

    /// The strategies used, by name.
    package var checksum = ""
    /// The index of both trees, by name.
    package var tree = ""

    /// The processes.
    package var processes: [Process] = []
    /// Files that the content is from.
    package var files = 0
    /// Bytes in a page.
    package var pageSize = 4096
    /// All pages that may merge.
    package var pages = 0
    /// Pages of zeros among them, counted before merging.
    package var zeroPages = 0
    /// Pages that merging can give back, counted before merging by fingerprints of its own.
    package var duplicatePages = 0
    /// The same after the processes wrote to some pages.
    package var duplicatePagesAfterWrites = 0
    /// Pages that the processes wrote to.
    package var writtenPages = 0

    /// The merger's counter `pages_shared` after the first merge.
    package var pagesShared = 0
    /// The merger's counter `pages_sharing` after the first merge.
    package var pagesSharing = 0
    /// The merger's counter `ksm_zero_pages` after the first merge.
    package var zeroPagesGivenBack = 0
    /// Pages that the merger still counts as merged or given back after all was unmerged.
    package var pagesLeftMerged = 0

    /// Memory before anything was marked as mergeable; the step that filled it.
    package var filled = Step(name: "filled")
    /// After merging until nothing was left to merge.
    package var merged = Step(name: "merged")
    /// After every byte was read again.
    package var reread = Step(name: "read again")
    /// After writes to some pages.
    package var written = Step(name: "written")
    /// After merging again.
    package var mergedAgain = Step(name: "merged again")
    /// After merging was undone; pages of zeros have no memory until they are written.
    package var unmerged = Step(name: "unmerged")
    /// Time and CPU of the whole demo, verification included.
    package var total = Step(name: "in all")

    /// Takes zeros.
    package init() {}
}

extension DemoReport {
    /// The least share of the duplicate bytes that must be given back, in percent.
    package static let requiredPercent = 90.0
    /// What a daemon takes for itself however little is merged, in bytes: so much less may be given back.
    package static let allowedBytes = 4 << 20

    /// The steps in their order.
    package var steps: [Step] { [filled, merged, reread, written, mergedAgain, unmerged] }

    /// Whether every page had the right content after every step.
    package var isContentVerified: Bool { steps.allSatisfy { $0.wrongPages == 0 } }

    /// Memory given back after a step, by the kernel's accounts.
    package func savedBytes(after step: Step) -> Int { filled.resident.bytes - step.resident.bytes }

    /// Memory that one process gave back by the first merge; what holds the merged contents is not taken off.
    package func savedBytes(ofProcess number: Int) -> Int {
        filled.resident.processes[number] - merged.resident.processes[number]
    }

    /// The share of the duplicate bytes that was given back after a step, in percent.
    package func percent(after step: Step, ofDuplicatePages duplicates: Int) -> Double {
        duplicates == 0 ? 0 : Double(savedBytes(after: step)) * 100 / Double(duplicates * pageSize)
    }

    /// One line for each thing that is not as it must be.
    package var failures: [String] {
        var failures = steps.filter { $0.wrongPages > 0 }.map {
            "content is wrong: \($0.wrongPages) pages after the step '\($0.name)'; do not use this build or kernel"
        }
        for (step, duplicates) in [
            (merged, duplicatePages), (reread, duplicatePages), (mergedAgain, duplicatePagesAfterWrites),
        ] {
            let required = Double(duplicates * pageSize) * DemoReport.requiredPercent / 100
            if Double(savedBytes(after: step) + DemoReport.allowedBytes) < required {
                let percent = percent(after: step, ofDuplicatePages: duplicates)
                failures.append(
                    "only \(Numbers.fixed(percent, decimals: 1)) % of the duplicate bytes were given back after the step "
                        + "'\(step.name)', less than \(Numbers.fixed(DemoReport.requiredPercent, decimals: 0)) %")
            }
        }
        if pagesLeftMerged > 0 {
            failures.append("\(pagesLeftMerged) pages are still merged after the step '\(unmerged.name)'")
        }
        return failures
    }
}
