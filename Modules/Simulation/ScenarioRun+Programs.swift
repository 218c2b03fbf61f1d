import PageMemory
import SimulatedMemory

// The programs' side.
extension ScenarioRun {
    /// Does what a program does, and says so in a few words.
    mutating func act(_ step: Scenario.Step) throws(ScenarioFailure) -> String {
        let line = step.line
        switch step.action {
        case .map(let place, let count, let kind, let node, let isMergeable):
            guard node < scenario.nodes else { throw ScenarioFailure(line: line, message: "there is no node \(node)") }
            try map(place, count, kind, node, isMergeable, line)
            return "map \(place)"
        case .unmap(let place):
            let (space, pages) = try locate(place, line)
            machine.memory.unmap(space, pages)
            return "unmap \(place)"
        case .advise(let place, let advice):
            let (space, pages) = try locate(place, line)
            try asking(line) { memory throws(SimulatedFault) in try memory.advise(space, pages, advice) }
            return "\(advice) \(place)"
        case .fill(let place, let content):
            let (space, pages) = try locate(place, line)
            try asking(line) { memory throws(SimulatedFault) in try memory.fill(space, pages, with: content) }
            return "fill \(place)"
        case .write(let place, let bytes, let offset):
            let (space, pages) = try locate(place, line)
            let start = offset < 0 ? scenario.pageSize + offset : offset
            guard start >= 0, start + bytes.count <= scenario.pageSize else {
                throw ScenarioFailure(line: line, message: "what is written does not lie in a page")
            }
            for page in pages {
                try asking(line) { memory throws(SimulatedFault) in
                    try memory.store(bytes, at: start, to: page, of: space)
                }
            }
            return "write \(place)"
        case .fork(let parent, let child):
            guard programs[child] == nil else {
                throw ScenarioFailure(line: line, message: "there is a program '\(child)' already")
            }
            var program = try program(parent, line)
            program.space = try asking(line) { memory throws(SimulatedFault) in try memory.fork(program.space) }
            nextSpace = max(nextSpace, program.space.rawValue + 1)
            programs[child] = program
            return "fork \(parent)"
        case .exit(let name):
            machine.memory.exit(try program(name, line).space)
            programs[name] = nil
            return "exit \(name)"
        case .pin(let place, let isPinned):
            let (space, pages) = try locate(place, line)
            for page in pages {
                if isPinned {
                    try asking(line) { memory throws(SimulatedFault) in try memory.pin(page, of: space) }
                } else {
                    machine.memory.unpin(page, of: space)
                }
            }
            return "\(isPinned ? "pin" : "unpin") \(place)"
        case .set, .scan, .scanUntil, .wake, .expect, .expectProgram, .shortage:
            preconditionFailure("not what a program does")
        }
    }

    func program(_ name: String, _ line: Int) throws(ScenarioFailure) -> Program {
        guard let program = programs[name] else {
            throw ScenarioFailure(line: line, message: "there is no program '\(name)'")
        }
        return program
    }

    private mutating func map(
        _ place: Scenario.Place, _ count: UInt64, _ kind: SimulatedMapping, _ node: UInt8, _ isMergeable: Bool,
        _ line: Int
    ) throws(ScenarioFailure) {
        var program = programs[place.program]
        if program == nil {
            program = Program(space: AddressSpaceID(rawValue: nextSpace))
            nextSpace += 1
        }
        guard let space = program?.space, let first = program?.nextPage else { return }
        guard program?.areas[place.area] == nil else {
            throw ScenarioFailure(line: line, message: "\(place.program) has an area '\(place.area)' already")
        }
        guard count > 0, count < 1 << 40, first < 1 << 40 else {
            throw ScenarioFailure(line: line, message: "an area has 1 to \(UInt64(1) << 40 - 1) pages")
        }
        let pages = first..<first + count
        try asking(line) { memory throws(SimulatedFault) in
            try memory.map(space, pages: pages, kind: kind, node: node)
            if isMergeable { try memory.advise(space, pages, .mergeable) }
        }
        program?.areas[place.area] = pages
        program?.nextPage = pages.upperBound + 16
        programs[place.program] = program
    }

    private func locate(
        _ place: Scenario.Place, _ line: Int
    ) throws(ScenarioFailure) -> (space: AddressSpaceID, pages: Range<UInt64>) {
        let program = try program(place.program, line)
        guard let area = program.areas[place.area] else {
            throw ScenarioFailure(line: line, message: "\(place.program) has no area '\(place.area)'")
        }
        guard let pages = place.pages else { return (program.space, area) }
        guard pages.upperBound <= UInt64(area.count) else {
            throw ScenarioFailure(line: line, message: "area \(place.program).\(place.area) has \(area.count) pages")
        }
        return (program.space, area.lowerBound + pages.lowerBound..<area.lowerBound + pages.upperBound)
    }

    @discardableResult
    private func asking<Answer>(
        _ line: Int, _ call: (SimulatedMemory) throws(SimulatedFault) -> Answer
    ) throws(ScenarioFailure) -> Answer {
        do throws(SimulatedFault) {
            return try call(machine.memory)
        } catch {
            throw ScenarioFailure(line: line, message: "the program is refused: \(error)")
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

extension SimulatedMemory {
    /// Writes whole pages.
    fileprivate func fill(
        _ space: AddressSpaceID, _ pages: Range<UInt64>, with content: Scenario.Content
    ) throws(SimulatedFault) {
        switch content {
        case .byte(let byte): try fill(space, pages, with: byte)
        case .text(let text):
            for page in pages {
                try fill(space, page..<page + 1, with: 0)
                try store(Array(text.utf8.prefix(pageSize)), to: page, of: space)
            }
        case .numbered(let first):
            for (number, page) in zip(first..., pages) {
                try fill(space, page..<page + 1, with: 0)
                let bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
                try store(bytes, to: page, of: space)
            }
        }
    }
}
