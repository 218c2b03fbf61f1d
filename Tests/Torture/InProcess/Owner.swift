import InProcess
import Synchronization

/// A thread that owns blocks: it stamps words, holds the stamps for a while, looks whether they are still there, takes them
/// back so that the pages equal their twins again, and now and then fills a block with other contents.
struct Owner {
    let scene: Scene
    let kind: Kind
    let transport: any Transport
    /// First pages of the blocks.
    let blocks: [Int]
    var random: Random
    private var latest: Int

    init(scene: Scene, kind: Kind, transport: any Transport, blocks: [Int], stream: Int) {
        self.scene = scene
        self.kind = kind
        self.transport = transport
        self.blocks = blocks
        random = Random(seed: scene.seed, stream)
        latest = blocks.first ?? 0
    }

    /// Works until the round ends.
    mutating func run(discarding: Bool) {
        var counts = Counts()
        var nextSweep = Raw.now
        while !scene.isStopping, !blocks.isEmpty {
            let scan = scene.scanTime.load(ordering: .relaxed)
            if Raw.now >= nextSweep {
                sweep(discarding: discarding, &counts)
                // Every extent once in about four scans: then it is about to merge when its next turn comes.
                let extents = max(1, blocks.count / Block.perExtent)
                nextSweep = Raw.now + UInt64(scan * 4 / extents * (50 + random.below(100)) / 100)
            }
            let stamps = stampSome()
            counts.stamps += stamps
            if random.once(in: 8) {
                verify(pickBlock())
                counts.checks += 1
            }
            // In each scan about every second page is written to.
            rest(stamps * scan * 2 / (blocks.count * Block.pages) * random.below(200) / 100)
        }
        transport.close()
        scene.findings.count("\(kind.rawValue): words stamped and restored", counts.stamps)
        scene.findings.count("\(kind.rawValue): blocks filled", counts.fills)
        scene.findings.count("\(kind.rawValue): blocks checked whole", counts.checks)
        scene.findings.count("\(kind.rawValue): blocks discarded", counts.discards)
    }

    private struct Counts {
        var stamps = 0
        var fills = 0
        var checks = 0
        var discards = 0
    }

    /// Does the same to neighbouring blocks, so that their pages become candidates together.
    private mutating func sweep(discarding: Bool, _ counts: inout Counts) {
        let start = random.below(max(1, blocks.count / Block.perExtent)) * Block.perExtent
        let extent = blocks[start..<min(blocks.count, start + Block.perExtent)]
        if kind.isSlow {
            let discards = discarding && !random.once(in: 4)
            bait(extent, discarding: discards)
            counts.discards += discards ? extent.count : 0
            counts.fills += 2 * extent.count
            return
        }
        // Pages that merged and were written do not merge again until they are discarded.
        if discarding, random.once(in: 2) {
            renew(Array(extent))
            counts.discards += extent.count
            counts.fills += extent.count
        } else if random.once(in: 2) {
            for block in extent {
                fill(block, scene.contents.pick(&random))
                if random.once(in: 4) { verify(block) }
            }
            counts.fills += extent.count
        } else {
            for block in extent {
                for page in block..<block + Block.pages { stamp([(page, random.below(Raw.words))], holding: 0) }
            }
            counts.stamps += extent.count * Block.pages
        }
    }

    /// Lays out pages that will merge in two or three scans, and writes to them at about that moment. Without a discard they
    /// lie where others have merged before and were written: those must not.
    private mutating func bait(_ extent: ArraySlice<Int>, discarding: Bool) {
        if discarding {
            renew(Array(extent))
        } else {
            for block in extent where !scene.isStopping { fill(block, scene.contents.pick(&random)) }
        }
        rest(scene.scanTime.load(ordering: .relaxed) * (100 + random.below(250)) / 100)
        for block in extent where !scene.isStopping { fill(block, scene.contents.pick(&random)) }
        for block in extent { verify(block) }
    }

    private func rest(_ nanoseconds: Int) {
        if nanoseconds > 60_000 {
            Raw.sleep(microseconds: min(20_000, nanoseconds / 1000 - 50))
        } else {
            Raw.spin(nanoseconds)
        }
    }

    private mutating func pickBlock() -> Int {
        if !transport.staysInBlock || random.once(in: 4) { latest = blocks[random.below(blocks.count)] }
        return latest
    }

    /// Stamps words of a few pages, holds them, takes them back. Returns how many.
    private mutating func stampSome() -> Int {
        var chosen: [(page: Int, word: Int)] = []
        for _ in 0..<1 + random.below(6) {
            let page = pickBlock() + random.below(Block.pages)
            guard !chosen.contains(where: { $0.page == page }) else { continue }
            chosen.append((page, random.below(Raw.words)))
        }
        let time: Int =
            switch random.below(8) {
            case 0...3: 0
            case 4...6: random.below(200_000)
            default: random.below(5_000_000)
            }
        stamp(chosen, holding: time)
        return chosen.count
    }

    /// Stamps words, one a page, holds them for a time, and takes them back.
    private func stamp(_ words: [(page: Int, word: Int)], holding time: Int) {
        for (page, word) in words {
            let before = scene.ledger.done(page)
            expect(page, word, before.value(of: word, page: page, scene.contents), before)
            write(page, word, PageState(number: before.number + 1, content: before.content, stamped: word))
        }
        rest(time)
        for (page, word) in words {
            let stamped = scene.ledger.done(page)
            expect(page, word, stamped.value(of: word, page: page, scene.contents), stamped)
            write(page, word, PageState(number: stamped.number + 1, content: stamped.content, stamped: nil))
        }
    }

    private func expect(_ page: Int, _ word: Int, _ value: UInt64, _ state: PageState) {
        let found = scene.load(page, word)
        guard found != value else { return }
        scene.findings.lost("\(kind.rawValue): " + scene.describe(page, word, found, state, state))
    }

    private func write(_ page: Int, _ word: Int, _ state: PageState) {
        scene.ledger.begin(page, state)
        let value = state.value(of: word, page: page, scene.contents)
        let address = scene.address(page)
        if let error = transport.put(value, at: address + UInt(word * 8), block: blockAddress(page)) {
            scene.findings.failed("\(kind.rawValue): writing a word: error \(error)")
        }
        scene.ledger.finish(page, state)
    }

    private func blockAddress(_ page: Int) -> UInt { scene.address(page / Block.pages * Block.pages) }

    /// Gives a block other contents, in one write.
    mutating func fill(_ block: Int, _ contents: [Int]) {
        let states = contents.enumerated().map { place, content in
            PageState(number: scene.ledger.done(block + place).number + 1, content: content, stamped: nil)
        }
        for (place, state) in states.enumerated() { scene.ledger.begin(block + place, state) }
        if let error = transport.fill(contents.map { scene.contents.address($0) }, at: scene.address(block)) {
            scene.findings.failed("\(kind.rawValue): filling a block: error \(error)")
        }
        for (place, state) in states.enumerated() { scene.ledger.finish(block + place, state) }
    }

    /// Discards neighbouring blocks through the API, looks whether they read as zeros, and fills them.
    private mutating func renew(_ extent: [Int]) {
        transport.leave()
        var rest = extent[...]
        while let first = rest.first {
            let field = scene.field(of: first)
            let run = rest.enumerated().prefix { first + $0.offset * Block.pages == $0.element }
                .map(\.element).filter { field.contains($0) }
            discard(first, blocks: run.count, of: field)
            rest = rest.dropFirst(run.count)
        }
        // Not always: to look is to touch, and what was never touched is a hole.
        let looks = random.once(in: 2)
        if random.once(in: 2) { self.rest(random.below(3_000_000)) }
        for block in extent {
            if looks { verify(block) }
            fill(block, scene.contents.pick(&random))
        }
    }

    private func discard(_ first: Int, blocks: Int, of field: Field) {
        let pages = first..<first + blocks * Block.pages
        for page in pages {
            let state = PageState(number: scene.ledger.done(page).number + 1, content: 0, stamped: nil)
            scene.ledger.begin(page, state)
        }
        let start = (first - field.first) * Raw.page
        _ = scene.findings.expect("discard") { try field.region.discard(start..<start + pages.count * Raw.page) }
        for page in pages { scene.ledger.finish(page, scene.ledger.begun(page)) }
    }

    /// Checks every word of a block.
    private func verify(_ block: Int) {
        for page in block..<block + Block.pages {
            if let text = scene.mismatch(page, scene.ledger.done(page)) {
                scene.findings.wrong("\(kind.rawValue), its owner: \(text)")
            }
        }
    }
}
