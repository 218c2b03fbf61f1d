extension DemoReport {
    /// The report for people, with a newline at the end.
    package var text: String {
        """
        \(Numbers.count(processes.count)) processes with pages from \(Numbers.count(files)) files of this machine, \
        merged by a daemon (\(checksum), \(tree)).

        \(memoryTable)
        \(processTable)
        \(stepTable)
        \(conclusion)

        """
    }

    private var memoryTable: String {
        var table = TextTable()
        table.add("Memory", "pages", "MiB")
        for (name, pages) in [
            ("mergeable", pages), ("of it zeros", zeroPages), ("of it duplicates, zeros included", duplicatePages),
            ("frames (pages_shared)", pagesShared), ("pages saved by them (pages_sharing)", pagesSharing),
            ("zeros given back (ksm_zero_pages)", zeroPagesGivenBack),
            ("written by the processes", writtenPages),
        ] {
            table.add(name, Numbers.count(pages), Numbers.mebibytes(pages * pageSize))
        }
        return table.text
    }

    /// What the first merge gave, by process; frames and the daemon are nobody's own.
    private var processTable: String {
        var table = TextTable()
        table.add("Process", "mergeable MiB", "merged MiB", "saved MiB")
        for (number, process) in processes.enumerated() {
            table.add(
                String(process.pid), Numbers.mebibytes(process.mergeableBytes), Numbers.mebibytes(process.mergedBytes),
                Numbers.mebibytes(savedBytes(ofProcess: number)))
        }
        let (before, after) = (filled.resident, merged.resident)
        table.add("frames", "", "", Numbers.mebibytes(before.frames - after.frames))
        table.add("daemon", "", "", Numbers.mebibytes(before.daemon - after.daemon))
        table.add(
            "in all", Numbers.mebibytes(processes.reduce(0) { $0 + $1.mergeableBytes }),
            Numbers.mebibytes(processes.reduce(0) { $0 + $1.mergedBytes }),
            Numbers.mebibytes(savedBytes(after: merged)))
        return table.text
    }

    private var stepTable: String {
        var table = TextTable()
        table.add("Step", "resident MiB", "saved MiB", "of duplicates", "verified MiB", "seconds", "merging CPU s")
        for (step, duplicates) in [
            (filled, 0), (merged, duplicatePages), (reread, duplicatePages), (written, 0),
            (mergedAgain, duplicatePagesAfterWrites), (unmerged, 0),
        ] {
            let percent = percent(after: step, ofDuplicatePages: duplicates)
            table.add(
                step.name, Numbers.mebibytes(step.resident.bytes), Numbers.mebibytes(savedBytes(after: step)),
                duplicates == 0 ? "" : "\(Numbers.fixed(percent, decimals: 1)) %",
                step.wrongPages == 0
                    ? Numbers.mebibytes(pages * pageSize) : "WRONG: \(Numbers.count(step.wrongPages)) pages",
                Numbers.fixed(step.wallSeconds, decimals: 2), Numbers.fixed(step.cpuSeconds, decimals: 2))
        }
        return table.text
    }

    private var conclusion: String {
        let percent = percent(after: merged, ofDuplicatePages: duplicatePages)
        let verdict = isContentVerified ? "every byte was right after each step." : "CONTENT WAS WRONG."
        return """
            Merging gave back \(Numbers.mebibytes(savedBytes(after: merged))) of \
            \(Numbers.mebibytes(duplicatePages * pageSize)) MiB of duplicates \
            (\(Numbers.fixed(percent, decimals: 1)) %) with \
            \(Numbers.fixed(merged.cpuSeconds, decimals: 2)) s of CPU,
            and \(verdict)
            """
    }
}
