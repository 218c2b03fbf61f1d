internal import CLinuxMemory

/// What one call of ``Tracker/scan(_:pageCount:into:capacity:)`` found.
@frozen
public struct TrackerScan: Equatable, Sendable {
    /// Runs filled in.
    public var runs: Int
    /// Pages covered from the start of the range; fewer than asked for only when the buffer is full or on an error.
    public var pagesDone: Int
    /// System calls made.
    public var systemCalls: UInt32
    /// The error that ended the scan (positive), or 0.
    public var error: Int32
}

/// Neighbouring pages in the same state, as PAGEMAP_SCAN reports them; laid out as the kernel does.
@frozen
public struct TrackedRun: Equatable, Sendable {
    /// The address of the first page.
    public var start: UInt64
    /// The address after the last page.
    public var end: UInt64
    /// The kernel's categories.
    public var categories: UInt64

    /// A run; all zeros makes room for one.
    @inlinable
    public init(start: UInt64, end: UInt64, categories: UInt64) {
        self.start = start
        self.end = end
        self.categories = categories
    }

    /// The page has a page table entry with memory behind it.
    public var isPresent: Bool { categories & LM_PAGE_PRESENT != 0 }
    /// The page belongs to a file: in a merged run, a page that still is its frame.
    public var isFile: Bool { categories & LM_PAGE_FILE != 0 }
    /// The page is the kernel's page of zeros.
    public var isKernelZero: Bool { categories & LM_PAGE_PFNZERO != 0 }
    /// The page is swapped out.
    public var isSwapped: Bool { categories & LM_PAGE_SWAPPED != 0 }
    /// The page is part of a huge page.
    public var isHuge: Bool { categories & LM_PAGE_HUGE != 0 }
    /// The page was written, or discarded, since the last scan.
    public var isWritten: Bool { categories & LM_PAGE_WRITTEN != 0 }
}

/// Opens a userfaultfd context with the rights of the process, or on a device that was handed over.
func openUserfault(_ device: Int32) -> lm_uffd {
    device < 0 ? lm_uffd_open() : lm_uffd(descriptor: lm_uffd_open_at(device), full: 1)
}

/// Tells which pages were written since it last looked, by asynchronous write protection: no one ever waits for it.
///
/// Works without privilege. The descriptors belong to the descriptor table of the thread that opens the tracker.
public struct Tracker: ~Copyable {
    /// Bytes in a page.
    public let pageSize: Int
    /// The userfaultfd context with asynchronous write protection.
    public let context: Int32
    /// /proc/self/pagemap, of the thread that opened the tracker.
    public let pagemap: Int32

    /// What the context needs: private mappings of segments are shmem to the kernel.
    static var contextFeatures: UInt64 {
        LM_UFFD_FEATURE_PAGEFAULT_FLAG_WP | LM_UFFD_FEATURE_WP_SHMEM | LM_UFFD_FEATURE_WP_UNPOPULATED
            | LM_UFFD_FEATURE_WP_ASYNC
    }

    /// Opens a tracker for the memory of this process.
    ///
    /// - Parameter device: An open /dev/userfaultfd that was handed over, for a process that may not open it; below 0: none.
    public init(pageSize: Int = 4096, device: Int32 = -1) throws(RemapError) {
        let opened = openUserfault(device)
        guard opened.descriptor >= 0 else { throw RemapError(call: .openUserfault, code: -opened.descriptor) }
        let answer = lm_uffd_api(opened.descriptor, Self.contextFeatures)
        guard answer.error == 0 else {
            _ = lm_close(opened.descriptor)
            throw RemapError(call: .userfaultFeatures, code: -answer.error)
        }
        let map = lm_open_pagemap()
        guard map >= 0 else {
            _ = lm_close(opened.descriptor)
            throw RemapError(call: .openPagemap, code: -map)
        }
        self.pageSize = pageSize
        self.context = opened.descriptor
        self.pagemap = map
    }

    deinit {
        _ = lm_close(context)
        _ = lm_close(pagemap)
    }

    /// Begins to track a range of private memory: at first all of its pages count as written.
    ///
    /// Fails with EBUSY when the program uses userfaultfd on the range itself, with EINVAL on memory of a kind that
    /// cannot be tracked, with ENOMEM when there are no map entries.
    public func track(_ base: UnsafeMutableRawPointer, pageCount: Int) throws(RemapError) {
        let result = lm_uffd_register(context, UInt(bitPattern: base), pageCount * pageSize, LM_UFFD_MODE_WP)
        guard result == 0 else { throw RemapError(call: .register, code: -result) }
    }

    /// Ends the tracking of a range.
    public func untrack(_ base: UnsafeMutableRawPointer, pageCount: Int) throws(RemapError) {
        let result = lm_uffd_unregister(context, UInt(bitPattern: base), pageCount * pageSize)
        guard result == 0 else { throw RemapError(call: .unregister, code: -result) }
    }

    /// Whether the kernel lets another context take out none of the pages that are tracked (Linux 6.17). Without that
    /// whoever serves writes must not act beside the thread that merges: it could end the protection of an open window.
    ///
    /// - Parameters:
    ///   - other: A userfaultfd context.
    ///   - page: The address of a private page that nothing happens to at the moment, for a trial.
    public func keepsPages(from other: Int32, at page: UInt) -> Bool {
        guard lm_uffd_register(context, page, pageSize, LM_UFFD_MODE_WP) == 0 else { return false }
        let isRefused = lm_uffd_unregister(other, page, pageSize) != 0
        _ = lm_uffd_unregister(context, page, pageSize)
        return isRefused
    }

    /// Reports the pages written since the last scan, and arms them again in the same step.
    ///
    /// - A page of anonymous memory that is reported may have new content.
    /// - Pages that hold nothing, discarded or never touched, are not reported: to arm them would cost page tables.
    /// - A page of a merged run that is not ``TrackedRun/isFile`` has been rewritten. One that is, was only read, or
    ///   just merged.
    /// - Pages that are swapped out are not reported until they are present again.
    /// - The first scan after a merge or an unmerge reports every page of the window.
    ///
    /// - Parameters:
    ///   - base: The first page.
    ///   - pageCount: Pages to look at; parts that are not tracked are passed over.
    ///   - runs: Room for runs, filled in ascending order.
    ///   - capacity: Runs that fit. When they are used up, go on at ``TrackerScan/pagesDone``.
    public func scan(
        _ base: UnsafeMutableRawPointer, pageCount: Int, into runs: UnsafeMutablePointer<TrackedRun>, capacity: Int
    ) -> TrackerScan {
        unsafe walk(base, pageCount, into: runs, capacity, flags: LM_SCAN_WP_MATCHING)
    }

    /// Reports the pages written since they were armed, as ``scan(_:pageCount:into:capacity:)`` does, and leaves them
    /// as they are: they are reported again.
    public func list(
        _ base: UnsafeMutableRawPointer, pageCount: Int, into runs: UnsafeMutablePointer<TrackedRun>, capacity: Int
    ) -> TrackerScan {
        unsafe walk(base, pageCount, into: runs, capacity, flags: 0)
    }

    /// Reports the pages written since they were armed, and arms them again in the same step: as
    /// ``scan(_:pageCount:into:capacity:)``, for pages of which many are known to be written.
    public func armWritten(
        _ base: UnsafeMutableRawPointer, pageCount: Int, into runs: UnsafeMutablePointer<TrackedRun>, capacity: Int
    ) -> TrackerScan {
        let start = UInt64(UInt(bitPattern: base))
        var answer = TrackerScan(runs: 0, pagesDone: 0, systemCalls: 0, error: 0)
        let done = unsafe take(
            start, start + UInt64(pageCount * pageSize), into: runs, capacity: capacity, flags: LM_SCAN_WP_MATCHING,
            &answer)
        answer.pagesDone = Int(done - start) / pageSize
        return answer
    }

    private func walk(
        _ base: UnsafeMutableRawPointer, _ pageCount: Int, into runs: UnsafeMutablePointer<TrackedRun>,
        _ capacity: Int, flags: UInt64
    ) -> TrackerScan {
        let start = UInt64(UInt(bitPattern: base))
        let end = start + UInt64(pageCount * pageSize)
        var answer = TrackerScan(runs: 0, pagesDone: 0, systemCalls: 0, error: 0)
        var next = start
        while next < end, answer.runs < capacity, answer.error == 0 {
            let written = findWritten(next, end, &answer)
            guard answer.error == 0 else { break }
            let done = unsafe take(
                written.start, written.end, into: runs, capacity: capacity, flags: flags, &answer)
            // Where the buffer ran full, the rest is found again.
            next = done < written.end ? done : written.next
        }
        answer.pagesDone = Int(next - start) / pageSize
        return answer
    }

    /// The next part of a range in which pages were written, holes included, and where to look for the one after it.
    ///
    /// Asking for nothing but "written" lets the kernel answer from the page table alone, without a look at
    /// the pages: 1 to 2 ns a page, where naming their categories costs 40.
    private func findWritten(
        _ from: UInt64, _ end: UInt64, _ answer: inout TrackerScan
    ) -> (start: UInt64, end: UInt64, next: UInt64) {
        var region = lm_page_region()
        var argument = lm_scan()
        argument.start = from
        argument.end = end
        argument.region_capacity = 1
        argument.category_mask = LM_PAGE_WRITTEN
        argument.return_mask = LM_PAGE_WRITTEN
        while true {
            // SAFETY: there is room for the one region.
            let found = unsafe withUnsafeMutablePointer(to: &region) { room in
                argument.regions = UInt64(UInt(bitPattern: room))
                return unsafe lm_pagemap_scan(pagemap, &argument)
            }
            answer.systemCalls += 1
            if found == -Int(LM_EINTR) { continue }
            if found < 0 { answer.error = Int32(-found) }
            guard found > 0 else { return (end, end, end) }
            // At least 64 pages, so that single written pages do not cost two calls each.
            let last = min(end, max(region.end, region.start + UInt64(64 * pageSize)))
            return (region.start, last, last)
        }
    }

    /// Runs that the kernel collects before it hands them over. Asked for more, it may say that it ended where the last of
    /// several such steps began (Linux 6.18), and what that step found would be listed twice.
    private static var runsAtOnce: Int { 512 }

    /// Reports the pages of a part that were written, and arms them if the flags say so. Returns where it ended.
    private func take(
        _ start: UInt64, _ end: UInt64, into runs: UnsafeMutablePointer<TrackedRun>, capacity: Int, flags: UInt64,
        _ answer: inout TrackerScan
    ) -> UInt64 {
        var argument = lm_scan()
        argument.flags = flags
        argument.start = start
        argument.end = end
        // Only what is present is armed: the marker of an armed hole costs a page table entry.
        argument.category_mask = LM_PAGE_WRITTEN | LM_PAGE_WPALLOWED | LM_PAGE_PRESENT
        argument.return_mask =
            LM_PAGE_PRESENT | LM_PAGE_FILE | LM_PAGE_PFNZERO | LM_PAGE_SWAPPED | LM_PAGE_WRITTEN | LM_PAGE_HUGE
        while argument.start < argument.end, answer.runs < capacity {
            argument.regions = unsafe UInt64(UInt(bitPattern: runs + answer.runs))
            argument.region_capacity = UInt64(min(capacity - answer.runs, Self.runsAtOnce))
            // SAFETY: `runs` has room for `capacity` runs, of which `runs` are used.
            let found = unsafe lm_pagemap_scan(pagemap, &argument)
            answer.systemCalls += 1
            if found < 0 {
                if found == -Int(LM_EINTR) { continue }
                answer.error = Int32(-found)
                break
            }
            answer.runs += found
            guard argument.walk_end > argument.start else { break }
            argument.start = argument.walk_end
        }
        return argument.start
    }
}
