import ControlSocket
import Testing
import samepage

/// What `samepage status` shows, compared as a whole.
struct StatusReportTests {
    private func report() throws -> StatusReport { StatusReport(try ControlStatus(of: FakeControl())) }

    @Test func text() throws {
        let expected = """
            Daemon on /run/samepage.sock: scanning, up 1 h 2 min, 2 merge domains.
            xxh3-128, stable hash-table, unstable red-black, policy fixed, memory daemon, front ends control, terminal
            Rewritten pages: trap
            Nothing merges: a limitation of two lines

              Memory                                  pages        size
              mergeable                             786,688     3.0 GiB
              frames (pages_shared)                      10    40.0 KiB
              pages saved by them (pages_sharing)        90   360.0 KiB
              stored by the daemon                             40.0 KiB
              gained (general_profit)                         376.3 KiB

              Program        pid   user   mergeable     sharing      zeros   orphaned     gained   not merged
              \u{301} \\ ?        100      0     3.0 GiB           0          0          0          0            0
              redis server   200   1000     1.0 MiB   360.0 KiB   20.0 KiB    8.0 KiB   -4.0 KiB     12.0 KiB

              Marked and not merged, because   programs      size
              locked in memory                        1   8.0 KiB
              huge pages, device                      1   4.0 KiB

              Attribute                  value
              run                            1
              row_length                    64
              pages_shared                  10
              pages_sharing                 90
              general_profit            385280
              odd              two lines\\ ?[1m

            """
        let text = try report().text("/run/samepage.sock")
        #expect(lines(text) == lines(expected))
    }

    /// The lines, without that of the program whose name is no text to speak of.
    private func lines(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            .filter { !$0.contains("3.0 GiB           0") }
    }

    @Test func json() throws {
        let expected = """
            {
              "clients" : [
                {
                  "command" : "\u{301} \\\\\\n\\u0007",
                  "domain" : "",
                  "mergeable_bytes" : 3221225472,
                  "not_merged" : {

                  },
                  "orphaned_pages" : 0,
                  "pages_sharing" : 0,
                  "pid" : 100,
                  "profit_bytes" : 0,
                  "rmap_items" : 0,
                  "user" : 0,
                  "zero_pages" : 0
                },
                {
                  "command" : "redis server",
                  "domain" : "",
                  "mergeable_bytes" : 1048576,
                  "not_merged" : {
                    "huge pages, device" : 4096,
                    "locked in memory" : 8192
                  },
                  "orphaned_pages" : 2,
                  "pages_sharing" : 90,
                  "pid" : 200,
                  "profit_bytes" : -4096,
                  "rmap_items" : 120,
                  "user" : 1000,
                  "zero_pages" : 5
                }
              ],
              "comparisons" : 0,
              "cpu_seconds" : 1.5,
              "dialect" : "linux",
              "domains" : 2,
              "general_profit" : 385280,
              "limitation" : "a limitation\\nof two lines",
              "not_merged_busy" : 3,
              "not_merged_map_limit" : 4,
              "odd" : "two\\nlines\\\\ \\u001b[1m",
              "page_size" : 4096,
              "pages_checksummed" : 0,
              "pages_merged" : 0,
              "pages_planned" : 0,
              "pages_refused" : 0,
              "pages_shared" : 10,
              "pages_sharing" : 90,
              "rewritten_pages" : "trap",
              "rmap_items" : 120,
              "row_length" : 64,
              "run" : 1,
              "stored_bytes" : 40960,
              "strategies" : {
                "checksum" : "xxh3-128",
                "frontEnds" : [
                  "control",
                  "terminal"
                ],
                "memory" : "daemon",
                "policy" : "fixed",
                "stableTree" : "hash-table",
                "unstableTree" : "red-black"
              },
              "uptime_seconds" : 3725,
              "writes_waited" : 12
            }

            """
        #expect(try JSONOutput.text(of: report()) == expected)
    }

    @Test(arguments: [
        (0, "0"), (1, "1 B"), (-1, "-1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (-1536, "-1.5 KiB"),
        (1 << 20, "1.0 MiB"), ((1 << 30) - 1, "1,024.0 MiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5,120.0 GiB"),
    ])
    func sizes(bytes: Int, text: String) { #expect(Numbers.size(bytes) == text) }

    @Test(arguments: [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3725, "1 h 2 min"), (90000, "1 d 1 h")])
    func durations(seconds: Int, text: String) { #expect(Numbers.duration(seconds) == text) }
}
