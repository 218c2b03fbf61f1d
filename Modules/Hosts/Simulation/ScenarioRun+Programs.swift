import PageMemory
import SimulatedMemory

/// A program of a scenario.
struct SimulatedProgram {
    var space: AddressSpaceID
    var areas: [String: Range<UInt64>] = [:]
    /// Where the next area begins: areas lie apart, so that each is one of its own.
    var nextPage: UInt64 = 16
    /// Pages mapped and pages written: what a child takes over, at most.
    var mapped: UInt64 = 0
    var touched: UInt64 = 0
}

// The programs' side.
extension ScenarioRun {
    /// Does what a program does, and notes it.
    mutating func act(_ step: Scenario.Step) throws(ScenarioFailure) {
        switch step.action {
        case .map(let place, let count, let kind, let node, let isMergeable):
            try map(place, count, kind, node, isMergeable, step)
        case .unmap(let place):
            let (space, pages) = try locate(place, step)
            machine.memory.unmap(space, pages)
            note("unmap \(place)", step)
        case .advise(let place, let advice):
            let (space, pages) = try locate(place, step)
            try ask("\(step.action.field) \(place)", step) { memory throws(SimulatedFault) in
                try memory.advise(space, pages, advice)
            }
        case .fill(let place, let content):
            let (space, pages) = try touch(place, step)
            try ask("fill \(place)", step) { memory throws(SimulatedFault) in
                try content.write(to: pages, of: space, in: memory)
            }
        case .write(let place, let bytes, let offset):
            let (space, pages) = try touch(place, step)
            let start = try start(of: bytes.count, at: offset, step)
            try ask("write \(place)", step) { memory throws(SimulatedFault) in
                for page in pages { try memory.store(bytes, at: start, to: page, of: space) }
            }
        case .fork(let parent, let child): try fork(parent, child, step)
        case .exit(let name):
            machine.memory.exit(try program(name, step).space)
            programs[name] = nil
            note("exit \(name)", step)
        case .pin(let place, true):
            let (space, pages) = try touch(place, step)
            try ask("pin \(place)", step) { memory throws(SimulatedFault) in
                for page in pages { try memory.pin(page, of: space) }
            }
        case .pin(let place, false):
            let (space, pages) = try touch(place, step)
            for page in pages { machine.memory.unpin(page, of: space) }
            note("unpin \(place)", step)
        case .read, .set, .scan, .scanUntil, .wake, .expect, .expectProgram, .shortage:
            preconditionFailure("not what a program does")
        }
    }

    /// Looks whether pages hold what they must.
    mutating func read(
        _ place: Scenario.Place, _ content: Scenario.Content, at offset: Int, _ step: Scenario.Step
    ) throws(ScenarioFailure) {
        let (space, pages) = try touch(place, step)
        var start = 0
        if case .text(let text) = content { start = try self.start(of: text.utf8.count, at: offset, step) }
        for (number, page) in pages.enumerated() {
            let wanted = content.bytes(ofPage: UInt64(number), size: scenario.pageSize)
            do throws(SimulatedFault) {
                let found = try machine.memory.load(page, of: space)[start..<start + wanted.count]
                if !found.elementsEqual(wanted) { return fail(step, "page \(number) of \(place) holds something else") }
            } catch {
                throw ScenarioFailure(step, "the program is refused: \(error)")
            }
        }
    }

    func program(_ name: String, _ step: Scenario.Step) throws(ScenarioFailure) -> SimulatedProgram {
        guard let program = programs[name] else { throw ScenarioFailure(step, "there is no program '\(name)'") }
        return program
    }

    private mutating func map(
        _ place: Scenario.Place, _ count: UInt64, _ kind: SimulatedMapping, _ node: UInt8, _ isMergeable: Bool,
        _ step: Scenario.Step
    ) throws(ScenarioFailure) {
        guard node < scenario.nodes else { throw ScenarioFailure(step, "there is no node \(node)") }
        guard count > 0 else { throw ScenarioFailure(step, "an area has at least one page") }
        try effort.map(count, step)
        let isNew = programs[place.program] == nil
        var program = programs[place.program] ?? SimulatedProgram(space: AddressSpaceID(rawValue: nextSpace))
        guard program.areas[place.area] == nil else {
            throw ScenarioFailure(step, "\(place.program) has an area '\(place.area)' already")
        }
        let space = program.space
        let pages = program.nextPage..<program.nextPage + count
        var isMapped = false
        try ask("map \(place)", step) { memory throws(SimulatedFault) in
            try memory.map(space, pages: pages, kind: kind, node: node)
            isMapped = true
            if isMergeable { try memory.advise(space, pages, .mergeable) }
        }
        guard isMapped else { return }
        if isNew { nextSpace += 1 }
        program.areas[place.area] = pages
        program.nextPage = pages.upperBound + 16
        program.mapped += count
        programs[place.program] = program
    }

    private mutating func fork(_ parent: String, _ child: String, _ step: Scenario.Step) throws(ScenarioFailure) {
        guard programs[child] == nil else { throw ScenarioFailure(step, "there is a program '\(child)' already") }
        var program = try program(parent, step)
        try effort.map(program.mapped, step)
        try effort.touch(min(program.touched, program.mapped), step)
        let space = try ask("fork \(parent)", step) { memory throws(SimulatedFault) in
            try memory.fork(program.space)
        }
        guard let space else { return }
        program.space = space
        nextSpace = max(nextSpace, space.rawValue + 1)
        programs[child] = program
    }

    private func locate(
        _ place: Scenario.Place, _ step: Scenario.Step
    ) throws(ScenarioFailure) -> (space: AddressSpaceID, pages: Range<UInt64>) {
        let program = try program(place.program, step)
        guard let area = program.areas[place.area] else {
            throw ScenarioFailure(step, "\(place.program) has no area '\(place.area)'")
        }
        guard let pages = place.pages else { return (program.space, area) }
        guard pages.upperBound <= UInt64(area.count) else {
            throw ScenarioFailure(step, "area \(place.program).\(place.area) has \(area.count) pages")
        }
        return (program.space, area.lowerBound + pages.lowerBound..<area.lowerBound + pages.upperBound)
    }

    /// The same for pages that are gone through one by one.
    private mutating func touch(
        _ place: Scenario.Place, _ step: Scenario.Step
    ) throws(ScenarioFailure) -> (space: AddressSpaceID, pages: Range<UInt64>) {
        let (space, pages) = try locate(place, step)
        try effort.touch(UInt64(pages.count), step)
        programs[place.program]?.touched += UInt64(pages.count)
        return (space, pages)
    }

    /// Where bytes begin in a page.
    private func start(of count: Int, at offset: Int, _ step: Scenario.Step) throws(ScenarioFailure) -> Int {
        let start = offset < 0 ? scenario.pageSize + offset : offset
        guard start >= 0, start + count <= scenario.pageSize else {
            throw ScenarioFailure(step, "\(count) bytes at \(offset) do not lie in a page of \(scenario.pageSize)")
        }
        return start
    }

    /// Asks the kernel for something; `nil` where it refuses that, as expected.
    @discardableResult
    private mutating func ask<Answer>(
        _ event: String, _ step: Scenario.Step, _ call: (SimulatedMemory) throws(SimulatedFault) -> Answer
    ) throws(ScenarioFailure) -> Answer? {
        do throws(SimulatedFault) {
            let answer = try call(machine.memory)
            note(event, step)
            if let error = step.error { fail(step, "this succeeds, and should give \(error)") }
            return answer
        } catch {
            note("\(event): \(error)", step)
            guard error.description == step.error else {
                throw ScenarioFailure(step, "the program is refused: \(error)")
            }
            return nil
        }
    }
}

extension Scenario.Place: CustomStringConvertible {
    /// `program.area`, and the pages if they are not all.
    public var description: String {
        let pages = pages.map { $0.count == 1 ? "[\($0.lowerBound)]" : "[\($0.lowerBound)-\($0.upperBound - 1)]" }
        return "\(program).\(area)\(pages ?? "")"
    }
}
