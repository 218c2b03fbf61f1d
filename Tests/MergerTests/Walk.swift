import Merger
import PageMemory
import SimulatedMemory

/// One sequence of operations on a merger, watched by a plain model: what every page must read.
final class Walk {
    let rig: Rig
    /// What the program wrote last to the pages that exist, by slot and page. Pages of unregistered areas keep it.
    var model: [[Int: [UInt8]]] = Array(repeating: [:], count: Operation.slots)
    /// The area in a slot, while the memory knows it.
    var areas: [AreaID?] = Array(repeating: nil, count: Operation.slots)
    /// Areas that the merger is still to be told to be gone, or that wait to be unmerged.
    var leaving: [(slot: Int, area: AreaID)] = []
    private var nextArea: UInt32 = 1
    private var pending: MergerRequest?
    private var races: [(countdown: Int, change: Operation.RacingChange, slot: Int, page: Int)] = []
    private var undo: (slot: Int, page: Int, bytes: [UInt8])?
    private var refusals = 0
    /// As many as `minimum_sharers` has asked for may share a frame, whatever `max_page_sharing` is.
    private(set) var mostSharers: Int
    /// The first thing that went wrong.
    private(set) var failure: String?

    init(_ variant: Variant) {
        mostSharers = Int(variant.minimumSharers)
        rig = Rig(variant)
        rig.memory.interference = { [unowned self] _, moment in
            rig.clock += rig.clockStep
            rig.witness.note(moment)
            race()
        }
    }

    /// Runs operations up to the first failure, then empties everything and looks for what is left.
    static func failure(of operations: [Operation], _ variant: Variant, clockStep: UInt64 = 0) -> String? {
        let walk = Walk(variant)
        walk.rig.clockStep = clockStep
        for (number, operation) in operations.enumerated() {
            walk.perform(operation)
            walk.verifyContents()
            if let failure = walk.failure { return "operation \(number), \(operation): \(failure)" }
        }
        walk.finish()
        return walk.failure.map { "at the end: \($0)" }
    }

    func fail(_ message: String) {
        if failure == nil { failure = message }
    }

    func address(_ slot: Int, _ page: Int) -> PageAddress? {
        areas[slot].map { PageAddress(area: $0, index: UInt32(page)) }
    }

    func bytes(_ content: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(content), count: rig.memory.pageSize)
    }

    func perform(_ operation: Operation) {
        switch operation {
        case .write(let slot, let page, let content): write(bytes(content), slot, page)
        case .writeLast(let slot, let page, let byte): writeLast(byte, slot, page)
        case .rewrite(let slot, let page): if let bytes = model[slot][page] { write(bytes, slot, page) }
        case .discard(let slot, let page): discard(slot, page)
        case .add(let slot): add(slot)
        case .remove(let slot, let manner): remove(slot, manner)
        case .run(let run):
            do { try rig.set("run", to: String(run)) } catch { fail("\(error)") }
        case .scan(let passes):
            answer()
            rig.scan(UInt64(passes))
        case .step(let count):
            for _ in 0..<count {
                answer()
                rig.advance()
            }
        case .fetch:
            answer()
            pending = rig.next()
        case .race(let countdown, let change, let slot, let page): races.append((countdown, change, slot, page))
        case .refuse(let every, let answer): refuse(every, answer)
        case .narrow(let age, let sharers): narrow(age, sharers)
        case .quiesce: quiesce()
        }
        tellDepartures()
    }

    private func answer() {
        if let request = pending { rig.answer(request) }
        pending = nil
    }

    // MARK: The program

    func write(_ bytes: [UInt8], _ slot: Int, _ page: Int) {
        guard let address = address(slot, page) else { return }
        rig.memory.write(bytes, to: address)
        rig.witness.wrote(address)
        model[slot][page] = bytes
    }

    private func writeLast(_ byte: UInt8, _ slot: Int, _ page: Int) {
        guard address(slot, page) != nil else { return }
        var bytes = model[slot][page] ?? bytes(0)
        bytes[bytes.count - 1] = byte
        write(bytes, slot, page)
    }

    private func discard(_ slot: Int, _ page: Int) {
        guard let address = address(slot, page) else { return }
        rig.memory.discard(address)
        model[slot][page] = nil
    }

    private func unmap(_ slot: Int) {
        guard let area = areas[slot] else { return }
        rig.memory.unmap(area)
        areas[slot] = nil
        model[slot] = [:]
        leaving.append((slot, area))
    }

    /// Other settings, when nothing is under way that was begun under the old ones.
    private func narrow(_ age: UInt32, _ sharers: UInt8) {
        answer()
        rig.settle()
        do {
            try rig.set("minimum_age_millisecs", to: String(age))
            try rig.set("minimum_sharers", to: String(sharers))
        } catch {
            fail("\(error)")
        }
        rig.witness.require(age: age, sharers: sharers)
        mostSharers = max(mostSharers, Int(sharers))
    }

    private func race() {
        if let old = undo {
            undo = nil
            if old.bytes.isEmpty { discard(old.slot, old.page) } else { write(old.bytes, old.slot, old.page) }
        }
        for index in races.indices.reversed() {
            races[index].countdown -= 1
            guard races[index].countdown < 0 else { continue }
            let (_, change, slot, page) = races.remove(at: index)
            switch change {
            case .write(let content): write(bytes(content), slot, page)
            case .writeLast(let byte): writeLast(byte, slot, page)
            case .blink:
                // Something else for a moment, then what was there.
                undo = (slot, page, model[slot][page] ?? [])
                write(bytes(7), slot, page)
            case .discard: discard(slot, page)
            case .unmap: unmap(slot)
            }
        }
    }

    // MARK: Areas

    private func add(_ slot: Int) {
        // The merger must have let go of what was there; its areas may not overlap.
        guard areas[slot] == nil, !leaving.contains(where: { $0.slot == slot }) else { return }
        let area = Area(
            id: AreaID(rawValue: nextArea), space: AddressSpaceID(rawValue: UInt32(slot / 2)),
            firstPage: UInt64(slot) * 1000 + 30, pageCount: UInt32(Operation.pageCount(ofSlot: slot)))
        nextArea += 1
        rig.memory.register(area)
        areas[slot] = area.id
        do { try rig.merger.add(area) } catch { fail("\(error)") }
    }

    private func remove(_ slot: Int, _ manner: Operation.Leaving) {
        guard let area = areas[slot], !leaving.contains(where: { $0.slot == slot }) else { return }
        switch manner {
        case .unmap: unmap(slot)
        case .unregister:
            rig.memory.unregister(area)
            areas[slot] = nil
            leaving.append((slot, area))
        case .unmerge:
            rig.merger.remove(area, unmerging: true)
            leaving.append((slot, area))
        }
    }

    /// Tells the merger of areas that are gone, and the memory of those that were unmerged.
    private func tellDepartures() {
        for (slot, area) in leaving where areas[slot] != area { rig.merger.remove(area) }
        if rig.takeUnmergeFailures() > 0 {
            // Areas that could not be unmerged stay, until they are asked to go again.
            for (_, area) in leaving { rig.merger.remove(area, unmerging: true) }
        }
        leaving.removeAll { slot, area in
            guard !rig.contains(area) else { return false }
            if areas[slot] == area {
                rig.memory.unmap(area)
                areas[slot] = nil
                model[slot] = [:]
            }
            return true
        }
    }

    private func refuse(_ every: Int, _ answer: SiteOutcome) {
        guard every > 0 else {
            rig.memory.refusal = nil
            return
        }
        rig.memory.refusal = { [unowned self] _, _ in
            refusals += 1
            return refusals % every == 0 ? answer : nil
        }
    }
}

extension Walk {
    /// Lets everything come to rest, and holds all figures against the truth.
    private func quiesce() {
        answer()
        race()
        races = []
        rig.memory.refusal = nil
        perform(.run(1))
        rig.settle()
        tellDepartures()
        rig.scan(9)
        if rig.witness.age > 0 {
            rig.clock += UInt64(rig.witness.age) + 100
            rig.scan(9)
        }
        verifyFigures()
    }

    /// Takes all areas out: no frame may be left.
    private func finish() {
        answer()
        races = []
        rig.memory.refusal = nil
        for slot in areas.indices { unmap(slot) }
        tellDepartures()
        rig.settle()
        let census = rig.memory.census()
        if census.frames > 0 { fail("\(census.frames) frames are leaked") }
        if rig.counters.items != 0 || rig.counters.pagesShared != 0 { fail("figures are left: \(rig.counters)") }
        verifyContents()
    }
}
