import CLinuxMemory
import InProcess
import Synchronization

/// Allocates and adopts regions of its own, does everything to them that the API offers, and releases them.
struct RegionActor {
    let scene: Scene
    var random: Random
    private var counts: [String: Int] = [:]

    init(scene: Scene, random: Random) {
        self.scene = scene
        self.random = random
    }

    mutating func run() {
        while !scene.isStopping {
            do {
                if random.once(in: 3) { try adopt() } else { try allocate() }
            } catch {
                scene.findings.failed("regions: \(error)")
            }
        }
        for (name, times) in counts { scene.findings.count("regions: \(name)", times) }
    }

    private mutating func allocate() throws {
        let pages = 1 + random.below(300)
        let region = try MergeableRegion.allocate(byteCount: pages * Raw.page, in: scene.merger)
        counts["allocated", default: 0] += 1
        var held = [Int](repeating: 0, count: pages)
        try work(region, &held, canResize: true)
        try region.release()
    }

    private mutating func adopt() throws {
        let pages = 1 + random.below(300)
        let address = Raw.map(pages * Raw.page)
        defer { Raw.unmap(address, pages * Raw.page) }
        let advice = [0, LM_MADV_DONTFORK, LM_MADV_DONTDUMP, LM_MADV_NOHUGEPAGE, LM_MADV_HUGEPAGE]
        let choice = Int32(advice[random.below(advice.count)])
        if choice != 0 { _ = lm_madvise(address, pages * Raw.page, choice) }
        // SAFETY: the mapping was just made, and lives until the region is released.
        let buffer = unsafe UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(bitPattern: address), count: pages * Raw.page)
        let region = try unsafe MergeableRegion.adopt(buffer, in: scene.merger)
        counts["adopted", default: 0] += 1
        var held = [Int](repeating: 0, count: pages)
        try work(region, &held, canResize: false)
        if try !isReleased(region) {
            // Pages were written since they merged. Discarded memory can be given back all the same.
            check(address, held, "after a refused release")
            try region.discard(0..<pages * Raw.page)
            for page in held.indices { held[page] = 0 }
            try region.release()
            counts["releases refused because of rewritten pages", default: 0] += 1
        }
        check(address, held, "after the release of adopted memory")
    }

    /// Releases a region; false while it has pages that were written since they merged.
    private func isReleased(_ region: MergeableRegion) throws -> Bool {
        do throws(InProcessError) {
            try region.release()
        } catch {
            if error.code == .pinned { return false }
            throw error
        }
        return true
    }

    /// Does this and that, and checks every byte in between.
    private mutating func work(_ region: MergeableRegion, _ held: inout [Int], canResize: Bool) throws {
        for page in held.indices { held[page] = pickContent() }
        try write(region, held.indices, held)
        for _ in 0..<1 + random.below(8) where !scene.isStopping {
            let scan = scene.scanTime.load(ordering: .relaxed) / 1000
            Raw.sleep(microseconds: min(30_000, random.below(1 + scan * 4)))
            try verify(region, held)
            let choice = random.below(canResize ? 6 : 5)
            switch choice {
            case 0:
                let first = random.below(held.count)
                let end = first + 1 + random.below(held.count - first)
                try region.discard(first * Raw.page..<end * Raw.page)
                for page in first..<end { held[page] = 0 }
                counts["discarded parts", default: 0] += 1
            case 1:
                try region.unmerge()
                try verify(region, held)
                if !random.once(in: 4) { try region.makeMergeable() }
                counts["unmerged", default: 0] += 1
            case 2, 3, 4:
                let first = random.below(held.count)
                let end = first + 1 + random.below(held.count - first)
                for page in first..<end { held[page] = pickContent() }
                try write(region, first..<end, held)
                counts["parts written", default: 0] += 1
            default:
                let pages = 1 + random.below(400)
                try region.resize(toByteCount: pages * Raw.page)
                while held.count > pages { held.removeLast() }
                while held.count < pages { held.append(0) }
                counts["resized", default: 0] += 1
            }
            try verify(region, held)
        }
    }

    private mutating func pickContent() -> Int {
        switch random.below(4) {
        case 0: random.below(Contents.popular)
        default: random.below(Contents.count)
        }
    }

    private func write(_ region: MergeableRegion, _ pages: Range<Int>, _ held: [Int]) throws {
        try unsafe region.withUnsafeMutableBytes { bytes in
            let base = UInt(bitPattern: bytes.baseAddress!)
            _ = Stores().fill(
                pages.map { scene.contents.address(held[$0]) }, at: base + UInt(pages.lowerBound * Raw.page))
        }
    }

    private mutating func verify(_ region: MergeableRegion, _ held: [Int]) throws {
        try unsafe region.withUnsafeBytes { bytes in
            if bytes.count != held.count * Raw.page { scene.findings.wrong("regions: wrong size") }
            check(UInt(bitPattern: bytes.baseAddress!), held, "region of its own")
        }
        counts["pages checked", default: 0] += held.count
    }

    private func check(_ base: UInt, _ held: [Int], _ what: String) {
        for (page, content) in held.enumerated() {
            for word in 0..<Raw.words {
                let found = Raw.load(base + UInt(page * Raw.page + word * 8))
                if found != scene.contents.word(content, word) {
                    scene.findings.wrong(
                        "\(what): page \(page) of \(held.count), word \(word): 0x\(String(found, radix: 16)) "
                            + "instead of content \(content)")
                    break
                }
            }
        }
    }
}
