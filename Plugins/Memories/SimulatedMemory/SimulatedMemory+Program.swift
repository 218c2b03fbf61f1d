public import PageMemory

/// The program's side: what the programs do whose memory this is.
extension SimulatedMemory {
    /// The registered areas, by number. O(areas)
    public var registeredAreas: [Area] { areas.values.sorted { $0.id < $1.id } }

    /// Registers an area. Pages that its address space already holds there are kept. O(areas + pages of the space)
    ///
    /// - Precondition: The number is not in use, and no registered area of the space overlaps it.
    public func register(_ area: Area) {
        precondition(areas[area.id] == nil, "area \(area.id.rawValue) is registered already")
        let pages = area.firstPage..<area.firstPage + UInt64(area.pageCount)
        for other in areas.values where other.space == area.space {
            let others = other.firstPage..<other.firstPage + UInt64(other.pageCount)
            precondition(!pages.overlaps(others), "area \(area.id.rawValue) overlaps area \(other.id.rawValue)")
        }
        areas[area.id] = area
        forgetObservations(of: area.id)
        for (page, holding) in spaces[area.space]?.pages ?? [] where pages.contains(page) {
            let place = PagePlace(space: area.space, page: page)
            switch holding {
            case .shared: inherited.insert(place)
            case .zeros: set(place, to: .absent, changed: false)
            case .absent, .own: break
            }
        }
    }

    /// Forgets an area and leaves its pages as they are, merged ones merged. O(1)
    public func unregister(_ id: AreaID) {
        areas[id] = nil
    }

    /// Forgets an area and drops its pages, as `munmap` does; nothing happens if there is none. O(pages that exist)
    public func unmap(_ id: AreaID) {
        guard let area = areas.removeValue(forKey: id) else { return }
        drop(area.firstPage..<area.firstPage + UInt64(area.pageCount), of: area.space)
    }

    /// Ends a program: its areas and all its pages are gone. O(areas + pages that exist)
    public func exit(_ space: AddressSpaceID) {
        for area in areas.values where area.space == space { areas[area.id] = nil }
        drop(0..<UInt64.max, of: space)
        spaces[space] = nil
    }

    /// Writes to a page of a registered area; an absent page comes to life, a merged one gets memory of its own.
    ///
    /// - Parameters:
    ///   - bytes: What to write.
    ///   - offset: Where in the page, in bytes.
    ///   - page: The page; traps when its area is not registered, as a program would fault.
    public func write(_ bytes: [UInt8], at offset: Int = 0, to page: PageAddress) {
        write(bytes, at: offset, to: place(of: page))
    }

    /// Writes to a page of an address space, registered or not.
    public func write(_ bytes: [UInt8], at offset: Int = 0, to page: UInt64, of space: AddressSpaceID) {
        write(bytes, at: offset, to: PagePlace(space: space, page: page))
    }

    /// The bytes of a page of a registered area; zeros where it holds nothing. Reading changes nothing.
    public func read(_ page: PageAddress) -> [UInt8] {
        read(at: place(of: page))
    }

    /// The bytes of a page of an address space, registered or not.
    public func read(_ page: UInt64, of space: AddressSpaceID) -> [UInt8] {
        read(at: PagePlace(space: space, page: page))
    }

    /// Gives a page back, as `madvise(MADV_DONTNEED)` does: it reads as zeros from now on. A page that holds nothing, also
    /// one that a merge gave back, is as it was.
    public func discard(_ page: PageAddress) {
        let place = place(of: page)
        if holding(at: place).exists { set(place, to: .absent, changed: true) }
    }

    private func write(_ bytes: [UInt8], at offset: Int, to place: PagePlace) {
        var content = self.bytes(of: holding(at: place)) ?? PageBytes(zeros: pageSize)
        content.replace(at: offset, with: bytes)
        set(place, to: .own(content), changed: true)
    }

    private func read(at place: PagePlace) -> [UInt8] {
        (bytes(of: holding(at: place)) ?? PageBytes(zeros: pageSize)).bytes
    }

    private func place(of page: PageAddress) -> PagePlace {
        guard let place = locate(page) else {
            preconditionFailure("page \(page.index) of area \(page.area.rawValue) is not mapped")
        }
        return place
    }

    private func drop(_ pages: Range<UInt64>, of space: AddressSpaceID) {
        for (page, _) in spaces[space]?.pages ?? [] where pages.contains(page) {
            set(PagePlace(space: space, page: page), to: .absent, changed: false)
        }
        spaces[space]?.edit(pages) { chunk, _, offsets in
            for offset in offsets { chunk.known &= ~(1 << offset) }
        }
    }
}
