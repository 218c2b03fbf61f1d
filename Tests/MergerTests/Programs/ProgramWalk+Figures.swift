import Merger
import PageMemory
import SimulatedMemory
import Simulation

/// What a content is merged by: its bytes, and where nodes are kept apart its node.
private struct ContentClass: Hashable {
    var bytes: [UInt8]
    var node: UInt8
}

/// Pages of one content: those on each frame, and the others.
private struct Twins {
    var frames: [Frame: Int] = [:]
    var others: [PageAddress] = []

    var merged: Int { frames.values.reduce(0, +) }
}

/// All figures, counted from what programs hold.
private struct Recount: Equatable, CustomStringConvertible {
    var shared = 0
    var sites = 0
    var unshared = 0
    var volatile = 0
    var items = 0
    var zeros = 0
    var chains = 0
    var duplicates = 0

    var description: String {
        "shared \(shared), sites \(sites), unshared \(unshared), volatile \(volatile), items \(items), zeros \(zeros), "
            + "chains \(chains), dups \(duplicates)"
    }
}

/// What must hold after some quiet scans.
extension ProgramWalk {
    /// Everything that can be shared is, and all counters say what a recount finds.
    func verifyFigures() {
        var classes: [ContentClass: Twins] = [:]
        var recount = Recount()
        for case let program? in programs {
            let figures = collect(program, into: &classes)
            recount.items += figures.rmapItems
            recount.zeros += figures.zeroPages
            recount.sites += figures.mergingPages
            let told = machine.figures(of: program.id)
            if told != figures { fail("\(program.id) has \(figures), the merger says \(told)") }
        }
        for (content, twins) in classes { judge(content, twins, &recount) }
        compare(&recount)
        let census = memory.census()
        if variant.rowLength == 1, census.unmappedFrames > 0 { fail("a frame is kept that nobody maps") }
        evidence.note("one physical page", census.copyOnWrite)
        evidence.note("given back", census.zeroed)
    }

    /// Sorts the pages of a program by content, and counts its figures.
    private func collect(_ program: ModelProgram, into classes: inout [ContentClass: Twins]) -> SpaceFigures {
        var figures = SpaceFigures()
        let areas = memory.registeredAreas.filter { $0.space == program.id }
        for (page, record) in program.pages.sorted(by: { $0.key < $1.key }) where record.isMergeable {
            guard let bytes = record.content else { continue }
            let content = ContentClass(bytes: bytes, node: mergesAcross ? 0 : record.node)
            let state = memory.state(of: page, in: program.id)
            guard state != .zero else {
                figures.zeroPages += 1
                continue
            }
            figures.rmapItems += 1
            if case .merged(let frame) = state, !memory.isOrphaned(frame) {
                figures.mergingPages += 1
                classes[content, default: Twins()].frames[frame, default: 0] += 1
            } else if let area = areas.first(where: { $0.firstPage <= page && page - $0.firstPage < $0.pageCount }) {
                let address = PageAddress(area: area.id, index: UInt32(page - area.firstPage))
                classes[content, default: Twins()].others.append(address)
            } else {
                fail("page \(page) of \(program.id) is mergeable, and in no area")
            }
        }
        figures.profit =
            (figures.mergingPages + figures.zeroPages) * variant.pageSize
            - figures.rmapItems * (Counters.bytesPerItem + (variant.smartScan ? 2 : 0) + (mergesAcross ? 0 : 1))
        return figures
    }

    /// Whether the pages of a content are shared as far as they can be.
    private func judge(_ content: ContentClass, _ twins: Twins, _ recount: inout Recount) {
        recount.shared += twins.frames.count
        if twins.frames.count > 1 {
            recount.chains += 1
            recount.duplicates += twins.frames.count
            if variant.dialect == .first, variant.rowLength == 1 { fail("\(twins.frames.count) frames of one content") }
        }
        guard let first = twins.others.first else { return }
        if givesZerosBack, content.bytes.allSatisfy({ $0 == 0 }) {
            fail("\(twins.others.count) pages of zeros are not given back")
        }
        let areOne = twins.others.allSatisfy { $0 == first || memory.isSamePhysicalPage(first, $0) }
        // A row that is full now was once shorter: what is left over then cannot be told.
        let hasRoom =
            variant.rowLength == 1
            ? twins.frames.values.contains { $0 < limit } : 0 < twins.merged && twins.merged < limit
        // Smart scan looks at old pages in every ninth scan only, each when it happens to: such twins may never meet.
        if !variant.smartScan, !areOne || hasRoom {
            fail("\(twins.others.count) pages of \(content.bytes.suffix(2)) are not merged, beside \(twins.frames)")
        }
        recount.unshared += 1
        recount.volatile += twins.others.count - 1
    }

    private func compare(_ recount: inout Recount) {
        let counters = machine.counters
        var told = Recount(
            shared: counters.pagesShared, sites: counters.pagesSaved + counters.pagesShared,
            unshared: counters.pagesUnshared, volatile: counters.pagesVolatile, items: counters.items,
            zeros: counters.zeroPages, chains: counters.stableNodeChains, duplicates: counters.stableNodeDuplicates)
        evidence.note("chain", told.chains)
        if variant.smartScan {
            // Pages that are passed over leave the unstable tree.
            (recount.volatile, recount.unshared) = (recount.volatile + recount.unshared, 0)
            (told.volatile, told.unshared) = (told.volatile + told.unshared, 0)
        }
        if variant.rowLength > 1 {
            // Frames of a row that no page maps at the moment count as well; a row is one node.
            recount.shared = memory.census().frames
            (recount.chains, recount.duplicates) = (told.chains, told.duplicates)
        }
        if recount != told { fail("a recount finds \(recount); the merger says \(told)") }
        let profit =
            (counters.pagesSaved + counters.zeroPages) * variant.pageSize - counters.items * Counters.bytesPerItem
        if counters.generalProfit(pageSize: variant.pageSize) != profit - counters.extraBytes {
            fail("profit is wrong")
        }
    }
}
