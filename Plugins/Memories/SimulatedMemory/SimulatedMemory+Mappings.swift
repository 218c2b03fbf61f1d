public import PageMemory

/// Mappings, and what programs say of them: `mmap`, `munmap`, `mremap`, `madvise`.
extension SimulatedMemory {
    /// Maps pages, all absent; the address space comes to life with its first mapping.
    ///
    /// - Parameter node: The NUMA node of the memory, less than ``nodeCount``.
    /// - Throws: ``SimulatedFault/exists`` if some of them are mapped already, ``SimulatedFault/invalid`` for no pages,
    ///   ``SimulatedFault/noMemory``.
    public func map(
        _ space: AddressSpaceID, pages: Range<UInt64>, kind: SimulatedMapping = .anonymous, node: UInt8 = 0
    ) throws(SimulatedFault) {
        precondition(node < nodeCount, "there is no node \(node)")
        guard !pages.isEmpty else { throw .invalid }
        guard spaces[space]?.mappings.parts(of: pages).isEmpty ?? true else { throw .exists }
        guard allocate() else { throw .noMemory }
        insert(
            Mapping(
                pages: pages, kind: kind, node: node, backing: kind == .anonymous ? nil : SharedPages(),
                origin: pages.lowerBound), into: space)
    }

    /// Takes pages away; gaps do not matter. Areas stay until they were observed to be empty. O(pages that exist)
    public func unmap(_ space: AddressSpaceID, _ pages: Range<UInt64>) {
        drop(pages, of: space)
        spaces[space]?.mappings.remove(pages)
    }

    /// Moves pages, in the place of whatever is mapped there. Merged pages get memory of their own first.
    ///
    /// - Throws: ``SimulatedFault/invalid`` for no pages or places that overlap, ``SimulatedFault/badAddress`` if some
    ///   are not mapped, ``SimulatedFault/noMemory``; nothing has moved then.
    public func remap(_ space: AddressSpaceID, from pages: Range<UInt64>, to first: UInt64) throws(SimulatedFault) {
        guard !pages.isEmpty, first <= UInt64.max - UInt64(pages.count) else { throw .invalid }
        let target = first..<first + UInt64(pages.count)
        guard !target.overlaps(pages) else { throw .invalid }
        guard let old = spaces[space]?.mappings, old.cover(pages) else { throw .badAddress }
        guard breakMerges(of: pages, in: space), allocate() else { throw .noMemory }
        unmap(space, target)
        let distance = first &- pages.lowerBound
        for var part in old.parts(of: pages) {
            part.pages = part.pages.lowerBound &+ distance..<part.pages.upperBound &+ distance
            part.origin &+= distance
            spaces[space]!.mappings.insert(part)
        }
        for (page, holding) in spaces[space]!.table.pages(in: pages) {
            let (from, to) = (PagePlace(space: space, page: page), PagePlace(space: space, page: page &+ distance))
            let pinned = pins[from]
            set(to, to: holding, changed: true)
            set(from, to: .absent, changed: false)
            pins[to] = pinned
        }
        spaces[space]!.mappings.remove(pages)
        coverMergeable(of: space, in: target)
    }

    /// Tells the kernel something about pages, as `madvise` does.
    ///
    /// Pages that are not anonymous are never mergeable: such advice does nothing and succeeds. Where pages are not
    /// mapped, the rest is worked on, and the answer is ``SimulatedFault/noMemory``. No pages: success.
    ///
    /// - Throws: ``SimulatedFault/tryAgain`` when there is no memory, to register the process or to un-share merged
    ///   pages; ``SimulatedFault/invalid`` when the pages of a device are to be discarded. What came before is done.
    public func advise(
        _ space: AddressSpaceID, _ pages: Range<UInt64>, _ advice: SimulatedAdvice
    ) throws(SimulatedFault) {
        guard !pages.isEmpty else { return }
        let mappings = spaces[space]?.mappings ?? Mappings()
        for part in mappings.parts(of: pages) { try advise(space, part, advice) }
        if !mappings.cover(pages) { throw .noMemory }
    }

    /// The same for pages from one up to another.
    ///
    /// - Throws: As for a range, and ``SimulatedFault/invalid`` if the end lies before the first page.
    public func advise(
        _ space: AddressSpaceID, from first: UInt64, to end: UInt64, _ advice: SimulatedAdvice
    ) throws(SimulatedFault) {
        guard first <= end else { throw .invalid }
        try advise(space, first..<end, advice)
    }

    private func advise(
        _ space: AddressSpaceID, _ part: Mapping, _ advice: SimulatedAdvice
    ) throws(SimulatedFault) {
        switch advice {
        case .mergeable:
            guard part.kind == .anonymous, !part.isMergeable else { return }
            let isRegistered = areas.values.contains { $0.space == space }
            guard isRegistered || allocate() else { throw .tryAgain }
            spaces[space]!.mappings.setMergeable(true, in: part.pages)
            coverMergeable(of: space, in: part.pages)
        case .unmergeable:
            guard part.isMergeable else { return }
            guard breakMerges(of: part.pages, in: space) else { throw .tryAgain }
            spaces[space]!.mappings.setMergeable(false, in: part.pages)
        case .dontNeed:
            if part.kind == .special { throw .invalid }
            // What others share stays.
            if part.kind == .anonymous { drop(part.pages, of: space) }
        }
    }

    /// Gives merged pages, also those of zeros, memory of their own; false when there was none for one of them.
    private func breakMerges(of pages: Range<UInt64>, in space: AddressSpaceID) -> Bool {
        for (page, holding) in spaces[space]?.table.pages(in: pages) ?? [] {
            let bytes: PageBytes
            switch holding {
            case .absent, .own, .forked: continue
            case .zeros: bytes = .zeros
            case .shared(let frame): bytes = frames.records[frame]!.bytes
            }
            guard allocate() else { return false }
            set(PagePlace(space: space, page: page), to: .own(bytes), changed: true)
        }
        return true
    }

    func insert(_ mapping: Mapping, into space: AddressSpaceID) {
        nextSpace = max(nextSpace, space.rawValue + 1)
        spaces[space, default: AddressSpace()].mappings.insert(mapping)
    }

    /// Lets pages hold nothing.
    func drop(_ pages: Range<UInt64>, of space: AddressSpaceID) {
        for (page, _) in spaces[space]?.table.pages(in: pages) ?? [] {
            set(PagePlace(space: space, page: page), to: .absent, changed: false)
        }
    }
}
