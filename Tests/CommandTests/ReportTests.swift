import Testing
import samepage

/// The demo's report, compared with texts as a whole.
struct ReportTests {
    static var sample: DemoReport {
        var report = DemoReport()
        (report.checksum, report.tree, report.copies, report.files) = ("xxh3-128", "hash-table", 4, 1234)
        (report.pages, report.zeroPages, report.duplicatePages) = (131_072, 8192, 90_000)
        (report.duplicatePagesAfterWrites, report.writtenPages) = (89_000, 2048)
        (report.pagesShared, report.pagesSharing, report.zeroPagesGivenBack) = (28_000, 81_000, 8192)
        func step(_ name: String, _ pages: Int, _ wall: Double, _ cpu: Double) -> DemoReport.Step {
            .init(name: name, residentBytes: pages * 4096, wallSeconds: wall, cpuSeconds: cpu)
        }
        report.filled = step("filled", 132_000, 1.25, 0.5)
        report.merged = step("merged", 43_000, 0.5, 0.25)
        report.reread = step("read again", 43_001, 0.125, 0.125)
        report.written = step("written", 45_000, 0.004, 0.0049)
        report.mergedAgain = step("merged again", 44_000, 0.25, 0.125)
        report.unmerged = step("unmerged", 132_256, 0.5, 0.25)
        (report.total.wallSeconds, report.total.cpuSeconds) = (3.5, 1.75)
        return report
    }

    @Test func text() {
        let expected = """
            4 copies of pages from 1,234 files of this machine, merged within one process (xxh3-128, hash-table).

              Memory                                  pages     MiB
              mergeable                             131,072   512.0
              of it zeros                             8,192    32.0
              of it duplicates, zeros included       90,000   351.6
              frames (pages_shared)                  28,000   109.4
              pages saved by them (pages_sharing)    81,000   316.4
              zeros given back (ksm_zero_pages)       8,192    32.0

              Step           resident MiB   given back MiB   of duplicates   every byte right   seconds   CPU s
              filled                515.6              0.0                                yes      1.25    0.50
              merged                168.0            347.7          98.9 %                yes      0.50    0.25
              read again            168.0            347.7          98.9 %                yes      0.13    0.13
              written               175.8            339.8                                yes      0.00    0.00
              merged again          171.9            343.8          98.9 %                yes      0.25    0.13
              unmerged              516.6             -1.0                                yes      0.50    0.25

            Merging gave back 347.7 of 351.6 MiB of duplicates (98.9 %) with 0.25 s of CPU.
            The demo wrote to 2,048 of the pages. Every byte was right after each step.

            """
        #expect(ReportTests.sample.text == expected)
        #expect(ReportTests.sample.failures == [])
    }

    @Test func json() throws {
        let expected = """
            {
              "checksum" : "xxh3-128",
              "content_verified" : true,
              "copies" : 4,
              "cpu_seconds" : 0.25,
              "duplicate_after_writes_bytes" : 364544000,
              "duplicate_bytes" : 368640000,
              "files" : 1234,
              "given_back_percent" : 98.88888888888889,
              "ksm_zero_pages" : 8192,
              "mergeable_bytes" : 536870912,
              "page_size" : 4096,
              "pages_shared" : 28000,
              "pages_sharing" : 81000,
              "processes" : 1,
              "resident_after_bytes" : 176128000,
              "resident_after_unmerge_bytes" : 541720576,
              "resident_before_bytes" : 540672000,
              "saved_after_merging_again_bytes" : 360448000,
              "saved_after_reread_bytes" : 364539904,
              "saved_bytes" : 364544000,
              "total_cpu_seconds" : 1.75,
              "total_wall_seconds" : 3.5,
              "tree" : "hash-table",
              "wall_seconds" : 0.5,
              "written_pages" : 2048,
              "zero_bytes" : 33554432
            }

            """
        #expect(try JSONOutput.text(of: ReportTests.sample) == expected)
    }

    @Test func wrongContentIsAFailure() throws {
        var report = ReportTests.sample
        report.written.wrongPages = 3
        #expect(!report.isContentVerified)
        #expect(try !DemoResult(json: JSONOutput.text(of: report)).contentVerified)
        #expect(report.text.contains("NO, 3 pages"))
        #expect(report.text.contains("CONTENT WAS WRONG"))
        #expect(
            report.failures == [
                "content is wrong: 3 pages after the step 'written'; do not use this build or kernel"
            ])
    }

    @Test func tooLittleGivenBackIsAFailure() {
        var report = ReportTests.sample
        report.reread.residentBytes = report.filled.residentBytes - 80_000 * 4096
        #expect(
            report.failures == [
                "only 88.9 % of the duplicate bytes were given back after the step 'read again', less than 90 %"
            ])
    }
}
