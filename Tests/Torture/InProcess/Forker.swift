import CTortureWriters

/// Forks children that look at many pages: each must be as at one moment around the fork, and stay so.
struct Forker {
    let scene: Scene
    var random: Random
    private static let sample = 256

    /// What a child finds, in memory that it shares with its parent.
    private struct Answer {
        let address: UInt
        enum Field: Int { case checked, unclear, wrong, page, word, found }
        subscript(field: Field) -> Int {
            get { Int(bitPattern: UInt(Raw.load(address + UInt(field.rawValue * 8)))) }
            nonmutating set { Raw.store(UInt64(UInt(bitPattern: newValue)), address + UInt(field.rawValue * 8)) }
        }
    }

    mutating func run() {
        let answer = Answer(address: Raw.map(Raw.page, shared: true))
        // Before and after: two numbers for each page of the sample.
        let notes = Raw.map(Forker.sample * 24)
        var forks = 0
        let inherited = scene.fields.filter(\.isInherited)
        while !scene.isStopping, !inherited.isEmpty {
            for place in 0..<Forker.sample {
                let field = inherited[random.below(inherited.count)]
                let page = field.first + random.below(field.pages)
                let note = notes + UInt(place * 24)
                Raw.store(UInt64(page), note)
                Raw.store(scene.ledger.done(page).bits, note + 8)
            }
            for field in [Answer.Field.checked, .unclear, .wrong] { answer[field] = 0 }
            let child = tw_fork()
            if child == 0 { live(answer, notes) }
            guard child > 0 else {
                scene.findings.failed("fork: error \(child)")
                break
            }
            let code = tw_wait(child)
            forks += 1
            if answer[.wrong] > 0 {
                let page = answer[.page]
                let found = UInt64(UInt(bitPattern: answer[.found]))
                let state = scene.ledger.done(page)
                scene.findings.wrong(
                    "\(answer[.wrong]) pages in a child: " + scene.describe(page, answer[.word], found, state, state))
            } else if code != 0 {
                scene.findings.failed("a forked child ended with \(code)")
            }
            scene.findings.count("pages checked in forked children", answer[.checked])
            Raw.sleep(microseconds: 50_000 + random.below(200_000))
        }
        scene.findings.count("forks", forks)
        Raw.unmap(notes, Forker.sample * 24)
        Raw.unmap(answer.address, Raw.page)
    }

    /// The child's life: allocates nothing.
    private func live(_ answer: Answer, _ notes: UInt) -> Never {
        tw_limit_child(60)
        for place in 0..<Forker.sample {
            let note = notes + UInt(place * 24)
            Raw.store(scene.ledger.begun(Int(Raw.load(note))).bits, note + 16)
        }
        for place in 0..<Forker.sample {
            let note = notes + UInt(place * 24)
            let page = Int(Raw.load(note))
            let before = PageState(bits: Raw.load(note + 8))
            let after = PageState(bits: Raw.load(note + 16))
            guard after.number <= before.number + 1 else {
                answer[.unclear] += 1
                continue
            }
            answer[.checked] += 1
            for word in 0..<Raw.words {
                let found = scene.load(page, word)
                let isRight =
                    found == before.value(of: word, page: page, scene.contents)
                    || found == after.value(of: word, page: page, scene.contents)
                if !isRight || scene.load(page, word) != found {
                    answer[.wrong] += 1
                    answer[.page] = page
                    answer[.word] = word
                    answer[.found] = Int(bitPattern: UInt(found))
                    break
                }
            }
        }
        tw_exit(answer[.wrong] == 0 ? 0 : 3)
        while true {}
    }
}

/// Starts programs, and forks past pthread_atfork.
struct Spawner {
    let scene: Scene
    let kind: Kind
    var random: Random

    mutating func run() {
        var times = 0
        while !scene.isStopping {
            let code: Int32
            if kind == .spawn {
                code = tw_spawn_true()
            } else {
                let child = tw_raw_fork_and_exit()
                code = child > 0 ? tw_wait(child) : child
            }
            if code != 0 { scene.findings.failed("\(kind.rawValue): \(code)") }
            times += 1
            Raw.sleep(microseconds: 10_000 + random.below(kind == .spawn ? 100_000 : 60_000))
        }
        scene.findings.count(kind == .spawn ? "programs started" : "raw forks", times)
    }
}
