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
    private var latest = 0

    init(scene: Scene, kind: Kind, transport: any Transport, blocks: [Int], stream: Int) {
        self.scene = scene
        self.kind = kind
        self.transport = transport
        self.blocks = blocks
        random = Random(seed: scene.seed, stream)
    }

    /// Works until the round ends.
    mutating func run(discarding: Bool) {
        var counts = (stamps: 0, fills: 0, discards: 0, checks: 0)
        while !scene.isStopping {
            // Pages that merged and were written do not merge again where rewritten pages are left alone.
            let renewal = discarding ? (scene.rewrites ? 40 : 3) : Int.max
            if renewal != Int.max, random.once(in: renewal) {
                renew(pickBlock())
                counts.discards += 1
                counts.fills += 1
            } else if random.once(in: 6) {
                let block = pickBlock()
                fill(block, scene.contents.pick(&random))
                counts.fills += 1
                if random.once(in: 2) { verify(block) }
            } else {
                counts.stamps += stampSome()
            }
            if random.once(in: 4) {
                verify(pickBlock())
                counts.checks += 1
            }
            rest()
        }
        transport.close()
        scene.findings.count("\(kind.rawValue): words stamped and restored", counts.stamps)
        scene.findings.count("\(kind.rawValue): blocks filled", counts.fills)
        scene.findings.count("\(kind.rawValue): blocks checked whole", counts.checks)
        scene.findings.count("\(kind.rawValue): blocks discarded", counts.discards)
    }

    /// Leaves the pages alone for some scans, so that they are about to be merged when their turn comes again.
    private mutating func rest() {
        let scan = scene.scanTime.load(ordering: .relaxed)
        let share = scan * 3 * 4 / max(1, blocks.count)
        let time = min(20_000_000, share) * random.below(200) / 100
        if time > 60_000 { Raw.sleep(microseconds: time / 1000) } else { Raw.spin(time) }
    }

    private mutating func pickBlock() -> Int {
        if !transport.staysInBlock || random.once(in: 4) { latest = blocks[random.below(blocks.count)] }
        return latest
    }

    /// Stamps words of a few pages, holds them, takes them back. Returns how many.
    private mutating func stampSome() -> Int {
        var held: [(page: Int, word: Int)] = []
        for _ in 0..<1 + random.below(4) {
            let block = pickBlock()
            for _ in 0..<1 + random.below(3) {
                let page = block + random.below(Block.pages)
                guard !held.contains(where: { $0.page == page }) else { continue }
                let word = random.below(Raw.words)
                let before = scene.ledger.done(page)
                expect(page, word, before.value(of: word, page: page, scene.contents), before)
                let state = PageState(number: before.number + 1, content: before.content, stamped: word)
                write(page, word, state)
                held.append((page, word))
            }
        }
        switch random.below(8) {
        case 0...3: break
        case 4...6: Raw.spin(random.below(300_000))
        default: Raw.sleep(microseconds: random.below(5000))
        }
        for (page, word) in held {
            let stamped = scene.ledger.done(page)
            expect(page, word, stamped.value(of: word, page: page, scene.contents), stamped)
            write(page, word, PageState(number: stamped.number + 1, content: stamped.content, stamped: nil))
        }
        return held.count
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

    /// Discards a block through the API, looks whether it reads as zeros, and fills it.
    private mutating func renew(_ block: Int) {
        transport.leave()
        let field = scene.field(of: block)
        for page in block..<block + Block.pages {
            let state = PageState(number: scene.ledger.done(page).number + 1, content: 0, stamped: nil)
            scene.ledger.begin(page, state)
        }
        let start = (block - field.first) * Raw.page
        _ = scene.findings.expect("discard") { try field.region.discard(start..<start + Block.bytes) }
        for page in block..<block + Block.pages { scene.ledger.finish(page, scene.ledger.begun(page)) }
        verify(block)
        fill(block, scene.contents.pick(&random))
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
