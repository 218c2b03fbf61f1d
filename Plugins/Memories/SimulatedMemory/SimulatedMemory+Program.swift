public import PageMemory

/// The program's side: what the programs do whose memory this is.
extension SimulatedMemory {
    /// Registers an area of one's own choice: maps what is not mapped of it, and makes its anonymous pages mergeable. Pages
    /// that its address space already holds there are kept. O(areas + pages of the area)
    ///
    /// - Precondition: The number is not in use, and no registered area of the space overlaps it.
    public func register(_ area: Area) {
        precondition(areas[area.id] == nil, "area \(area.id.rawValue) is registered already")
        let pages = area.pages
        for other in areas.values where other.space == area.space {
            precondition(!pages.overlaps(other.pages), "area \(area.id.rawValue) overlaps area \(other.id.rawValue)")
        }
        nextArea = max(nextArea, area.id.rawValue + 1)
        areas[area.id] = area
        var first = pages.lowerBound
        for part in spaces[area.space]?.mappings.parts(of: pages) ?? [] {
            mapAnonymous(first..<part.pages.lowerBound, of: area.space)
            first = part.pages.upperBound
        }
        mapAnonymous(first..<pages.upperBound, of: area.space)
        spaces[area.space]?.mappings.setMergeable(true, in: pages)
        forgetObservations(of: area.id)
        for case (let page, .zeros) in spaces[area.space]?.table.pages(in: pages) ?? [] {
            set(PagePlace(space: area.space, page: page), to: .absent, changed: false)
        }
        spaces[area.space]?.table.edit(pages) { chunk, _, offsets in
            for offset in offsets {
                chunk.discarded &= ~(1 << offset)
                if case .shared = chunk.holdings[Int(offset)] { chunk.inherited |= 1 << offset }
            }
        }
    }

    private func mapAnonymous(_ pages: Range<UInt64>, of space: AddressSpaceID) {
        guard !pages.isEmpty else { return }
        insert(Mapping(pages: pages, kind: .anonymous, node: 0, backing: nil, origin: pages.lowerBound), into: space)
    }

    /// Forgets an area and leaves its pages as they are, merged ones merged, but mergeable no more. O(mappings)
    public func unregister(_ id: AreaID) {
        guard let area = areas.removeValue(forKey: id) else { return }
        emptyUntil[id] = nil
        spaces[area.space]?.mappings.setMergeable(false, in: area.pages)
    }

    /// Forgets an area and drops its pages, as `munmap` does; nothing happens if there is none. O(pages that exist)
    public func unmap(_ id: AreaID) {
        guard let area = areas.removeValue(forKey: id) else { return }
        emptyUntil[id] = nil
        unmap(area.space, area.pages)
        spaces[area.space]?.table.edit(area.pages) { chunk, _, offsets in chunk.forgetPast(offsets) }
    }

    /// Writes to a page of an address space; an absent page comes to life, a shared one gets memory of its own.
    ///
    /// - Parameters:
    ///   - bytes: What to write; none still takes the page.
    ///   - offset: Where in the page, in bytes.
    ///   - page: The number of the page.
    /// - Throws: ``SimulatedFault/notMapped``, ``SimulatedFault/noMemory``; nothing was written then.
    public func store(
        _ bytes: [UInt8], at offset: Int = 0, to page: UInt64, of space: AddressSpaceID
    ) throws(SimulatedFault) {
        let place = PagePlace(space: space, page: page)
        guard let mapping = mapping(at: place) else { throw .notMapped }
        if let backing = mapping.backing {
            let number = page &- mapping.origin
            guard backing.pages[number] != nil || allocate() else { throw .noMemory }
            backing.pages[number, default: .zeros].replace(at: offset, with: bytes, size: pageSize)
            return
        }
        var content = try ownBytes(at: place)
        content.replace(at: offset, with: bytes, size: pageSize)
        set(place, to: .own(content), changed: true)
    }

    /// Fills whole pages with one byte. O(count of pages)
    ///
    /// - Throws: ``SimulatedFault/notMapped``, ``SimulatedFault/noMemory``; the pages before that one are filled then.
    public func fill(_ space: AddressSpaceID, _ pages: Range<UInt64>, with byte: UInt8) throws(SimulatedFault) {
        let parts = spaces[space]?.mappings.parts(of: pages) ?? []
        let content = PageBytes(repeating: byte)
        var next = pages.lowerBound
        for part in parts where part.pages.lowerBound == next {
            for page in part.pages {
                if let backing = part.backing {
                    guard backing.pages[page &- part.origin] != nil || allocate() else { throw .noMemory }
                    backing.pages[page &- part.origin] = content
                } else {
                    let place = PagePlace(space: space, page: page)
                    _ = try ownBytes(at: place)
                    set(place, to: .own(content), changed: true)
                }
            }
            next = part.pages.upperBound
        }
        if next < pages.upperBound { throw .notMapped }
    }

    /// The bytes of a page that is to be written, after memory for it was found.
    private func ownBytes(at place: PagePlace) throws(SimulatedFault) -> PageBytes {
        let holding = holding(at: place)
        let needsPage =
            switch holding {
            case .own: false
            case .forked(let number): forked[number].mappers > 1
            case .absent, .zeros, .shared: true
            }
        guard !needsPage || allocate() else { throw .noMemory }
        return bytes(of: holding) ?? .zeros
    }

    /// The bytes of a page of an address space; zeros where it holds nothing. Reading changes nothing.
    ///
    /// - Throws: ``SimulatedFault/notMapped``
    public func load(_ page: UInt64, of space: AddressSpaceID) throws(SimulatedFault) -> [UInt8] {
        let place = PagePlace(space: space, page: page)
        guard let mapping = mapping(at: place) else { throw .notMapped }
        let bytes =
            if let backing = mapping.backing { backing.pages[page &- mapping.origin] } else {
                bytes(of: holding(at: place))
            }
        return (bytes ?? .zeros).bytes(size: pageSize)
    }

    /// Writes to a page of a registered area.
    ///
    /// - Precondition: The page is mapped, and there is memory for it; otherwise it traps, as a program would fault.
    public func write(_ bytes: [UInt8], at offset: Int = 0, to page: PageAddress) {
        let place = place(of: page)
        write(bytes, at: offset, to: place.page, of: place.space)
    }

    /// Writes to a page of an address space, registered or not; traps as above.
    public func write(_ bytes: [UInt8], at offset: Int = 0, to page: UInt64, of space: AddressSpaceID) {
        do { try store(bytes, at: offset, to: page, of: space) } catch {
            preconditionFailure("writing to page \(page) of space \(space.rawValue): \(error)")
        }
    }

    /// The bytes of a page of a registered area; zeros where it holds nothing.
    public func read(_ page: PageAddress) -> [UInt8] {
        let place = place(of: page)
        return read(place.page, of: place.space)
    }

    /// The bytes of a page of an address space, registered or not; traps where nothing is mapped.
    public func read(_ page: UInt64, of space: AddressSpaceID) -> [UInt8] {
        do { return try load(page, of: space) } catch {
            preconditionFailure("reading page \(page) of space \(space.rawValue): \(error)")
        }
    }

    /// Gives a page back: it reads as zeros from now on. A page that holds nothing, also one that a merge gave back, is as it
    /// was; ``advise(_:_:_:)`` takes the latter back as well.
    public func discard(_ page: PageAddress) {
        let place = place(of: page)
        if holding(at: place).exists { set(place, to: .absent, changed: true) }
    }

    private func place(of page: PageAddress) -> PagePlace {
        guard let place = place(inArea: page) else {
            preconditionFailure("page \(page.index) of area \(page.area.rawValue) is not mapped")
        }
        return place
    }
}
