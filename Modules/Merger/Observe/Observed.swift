public import PageMemory
import PageTree

extension Merger {
    /// The answer to ``MergerRequest/observe(_:pages:)``: which pages of the window changed or vanished.
    public mutating func observed(_ runs: [ObservedRun]) {
        precondition(stage == .observing, "no observation was asked for")
        stage = .resting
        for run in runs {
            let end = min(run.start + run.count, window.end)
            var index = run.start
            while index < end {
                let chunkEnd = min((index >> 6 + 1) << 6, end)
                switch run.state {
                case .changed: markChanged(index..<chunkEnd)
                case .inherited: markChanged(index..<chunkEnd, isInherited: true)
                case .hot: markHot(index..<chunkEnd)
                case .absent: markAbsent(index..<chunkEnd, keepingZeroed: true)
                case .discarded: markAbsent(index..<chunkEnd, keepingZeroed: false)
                case .zeroed: markZeroed(index..<chunkEnd)
                }
                index = chunkEnd
            }
        }
    }

    /// The answer when the memory does not know the area (any more): the rest of it is left out of this scan.
    public mutating func observationFailed() {
        precondition(stage == .observing, "no observation was asked for")
        stage = .resting
        if let area = spaces.areas[Int(window.slot)]?.area { window.end = area.pageCount }
        window.next = window.end
        spaces.moveCursor(toPage: window.end)
    }

    /// Pages of one chunk that may have changed.
    private mutating func markChanged(_ pages: Range<UInt32>, isInherited: Bool = false) {
        guard let chunk = makeChunk(at: pages.lowerBound >> 6) else { return }
        for index in pages {
            let page = chunk << 6 | index & 63
            let link = table.link(page)
            var marks: FreshMarks = isInherited ? [.isReported, .isInherited] : .isReported
            switch link.state {
            case .absent, .zeroed, .planned:
                break
            case .fresh:
                marks.formUnion(FreshMarks(rawValue: link.payload).subtracting([.isInherited, .isHot, .busyLevel]))
            case .settled, .refused:
                marks.insert(.hasDigest)
            case .unstable:
                marks.insert(.hasDigest)
                if keepsChangedPages {
                    marks.insert(.inTree)
                } else {
                    leaveUnstableTree(page, link)
                }
            case .stable:
                leaveNode(link.payload)
                // Its digest is that of the node. KSM's first version kept something else in its place.
                if configuration.dialect == .linux { marks.insert(.hasDigest) }
            }
            table.setLink(PageLink(.fresh, marks.rawValue), of: page)
            table.setPending(true, of: page)
        }
    }

    /// Pages of one chunk that are written often: they are in no tree, and cost nothing until they are reported as changed.
    private mutating func markHot(_ pages: Range<UInt32>) {
        guard let chunk = makeChunk(at: pages.lowerBound >> 6) else { return }
        for index in pages {
            let page = chunk << 6 | index & 63
            forget(page)
            table.setLink(PageLink(.fresh, FreshMarks.isHot.rawValue), of: page)
            table.setPending(false, of: page)
        }
    }

    /// Pages of one chunk that were given back, which is not known here.
    private mutating func markZeroed(_ pages: Range<UInt32>) {
        guard let chunk = makeChunk(at: pages.lowerBound >> 6) else { return }
        for index in pages {
            forget(chunk << 6 | index & 63)
            table.setLink(PageLink(.zeroed), of: chunk << 6 | index & 63)
        }
    }

    /// The chunk at a place of the area in the window; a new one where no page was seen yet. `nil` when page numbers are
    /// used up.
    private mutating func makeChunk(at place: UInt32) -> UInt32? {
        let known = spaces.areas[Int(window.slot)]!.chunks[Int(place)]
        guard known == PageTable.noChunk else { return known }
        guard let chunk = table.allocateChunk(owner: window.slot, place: place) else { return nil }
        spaces.setChunk(chunk, slot: window.slot, place: place)
        return chunk
    }

    /// Pages of one chunk that hold nothing.
    private mutating func markAbsent(_ pages: Range<UInt32>, keepingZeroed: Bool) {
        let chunk = spaces.areas[Int(window.slot)]!.chunks[Int(pages.lowerBound >> 6)]
        guard chunk != PageTable.noChunk else { return }
        for index in pages { forget(chunk << 6 | index & 63, keepingZeroed: keepingZeroed) }
    }

    /// Takes a page out of whatever it is in; it is absent afterwards.
    ///
    /// - Parameter keepingZeroed: Whether a page of zeros that was given back stays so: that is what it looks like.
    mutating func forget(_ page: UInt32, keepingZeroed: Bool = false) {
        let link = table.link(page)
        switch link.state {
        case .absent, .settled, .refused, .planned: break
        case .zeroed: if keepingZeroed { return }
        case .fresh:
            if FreshMarks(rawValue: link.payload).contains(.inTree) {
                removeFromUnstableTree(page)
            }
        case .unstable: leaveUnstableTree(page, link)
        case .stable: leaveNode(link.payload)
        }
        table.setLink(.absent, of: page)
    }

    /// Takes a page out of the unstable tree, if the tree it was put in is the one in use.
    mutating func leaveUnstableTree(_ page: UInt32, _ link: PageLink) {
        guard keepsUnstableTree || link.payload == scanNumber else { return }
        switch waiting.leave(page, of: space(of: page)) {
        case .member:
            return
        case .alone:
            break
        case .leader(let members):
            // One of them takes its place when they are looked at again.
            for member in members { table.setLink(PageLink(.settled), of: member) }
        }
        removeFromUnstableTree(page)
    }

    /// Takes one site off a stable node; the last one dissolves it.
    mutating func leaveNode(_ node: UInt32) {
        if nodes.leave(node) { wakeLeftovers(of: node) }
        if nodes[node].sites == 0 { dissolve(node) }
    }

    /// Takes a stable node out of the tree and releases its frames.
    mutating func dissolve(_ node: UInt32) {
        if nodes[node].founder == nil {
            tally.frames -= nodes[node].frameCount
            freeRows.append(nodes[node].row)
            freeRows.append(contentsOf: nodes[node].olderRows)
        }
        nodes.removeEmpty(node, from: &stableTrees[Int(nodes[node].tree)])
    }
}
