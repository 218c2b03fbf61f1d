public import PageMemory

/// Processes that come and go, and pages held for I/O.
extension SimulatedMemory {
    /// Makes a child with the same memory, copy-on-write. Mergeable pages are mergeable in it, merged ones stay merged in
    /// both, and pages of zeros that were given back are so in both. Pinned pages are copied.
    ///
    /// - Throws: ``SimulatedFault/noSuchSpace``, ``SimulatedFault/noMemory``; there is no child then.
    /// - Complexity: O(pages that exist)
    public func fork(_ parent: AddressSpaceID) throws(SimulatedFault) -> AddressSpaceID {
        guard let space = spaces[parent] else { throw .noSuchSpace }
        let pinned = pins.keys.count { $0.space == parent }
        guard allocate(1 + space.mappings.all.count + space.table.chunks.count + pinned) else { throw .noMemory }
        let child = AddressSpaceID(rawValue: nextSpace)
        nextSpace += 1
        var copy = AddressSpace()
        copy.mappings = space.mappings
        let pinnedPages = Set(pins.keys.filter { $0.space == parent }.map(\.page))
        var table = space.table
        spaces[parent]!.table = PageTable()
        table.edit(0..<UInt64.max) { chunk, number, _ in
            var new = PageChunk()
            for offset in 0..<64 {
                var holding = chunk.holdings[offset]
                switch holding {
                case .absent: continue
                case .zeros: break
                case .own(let bytes):
                    if pinnedPages.contains(number * 64 + UInt64(offset)) { break }
                    holding = .forked(forked.make(of: bytes))
                    chunk.holdings[offset] = holding
                case .forked(let page): forked.addMapper(to: page)
                case .shared(let frame):
                    frames.addMapper(to: frame)
                    new.inherited |= 1 << UInt64(offset)
                }
                new.holdings[offset] = holding
                if holding.exists { new.changed |= 1 << UInt64(offset) }
            }
            new.forkedFrames = new.inherited
            if !new.isEmpty { copy.table.add(new, number: number) }
        }
        spaces[parent]!.table = table
        spaces[child] = copy
        coverMergeable(of: child)
        return child
    }

    /// Ends a program: its areas and all its pages are gone. O(areas + pages that exist)
    public func exit(_ space: AddressSpaceID) {
        for area in registeredAreas where area.space == space { remove(area.id) }
        guard let ended = spaces.removeValue(forKey: space) else { return }
        for (_, holding) in ended.table.pages() { letGo(holding) }
        for place in pins.keys.filter({ $0.space == space }) { pins[place] = nil }
    }

    /// Holds a page for I/O: it gets memory of its own, and merging it is refused as busy until every pin is taken off.
    ///
    /// - Throws: ``SimulatedFault/badAddress`` if it is not an anonymous page, ``SimulatedFault/noMemory``.
    public func pin(_ page: UInt64, of space: AddressSpaceID) throws(SimulatedFault) {
        let place = PagePlace(space: space, page: page)
        guard mapping(at: place)?.kind == .anonymous else { throw .badAddress }
        try store([], to: page, of: space)
        pins[place, default: 0] += 1
    }

    /// Takes one pin off a page; nothing happens if it has none (any more: its page may have been dropped).
    public func unpin(_ page: UInt64, of space: AddressSpaceID) {
        let place = PagePlace(space: space, page: page)
        guard let count = pins[place] else { return }
        pins[place] = count > 1 ? count - 1 : nil
    }
}
