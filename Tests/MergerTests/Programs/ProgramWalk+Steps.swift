import PageMemory
import SimulatedMemory

/// What programs do, in the memory and in the model.
extension ProgramWalk {
    /// - Returns: Whether it did something.
    func perform(_ step: ProgramStep) -> Bool {
        switch step {
        case .start(let slot, let node): return start(slot, node)
        case .fork(let slot, let child): return fork(slot, child)
        case .exit(let slot):
            guard let program = programs[slot] else { return false }
            memory.exit(program.id)
            programs[slot] = nil
            note("exit")
            return true
        case .map(let slot, let pages, let node): return map(slot, pages, node)
        case .unmap(let slot, let pages):
            guard let program = programs[slot], program.maps(any: pages) else { return false }
            memory.unmap(program.id, pages)
            for page in pages { programs[slot]!.pages[page] = nil }
            note("unmap")
            return true
        case .remap(let slot, let pages, let first): return remap(slot, pages, first)
        case .advise(let slot, let pages, let advice): return advise(slot, pages, advice)
        case .fill(let slot, let pages, let content):
            let bytes = [UInt8](repeating: content, count: variant.pageSize)
            // Not `contains`: all are written.
            return pages.filter { page in
                write(bytes, slot, page) { [memory] id throws(SimulatedFault) in
                    try memory.fill(id, page..<page + 1, with: content)
                }
            }.count > 0
        case .writeLast(let slot, let page, let byte):
            let offset = variant.pageSize - 1
            var bytes = content(slot, page)
            bytes[offset] = byte
            return write(bytes, slot, page) { [memory] id throws(SimulatedFault) in
                try memory.store([byte], at: offset, to: page, of: id)
            }
        case .rewrite(let slot, let page):
            let bytes = content(slot, page)
            return write(bytes, slot, page) { [memory] id throws(SimulatedFault) in
                try memory.store(bytes, to: page, of: id)
            }
        case .pin(let slot, let page):
            guard programs[slot] != nil else { return false }
            let bytes = content(slot, page)
            guard
                write(
                    bytes, slot, page, unmapped: .badAddress,
                    { [memory] id throws(SimulatedFault) in try memory.pin(page, of: id) })
            else { return false }
            programs[slot]!.pages[page]!.pins += 1
            note("pin")
            return true
        case .unpin(let slot, let page):
            guard let program = programs[slot], program.pages[page]?.pins ?? 0 > 0 else { return false }
            memory.unpin(page, of: program.id)
            programs[slot]!.pages[page]!.pins -= 1
            return true
        }
    }

    private func note(_ event: String) { evidence.note(isInScan ? event + " in a scan" : event) }

    private func content(_ slot: Int, _ page: UInt64) -> [UInt8] {
        programs[slot]?.pages[page]?.content ?? [UInt8](repeating: 0, count: variant.pageSize)
    }

    /// Asks the memory for something that may fail as expected, or for want of memory.
    ///
    /// - Returns: Whether it was done.
    private func attempt(_ expected: SimulatedFault?, _ body: () throws(SimulatedFault) -> Void) -> Bool {
        do throws(SimulatedFault) {
            try body()
            if let expected { fail("\(expected) was expected, and the call succeeds") }
            return true
        } catch {
            if error == expected { return false }
            if !isShort || error != .noMemory && error != .tryAgain { fail("\(error) is not expected") }
            evidence.note("fault for want of memory")
            return false
        }
    }

    private func write(
        _ bytes: [UInt8], _ slot: Int, _ page: UInt64, unmapped: SimulatedFault = .notMapped,
        _ body: (AddressSpaceID) throws(SimulatedFault) -> Void
    ) -> Bool {
        guard let program = programs[slot] else { return false }
        let expected = program.pages[page] == nil ? unmapped : nil
        guard attempt(expected, { () throws(SimulatedFault) in try body(program.id) }) else { return false }
        programs[slot]!.pages[page]?.content = bytes
        return expected == nil
    }

    private func start(_ slot: Int, _ node: UInt8) -> Bool {
        guard programs[slot] == nil else { return false }
        programs[slot] = ModelProgram(id: nextSpace())
        for pages in ProgramStep.firstMappings where map(slot, pages, node) { _ = advise(slot, pages, .mergeable) }
        if programs[slot]!.pages.isEmpty { programs[slot] = nil }
        return programs[slot] != nil
    }

    private func fork(_ slot: Int, _ childSlot: Int) -> Bool {
        guard let program = programs[slot], programs[childSlot] == nil else { return false }
        var id: AddressSpaceID?
        guard attempt(nil, { () throws(SimulatedFault) in id = try memory.fork(program.id) }), let id else {
            return false
        }
        note(id)
        programs[childSlot] = program.child(id)
        noteInherited(by: program.child(id))
        note("fork")
        return true
    }

    private func map(_ slot: Int, _ pages: Range<UInt64>, _ node: UInt8) -> Bool {
        guard let program = programs[slot] else { return false }
        let expected: SimulatedFault? = program.maps(any: pages) ? .exists : nil
        guard attempt(expected, { () throws(SimulatedFault) in try memory.map(program.id, pages: pages, node: node) })
        else { return false }
        for page in pages { programs[slot]!.pages[page] = ModelPage(node: node) }
        return true
    }

    private func remap(_ slot: Int, _ pages: Range<UInt64>, _ first: UInt64) -> Bool {
        guard let program = programs[slot] else { return false }
        let target = first..<first + UInt64(pages.count)
        let expected: SimulatedFault? =
            target.overlaps(pages) ? .invalid : program.maps(all: pages) ? nil : .badAddress
        guard attempt(expected, { () throws(SimulatedFault) in try memory.remap(program.id, from: pages, to: first) })
        else {
            return false
        }
        for page in pages { programs[slot]!.pages[page] = nil }
        for page in pages { programs[slot]!.pages[page - pages.lowerBound + first] = program.pages[page] }
        note("remap")
        return true
    }

    private func advise(_ slot: Int, _ pages: Range<UInt64>, _ advice: SimulatedAdvice) -> Bool {
        guard let program = programs[slot] else { return false }
        let expected: SimulatedFault? = program.maps(all: pages) ? nil : .noMemory
        let call = { [memory] () throws(SimulatedFault) in try memory.advise(program.id, pages, advice) }
        do throws(SimulatedFault) {
            try call()
            if expected != nil { fail("advice succeeds where nothing is mapped") }
        } catch {
            if error == .tryAgain, isShort {
                evidence.note("fault for want of memory")
                // What came before is done; with memory all of it is.
                memory.allocationsUntilFailure = nil
                _ = attempt(expected, call)
            } else if error != expected {
                fail("\(error) is not expected")
            }
        }
        for page in pages where program.pages[page] != nil {
            switch advice {
            case .mergeable: programs[slot]!.pages[page]!.isMergeable = true
            case .unmergeable: programs[slot]!.pages[page]!.isMergeable = false
            case .dontNeed:
                programs[slot]!.pages[page]!.content = nil
                programs[slot]!.pages[page]!.pins = 0
            }
        }
        return program.maps(any: pages)
    }
}
