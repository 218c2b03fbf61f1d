extension DemoReport {
    /// The report for people, with a newline at the end.
    package var text: String {
        """
        \(copies) copies of pages from \(Numbers.count(files)) files of this machine, merged within one process \
        (\(checksum), \(tree)).

        \(memoryTable)
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
        ] {
            table.add(name, Numbers.count(pages), Numbers.mebibytes(pages * pageSize))
        }
        return table.text
    }

    private var stepTable: String {
        var table = TextTable()
        table.add("Step", "resident MiB", "given back MiB", "of duplicates", "every byte right", "seconds", "CPU s")
        for (step, duplicates) in [
            (filled, 0), (merged, duplicatePages), (reread, duplicatePages), (written, 0),
            (mergedAgain, duplicatePagesAfterWrites), (unmerged, 0),
        ] {
            let percent = percent(after: step, ofDuplicatePages: duplicates)
            table.add(
                step.name, Numbers.mebibytes(step.residentBytes), Numbers.mebibytes(savedBytes(after: step)),
                duplicates == 0 ? "" : "\(Numbers.fixed(percent, decimals: 1)) %",
                step.wrongPages == 0 ? "yes" : "NO, \(Numbers.count(step.wrongPages)) pages",
                Numbers.fixed(step.wallSeconds, decimals: 2), Numbers.fixed(step.cpuSeconds, decimals: 2))
        }
        return table.text
    }

    private var conclusion: String {
        let percent = percent(after: merged, ofDuplicatePages: duplicatePages)
        let verdict = isContentVerified ? "Every byte was right after each step." : "CONTENT WAS WRONG."
        return """
            Merging gave back \(Numbers.mebibytes(savedBytes(after: merged))) of \
            \(Numbers.mebibytes(duplicatePages * pageSize)) MiB of duplicates \
            (\(Numbers.fixed(percent, decimals: 1)) %) with \
            \(Numbers.fixed(merged.cpuSeconds, decimals: 2)) s of CPU.
            The demo wrote to \(Numbers.count(writtenPages)) of the pages. \(verdict)
            """
    }
}
