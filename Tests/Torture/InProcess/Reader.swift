/// Reads what others write: every word must be as after the last operation that was done before the look, or as after the
/// one that was begun before its end.
struct Reader {
    let scene: Scene
    var random: Random

    mutating func run() {
        var words = 0
        var unclear = 0
        while !scene.isStopping {
            for _ in 0..<32 {
                let page = random.below(scene.pages)
                let looks = random.once(in: 8) ? Raw.words : 4
                let first = looks == Raw.words ? 0 : random.below(Raw.words)
                for look in 0..<looks {
                    words += 1
                    if !check(page, (first + look * (looks == Raw.words ? 1 : 67)) % Raw.words) { unclear += 1 }
                }
            }
            Raw.sleep(microseconds: 2000)
        }
        scene.findings.count("words read", words)
        scene.findings.count("words read that changed too quickly to tell", unclear)
    }

    /// Checks one word. False if the page changed too quickly to tell.
    private func check(_ page: Int, _ word: Int) -> Bool {
        let before = scene.ledger.done(page)
        let found = scene.load(page, word)
        let after = scene.ledger.begun(page)
        guard after.number <= before.number + 1 else { return false }
        if found == before.value(of: word, page: page, scene.contents) { return true }
        if found == after.value(of: word, page: page, scene.contents) { return true }
        scene.findings.wrong("reader: " + scene.describe(page, word, found, before, after))
        return true
    }
}
