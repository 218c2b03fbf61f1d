/// What the demo found, in bytes, pages and seconds.
package struct DemoReport: Hashable, Sendable {
    /// What one step of the demo left behind.
    package struct Step: Hashable, Sendable {
        /// What was done.
        package var name: String
        /// The process's anonymous memory and the store's blocks after it.
        package var residentBytes: Int
        /// Pages whose content was wrong after it; all were read.
        package var wrongPages: Int
        /// Time that it took, without the verification.
        package var wallSeconds: Double
        /// CPU time of the whole process meanwhile.
        package var cpuSeconds: Double

        /// Describes a step.
        package init(
            name: String, residentBytes: Int, wrongPages: Int = 0, wallSeconds: Double = 0, cpuSeconds: Double = 0
        ) {
            self.name = name
            self.residentBytes = residentBytes
            self.wrongPages = wrongPages
            self.wallSeconds = wallSeconds
            self.cpuSeconds = cpuSeconds
        }
    }

    /// The strategies used, by name.
    package var checksum = ""
    /// The index of both trees, by name.
    package var tree = ""

    /// Copies of the content.
    package var copies = 0
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
    /// The same after the demo wrote to some pages.
    package var duplicatePagesAfterWrites = 0
    /// Pages that the demo wrote to.
    package var writtenPages = 0

    /// The merger's counter `pages_shared` after the first merge.
    package var pagesShared = 0
    /// The merger's counter `pages_sharing` after the first merge.
    package var pagesSharing = 0
    /// The merger's counter `ksm_zero_pages` after the first merge.
    package var zeroPagesGivenBack = 0

    /// Memory before anything was merged; the step that filled it.
    package var filled = Step(name: "filled", residentBytes: 0)
    /// After merging until nothing was left to merge.
    package var merged = Step(name: "merged", residentBytes: 0)
    /// After every byte was read again.
    package var reread = Step(name: "read again", residentBytes: 0)
    /// After writes to some pages.
    package var written = Step(name: "written", residentBytes: 0)
    /// After merging again.
    package var mergedAgain = Step(name: "merged again", residentBytes: 0)
    /// After merging was undone; pages of zeros have no memory until they are written.
    package var unmerged = Step(name: "unmerged", residentBytes: 0)
    /// Time and CPU of the whole demo, verification included.
    package var total = Step(name: "in all", residentBytes: 0)

    /// Takes zeros.
    package init() {}
}

extension DemoReport {
    /// The least share of the duplicate bytes that must be given back, in percent.
    package static let requiredPercent = 90.0

    /// The steps in their order.
    package var steps: [Step] { [filled, merged, reread, written, mergedAgain, unmerged] }

    /// Whether every page had the right content after every step.
    package var isContentVerified: Bool { steps.allSatisfy { $0.wrongPages == 0 } }

    /// Memory given back after a step, by the kernel's accounts.
    package func savedBytes(after step: Step) -> Int { filled.residentBytes - step.residentBytes }

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
            let percent = percent(after: step, ofDuplicatePages: duplicates)
            if percent < DemoReport.requiredPercent {
                failures.append(
                    "only \(Numbers.fixed(percent, decimals: 1)) % of the duplicate bytes were given back after the step "
                        + "'\(step.name)', less than \(Numbers.fixed(DemoReport.requiredPercent, decimals: 0)) %")
            }
        }
        return failures
    }
}
