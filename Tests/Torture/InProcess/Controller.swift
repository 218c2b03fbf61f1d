import InProcess
import Merger
import Synchronization

/// Measures how long a scan takes, and switches merging off and on.
struct Controller {
    let scene: Scene
    let kinds: Set<Kind>
    var random: Random

    mutating func run() {
        var scans: UInt64 = 0
        var since = Raw.now
        var nextRun = since + 500_000_000
        var nextUnmerge = since + 200_000_000
        while !scene.isStopping {
            Raw.sleep(microseconds: 25_000)
            let now = Raw.now
            guard let counters = scene.findings.expect("counters", { try scene.merger.counters() }) else { return }
            if counters.fullScans > scans {
                let each = (now - since) / (counters.fullScans - scans)
                scene.scanTime.store(Int(min(each, 200_000_000)), ordering: .relaxed)
                scans = counters.fullScans
                since = now
            } else if counters.fullScans < scans {
                scans = counters.fullScans
                since = now
            }
            if kinds.contains(.unmerge), now > nextUnmerge {
                unmergeOne()
                nextUnmerge = now + UInt64(100 + random.below(300)) * 1_000_000
            }
            if kinds.contains(.run), now > nextRun {
                stopAndGo()
                nextRun = now + UInt64(300 + random.below(900)) * 1_000_000
            }
        }
    }

    private mutating func unmergeOne() {
        let field = scene.fields[random.below(scene.fields.count)]
        _ = scene.findings.expect("unmerge") { try field.region.unmerge() }
        if let census = scene.findings.expect("census", { try field.region.census() }), census.merged > 0 {
            scene.findings.failed("\(census.merged) pages are merged after unmerge()")
        }
        Raw.sleep(microseconds: random.below(20_000))
        _ = scene.findings.expect("makeMergeable") { try field.region.makeMergeable() }
        scene.findings.count("regions unmerged and made mergeable again")
    }

    private mutating func stopAndGo() {
        if random.once(in: 2) {
            // What happens now, the merger does not see before it unmerges.
            _ = scene.findings.expect("run 0") { try scene.merger.set("run", to: "0") }
            Raw.sleep(microseconds: random.below(30_000))
        }
        _ = scene.findings.expect("run 2") { try scene.merger.set("run", to: "2") }
        if let counters = scene.findings.expect("counters", { try scene.merger.counters() }) {
            if counters.pagesShared + counters.pagesSharing > 0 {
                scene.findings.failed("after run 2: \(counters.pagesShared) pages shared")
            }
        }
        Raw.sleep(microseconds: random.below(20_000))
        _ = scene.findings.expect("run 1") { try scene.merger.set("run", to: "1") }
        scene.findings.count("run 2, then 1")
    }
}
