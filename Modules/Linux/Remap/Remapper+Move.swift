internal import CLinuxMemory

extension Remapper {
    /// Calls of UFFDIO_MOVE that may say "again" for one page before it counts as busy.
    private static var patience: Int { 16 }

    /// Pages of the page map that are read after an error: a run may fail page by page.
    private static var repairLength: Int { 16 }

    /// Step 3: takes the equal pages of anonymous memory to the staging area.
    mutating func moveOut(_ batch: inout Batch) {
        var position = 0
        var opened = false
        while position < batch.count {
            guard batch.state(position) == .equal, batch.moves(position) else {
                position += 1
                continue
            }
            if !opened {
                // From here on nobody may see a hole.
                opened = true
                let modes = LM_UFFD_MODE_MISSING | LM_UFFD_MODE_WP
                if batch.report.count(lm_uffd_register(context, batch.base, batch.size, modes)) != 0 {
                    for other in position..<batch.count where batch.state(other) == .equal && batch.moves(other) {
                        batch.decide(other, .failed)
                    }
                    return
                }
            }
            let end = batch.endOfRun(from: position, state: .equal, moving: true)
            moveRun(&batch, position..<end)
            position = end
        }
    }

    /// Moves a run of neighbouring pages out of the window.
    private mutating func moveRun(_ batch: inout Batch, _ run: Range<Int>) {
        let places = batch.place(run.lowerBound)..<batch.place(run.upperBound - 1) + 1
        batch.usedStage =
            batch.usedStage.isEmpty
            ? places
            : min(batch.usedStage.lowerBound, places.lowerBound)..<max(batch.usedStage.upperBound, places.upperBound)
        var position = run.lowerBound
        var limit = run.count
        var tries = 0
        while position < run.upperBound {
            let count = min(limit, run.upperBound - position)
            let done = lm_uffd_move(
                context, batch.stageAddress(position), batch.address(position), count * pageSize)
            batch.report.moveCalls &+= 1
            batch.report.systemCalls &+= 1
            let moved = Int(done.bytes) / pageSize
            markMoved(&batch, position..<position + moved)
            position += moved
            if done.error == 0 {
                limit = run.count
                tries = 0
                continue
            }
            // Any error: believe the page map, not the kernel's count.
            let repaired = repair(&batch, position..<min(position + Self.repairLength, run.upperBound))
            position += repaired
            if moved + repaired > 0 {
                tries = 0
                continue
            }
            switch -done.error {
            case Int32(LM_EAGAIN) where tries < Self.patience:
                tries += 1
                continue
            case Int32(LM_EINVAL) where count > 1:
                // Perhaps a border of two mappings lies within.
                limit = count / 2
                continue
            case Int32(LM_EAGAIN), Int32(LM_EBUSY):
                batch.decide(position, .busy)
                windowsToLookAt = Self.windowsAfterBusy
            case Int32(LM_ENOENT): batch.decide(position, .gone)
            case Int32(LM_ENOMEM): batch.decide(position, .outOfMemory)
            default:
                batch.report.error = -done.error
                batch.decide(position, .failed)
            }
            position += 1
            tries = 0
            limit = run.count
        }
    }

    private func markMoved(_ batch: inout Batch, _ run: Range<Int>) {
        for position in run { batch.set(position, .moved) }
        batch.report.moved &+= UInt32(run.count)
    }

    /// The page map's answer after an error: pages from the start of the run that were moved after all.
    ///
    /// Moves go in ascending order, so nothing behind the first page that is still in its place was moved.
    private mutating func repair(_ batch: inout Batch, _ run: Range<Int>) -> Int {
        #if Mutants
            if mutants.contains(.noPagemapRule) { return 0 }
        #endif
        guard !run.isEmpty else { return 0 }
        var found = 0
        guard readBoth(&batch, run) else {
            returnUnseen(&batch, run)
            return 0
        }
        for position in run {
            guard hasMoved(batch, position, back: false) else { break }
            found += 1
        }
        markMoved(&batch, run.lowerBound..<run.lowerBound + found)
        batch.report.repairs &+= UInt32(found)
        return found
    }

    /// Where nobody can say which pages of a run have moved: those that did go back, each in a call of its own. For the
    /// others the call fails.
    private func returnUnseen(_ batch: inout Batch, _ run: Range<Int>) {
        for position in run {
            let done = lm_uffd_move(context, batch.address(position), batch.stageAddress(position), pageSize)
            batch.report.moveCalls &+= 1
            batch.report.systemCalls &+= 1
            if done.error == 0 { batch.report.movedBack &+= 1 }
        }
    }

    /// Reads the page map of a run, in the window and in the staging area; `false` if it cannot be read.
    private func readBoth(_ batch: inout Batch, _ run: Range<Int>) -> Bool {
        let place = batch.place(run.lowerBound)
        // SAFETY: the buffers have room for a window, and the run lies in it.
        return unsafe readMap(batch.address(run.lowerBound), run.count, into: scratch.windowMap + place, &batch.report)
            && readMap(batch.stageAddress(run.lowerBound), run.count, into: scratch.stageMap + place, &batch.report)
    }

    /// Whether a page is where a move would have taken it, and no longer where it was.
    private func hasMoved(_ batch: Batch, _ position: Int, back: Bool) -> Bool {
        let place = batch.place(position)
        // SAFETY: places are below the size of the window.
        let window = unsafe scratch.windowMap[place] & (LM_PAGEMAP_PRESENT | LM_PAGEMAP_SWAPPED) != 0
        let stage = unsafe scratch.stageMap[place] & (LM_PAGEMAP_PRESENT | LM_PAGEMAP_SWAPPED) != 0
        return back ? window && !stage : stage && !window
    }

    /// Puts staged pages that stand at `state` back into the window. Returns when all are back.
    mutating func moveBack(_ batch: inout Batch, from first: Int, standing state: PageState, outcome: RemapOutcome) {
        var position = first
        while position < batch.count {
            guard batch.state(position) == state, batch.moves(position) else {
                position += 1
                continue
            }
            let end = batch.endOfRun(from: position, state: state, moving: true)
            moveRunBack(&batch, position..<end)
            for page in position..<end { batch.decide(page, outcome) }
            position = end
        }
    }

    /// Moves a run back, and copies where a page cannot be moved: nobody else can have changed the staged bytes.
    private mutating func moveRunBack(_ batch: inout Batch, _ run: Range<Int>) {
        batch.report.movedBack &+= UInt32(run.count)
        var position = run.lowerBound
        var limit = run.count
        var tries = 0
        while position < run.upperBound {
            let count = min(limit, run.upperBound - position)
            let done = lm_uffd_move(
                context, batch.address(position), batch.stageAddress(position), count * pageSize)
            batch.report.moveCalls &+= 1
            batch.report.systemCalls &+= 1
            var moved = Int(done.bytes) / pageSize
            position += moved
            if done.error == 0 {
                limit = run.count
                tries = 0
                continue
            }
            if position < run.upperBound {
                let end = min(position + Self.repairLength, run.upperBound)
                // Where it cannot be read the copy below finds out.
                let isKnown = readBoth(&batch, position..<end)
                while isKnown, position < end, hasMoved(batch, position, back: true) {
                    position += 1
                    moved += 1
                    batch.report.repairs &+= 1
                }
            }
            if moved > 0 {
                tries = 0
                continue
            }
            if -done.error == Int32(LM_EAGAIN), tries < Self.patience {
                tries += 1
                continue
            }
            if -done.error == Int32(LM_EINVAL), count > 1 {
                limit = count / 2
                continue
            }
            copyBack(&batch, position)
            position += 1
            tries = 0
            limit = run.count
        }
    }

    /// Copies a staged page into its hole.
    private mutating func copyBack(_ batch: inout Batch, _ position: Int) {
        let address = batch.address(position)
        while true {
            let done = lm_uffd_copy(context, address, batch.stageAddress(position), pageSize)
            batch.report.systemCalls &+= 1
            switch -done.error {
            // Someone who rescues us filled the hole with the same bytes.
            case 0, Int32(LM_EEXIST): return
            case Int32(LM_EAGAIN), Int32(LM_ENOMEM), Int32(LM_EINTR): lm_yield()
            default:
                // No mapping there: a failed mmap may leave a gap. Never over anything else.
                let flags = LM_MAP_PRIVATE | LM_MAP_ANONYMOUS | LM_MAP_FIXED_NOREPLACE
                let mapped = lm_mmap(
                    address, pageSize, Int32(LM_PROT_READ | LM_PROT_WRITE), Int32(flags), -1, 0)
                batch.report.systemCalls &+= 1
                if mapped == -Int(LM_ENOMEM) {
                    lm_yield()
                    continue
                }
                let modes = LM_UFFD_MODE_MISSING | LM_UFFD_MODE_WP
                guard mapped == Int(bitPattern: address), lm_uffd_register(context, address, pageSize, modes) == 0
                else {
                    batch.report.error = -done.error
                    batch.report.lost &+= 1
                    return
                }
                advise(&batch.report, batch[position].advice, address, pageSize)
            }
        }
    }
}
