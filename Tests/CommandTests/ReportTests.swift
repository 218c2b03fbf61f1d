import Testing
import samepage

/// The demo's report, compared with texts as a whole.
struct ReportTests {
    static var sample: DemoReport {
        var report = DemoReport()
        (report.checksum, report.tree, report.files) = ("xxh3-128", "hash-table", 1234)
        report.processes = (0..<2).map { number in
            .init(pid: 4711 + number, mergeableBytes: 256 << 20, mergedBytes: (230 - number) << 20)
        }
        (report.pages, report.zeroPages, report.duplicatePages) = (131_072, 8192, 90_000)
        (report.duplicatePagesAfterWrites, report.writtenPages) = (89_000, 2048)
        (report.pagesShared, report.pagesSharing, report.zeroPagesGivenBack) = (28_000, 81_000, 8192)
        func step(_ name: String, _ pages: [Int], _ wall: Double, _ cpu: Double) -> DemoReport.Step {
            var step = DemoReport.Step(name: name)
            step.resident = .init(
                processes: [pages[0] * 4096, pages[1] * 4096], daemon: pages[2] * 4096, frames: pages[3] * 4096)
            (step.wallSeconds, step.cpuSeconds) = (wall, cpu)
            return step
        }
        report.filled = step("filled", [65_600, 65_400, 1_000, 0], 1.25, 0)
        report.merged = step("merged", [6_800, 7_000, 1_200, 28_000], 0.5, 0.25)
        report.reread = step("read again", [6_800, 7_001, 1_200, 28_000], 0.125, 0.0625)
        report.written = step("written", [8_800, 7_000, 1_200, 28_000], 0.004, 0.0049)
        report.mergedAgain = step("merged again", [7_800, 7_000, 1_200, 28_000], 0.25, 0.125)
        report.unmerged = step("unmerged", [65_600, 65_400, 1_256, 0], 0.5, 0.25)
        (report.total.wallSeconds, report.total.cpuSeconds) = (3.5, 1.75)
        return report
    }

    @Test func text() {
        let expected = """
            2 processes with pages from 1,234 files of this machine, merged by a daemon (xxh3-128, hash-table).

              Memory                                  pages     MiB
              mergeable                             131,072   512.0
              of it zeros                             8,192    32.0
              of it duplicates, zeros included       90,000   351.6
              frames (pages_shared)                  28,000   109.4
              pages saved by them (pages_sharing)    81,000   316.4
              zeros given back (ksm_zero_pages)       8,192    32.0
              written by the processes                2,048     8.0

              Process   mergeable MiB   merged MiB   saved MiB
              4711              256.0        230.0       229.7
              4712              256.0        229.0       228.1
              frames                                    -109.4
              daemon                                      -0.8
              in all            512.0        459.0       347.7

              Step           resident MiB   saved MiB   of duplicates   verified MiB   seconds   merging CPU s
              filled                515.6         0.0                          512.0      1.25            0.00
              merged                168.0       347.7          98.9 %          512.0      0.50            0.25
              read again            168.0       347.7          98.9 %          512.0      0.13            0.06
              written               175.8       339.8                          512.0      0.00            0.00
              merged again          171.9       343.8          98.9 %          512.0      0.25            0.13
              unmerged              516.6        -1.0                          512.0      0.50            0.25

            Merging gave back 347.7 of 351.6 MiB of duplicates (98.9 %) with 0.25 s of CPU,
            and every byte was right after each step.

            """
        #expect(ReportTests.sample.text == expected)
        #expect(ReportTests.sample.failures == [])
    }

    @Test func json() throws {
        let expected = """
            {
              "checksum" : "xxh3-128",
              "content_verified" : true,
              "cpu_seconds" : 0.25,
              "duplicate_after_writes_bytes" : 364544000,
              "duplicate_bytes" : 368640000,
              "files" : 1234,
              "frame_bytes" : 114688000,
              "given_back_percent" : 98.88888888888889,
              "ksm_zero_pages" : 8192,
              "mergeable_bytes" : 536870912,
              "page_size" : 4096,
              "pages_shared" : 28000,
              "pages_sharing" : 81000,
              "per_process" : [
                {
                  "mergeable_bytes" : 268435456,
                  "merged_bytes" : 241172480,
                  "pid" : 4711,
                  "saved_bytes" : 240844800
                },
                {
                  "mergeable_bytes" : 268435456,
                  "merged_bytes" : 240123904,
                  "pid" : 4712,
                  "saved_bytes" : 239206400
                }
              ],
              "processes" : 2,
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
        #expect(report.text.contains("WRONG: 3 pages"))
        #expect(report.text.contains("CONTENT WAS WRONG"))
        #expect(
            report.failures == [
                "content is wrong: 3 pages after the step 'written'; do not use this build or kernel"
            ])
    }

    @Test func pagesLeftMergedAreAFailure() {
        var report = ReportTests.sample
        report.pagesLeftMerged = 7
        #expect(report.failures == ["7 pages are still merged after the step 'unmerged'"])
    }

    @Test func tooLittleGivenBackIsAFailure() {
        var report = ReportTests.sample
        report.reread.resident.daemon += report.savedBytes(after: report.reread) - 79_000 * 4096
        #expect(
            report.failures == [
                "only 87.8 % of the duplicate bytes were given back after the step 'read again', less than 90 %"
            ])
    }
}
