import Merger
import PageMemory
import SimulatedMemory

extension Walk {
    /// Every page reads what the program wrote last, and nobody broke a contract.
    func verifyContents() {
        for (slot, area) in areas.enumerated() {
            guard let area else { continue }
            for page in 0..<Operation.pageCount(ofSlot: slot) {
                let expected = model[slot][page] ?? bytes(0)
                let read = rig.memory.read(PageAddress(area: area, index: UInt32(page)))
                if read != expected {
                    fail("page \(page) of slot \(slot) reads \(read.prefix(4))..., not \(expected.prefix(4))...")
                }
            }
        }
        for violation in rig.memory.violations + rig.witness.violations { fail(violation) }
        for violation in rig.memory.bookkeepingViolations() { fail(violation) }
        let census = rig.memory.census()
        if census.frames < rig.counters.pagesShared {
            fail("\(rig.counters.pagesShared) frames are counted, of \(census.frames)")
        }
    }

    /// After some quiet scans: everything that can be shared is, and the counters say what a recount finds.
    func verifyFigures() {
        let census = rig.memory.census()
        let counters = rig.counters
        var pages: [[UInt8]: [PageAddress]] = [:]
        for (slot, contents) in model.enumerated() where areas[slot] != nil {
            for (page, bytes) in contents { pages[bytes, default: []].append(address(slot, page)!) }
        }
        var unshared = 0
        for (content, twins) in pages {
            let isZero = content == bytes(0)
            if isZero, rig.variant.usesZeroPages {
                if twins.contains(where: rig.memory.exists) { fail("a page of zeros is not given back") }
                continue
            }
            let frames = Set(twins.compactMap { rig.memory.frame(of: $0) })
            let merged = twins.count { rig.memory.frame(of: $0) != nil }
            if Set(twins.map { rig.witness.space(of: $0) }).count < Int(rig.witness.sharers) {
                // What others have left may stay merged.
                unshared += twins.count - merged
                continue
            }
            let limit = max(Int(rig.variant.maxPageSharing), Int(rig.witness.sharers))
            // One may stay alone while all frames are full. A row that is full was once shorter: it counts as one frame.
            if twins.count - merged == 1, merged > 0, merged % limit == 0 || rig.variant.rowLength > 1, merged >= limit,
                rig.variant.rowLength > 1 || merged == frames.count * limit
            {
                unshared += 1
                continue
            }
            // Of more programs than one, those that are left over may be too few to be shared.
            if merged >= limit, rig.witness.sharers > 1 {
                unshared += twins.count - merged
                continue
            }
            if twins.count > 1, merged < twins.count {
                fail("\(twins.count - merged) of \(twins.count) equal pages of \(content[0]) are not merged")
            }
            if twins.count > 1, rig.variant.rowLength == 1, limit > twins.count, limit > 100, frames.count != 1 {
                fail("\(twins.count) equal pages share \(frames.count) frames")
            }
            if twins.count == 1, merged == 0 { unshared += 1 }
        }
        verifyFrames()
        if !rig.witness.toUnshare.isEmpty { fail("\(rig.witness.toUnshare) are shared by too few") }
        let found = [
            "frames": census.frames, "sites": census.merged, "unshared": unshared, "volatile": 0,
            "items": census.merged + census.own + census.inherited,
        ]
        let counted = [
            "frames": counters.pagesShared,
            "sites": rig.variant.rowLength == 1 ? counters.pagesShared + counters.pagesSharing : census.merged,
            "unshared": counters.pagesUnshared - census.inherited, "volatile": counters.pagesVolatile,
            "items": counters.items,
        ]
        if found != counted { fail("a recount finds \(found), the merger says \(counted)") }
        if rig.variant.rowLength == 1, census.unmappedFrames > 0 { fail("a frame is kept that nobody maps") }
        // A page given back, written and discarded between two observations looks as if nothing had happened.
        if counters.zeroPages < census.zeroed {
            fail("\(census.zeroed) pages of zeros are given back, \(counters.zeroPages) are counted")
        }
    }

    /// No frame has more pages than it may, and the merger's books are right.
    private func verifyFrames() {
        var mappers: [Frame: Int] = [:]
        for (slot, contents) in model.enumerated() where areas[slot] != nil {
            for page in contents.keys {
                if let frame = rig.memory.frame(of: address(slot, page)!) { mappers[frame, default: 0] += 1 }
            }
        }
        let limit = max(Int(rig.variant.maxPageSharing), mostSharers)
        for (frame, count) in mappers where rig.variant.rowLength == 1 && rig.variant.dialect == .linux && count > limit
        {
            fail("\(count) pages share frame \(frame.rawValue), \(limit) at most")
        }
        let (interference, tally) = (rig.memory.interference, rig.memory.tally)
        rig.memory.interference = nil
        for violation in rig.merger.bookkeepingViolations(reading: rig.memory) { fail(violation) }
        (rig.memory.interference, rig.memory.tally) = (interference, tally)
    }
}
