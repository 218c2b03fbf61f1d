/// What lies where in the demo's memory, page by page. All processes have the same layout.
///
/// Kinds come in runs of 8 pages: 2 of 32 runs are zeros, 2 of 32 differ in each process, the others are the same in all.
package struct DemoLayout: Hashable, Sendable {
    /// What a page holds at first.
    package enum Kind: Hashable, Sendable {
        /// Zeros.
        case zeros
        /// A page of a file, the same in each process.
        case common
        /// A page of a file with bytes that no other page of the demo has.
        case own
    }

    /// Pages of one process.
    package let pagesPerProcess: Int
    /// Processes, 1 or more.
    package let processes: Int

    /// Lays out processes with so many pages each.
    package init(pagesPerProcess: Int, processes: Int) {
        self.pagesPerProcess = pagesPerProcess
        self.processes = processes
    }

    /// All pages.
    package var pages: Int { pagesPerProcess * processes }

    /// What a page holds at first, in every process.
    package func kind(ofPage page: Int) -> Kind {
        switch page / 8 % 32 {
        case 7, 23: .zeros
        case 15, 31: .own
        default: .common
        }
    }

    /// Whether the demo writes to a page of a process: to pages of zeros and of files in the first process, and to some in the
    /// first and the second, which are then equal again.
    package func isWritten(page: Int, process: Int) -> Bool {
        switch page / 8 % 64 {
        case 3, 7: process == 0
        case 39: process < 2
        default: false
        }
    }

    /// The byte that a write to a page changes.
    package func writtenOffset(page: Int, pageSize: Int) -> Int { page * 61 % pageSize }

    /// Bytes for a page that no other page has, and where they go.
    package func mark(page: Int, process: Int, pageSize: Int) -> (offset: Int, value: UInt64) {
        let number = UInt64(process) << 40 | UInt64(page)
        return (page % (pageSize / 8) * 8, (number &+ 1) &* 0xD6E8_FEB8_6659_FD93)
    }
}
