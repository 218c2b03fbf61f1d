import Merger
import PageMemory
import SimulatedMemory
import Simulation

/// What must hold after every operation.
extension ProgramWalk {
    /// Every page reads what its program wrote last, and all books are right.
    func verify() {
        for case let program? in programs {
            for (page, record) in program.pages { verify(record, page, of: program.id) }
        }
        verifySharing()
        for violation in machine.bookkeepingViolations() { fail(violation) }
        let frames = memory.census().frames
        if frames != machine.counters.pagesShared {
            fail("\(machine.counters.pagesShared) frames are counted, of \(frames)")
        }
    }

    private func verify(_ record: ModelPage, _ page: UInt64, of space: AddressSpaceID) {
        let read = try? memory.load(page, of: space)
        let holdsZeros = record.content?.allSatisfy { $0 == 0 } ?? true
        if record.content.map({ $0 != read }) ?? (read?.allSatisfy { $0 == 0 } != true) {
            fail("page \(page) of \(space) reads \(read?.suffix(2) ?? []), not \(record.content?.suffix(2) ?? [])")
        }
        let isRight =
            switch memory.state(of: page, in: space) {
            case .notPresent: record.content == nil && record.pins == 0
            case .zero: record.isMergeable && holdsZeros && record.content != nil && record.pins == 0
            case .merged: record.isMergeable && record.content != nil && record.pins == 0
            case .present: record.content != nil
            case .copyOnWrite, .writeProtected: record.content != nil && record.pins == 0
            }
        if !isRight { fail("page \(page) of \(space) is \(memory.state(of: page, in: space)), and \(record)") }
    }

    /// Pages of each frame.
    func mappers() -> [Frame: [(place: ModelPlace, record: ModelPage)]] {
        var mappers: [Frame: [(place: ModelPlace, record: ModelPage)]] = [:]
        for case let program? in programs {
            for (page, record) in program.pages {
                guard case .merged(let frame) = memory.state(of: page, in: program.id) else { continue }
                mappers[frame, default: []].append((ModelPlace(space: program.id, page: page), record))
            }
        }
        return mappers
    }

    /// No more pages than allowed share a frame, but where a fork made them more; and none of different nodes.
    private func verifySharing() {
        let mappers = mappers()
        if !mergesAcross {
            for (frame, pages) in mappers where Set(pages.map(\.record.node)).count > 1 {
                fail("frame \(frame.rawValue) has pages of several nodes")
            }
        }
        guard variant.rowLength == 1 else { return }
        let wasCounted = isAllCounted
        isAllCounted = programs.allSatisfy { program in program.map(isCounted) ?? true }
        inherited = inherited.filter { memory.state(of: $0.key.page, in: $0.key.space) == .merged($0.value) }
        for (frame, pages) in mappers where pages.count > limit {
            let joined = pages.count { inherited[$0.place] == nil }
            if joined > limit { fail("\(joined) pages have joined frame \(frame.rawValue), \(limit) at most") }
            // The merger knows of pages that a fork added once it has scanned the child.
            if wasCounted, isAllCounted, pages.count > excess[frame] ?? limit {
                fail("\(pages.count) pages share frame \(frame.rawValue), \(limit) at most")
            }
        }
        excess = mappers.mapValues(\.count).filter { $0.value > limit }
        evidence.note("frame beyond the limit", excess.count)
    }

    /// Whether the merger has counted all merged pages of a program.
    private func isCounted(_ program: ModelProgram) -> Bool {
        let merged = program.pages.keys.count { page in
            if case .merged = memory.state(of: page, in: program.id) { true } else { false }
        }
        return machine.figures(of: program.id).mergingPages == merged
    }

    /// A fork has given frames to the pages of a child.
    func noteInherited(by child: ModelProgram) {
        isAllCounted = false
        for page in child.pages.keys {
            guard case .merged(let frame) = memory.state(of: page, in: child.id) else { continue }
            inherited[ModelPlace(space: child.id, page: page)] = frame
        }
    }
}
