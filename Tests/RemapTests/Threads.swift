import CLinuxMemory
import Glibc
import Synchronization

/// A thread that runs a closure; joined by `join`.
@safe
final class Runner {
    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
        let failed = unsafe pthread_create(
            &thread, nil,
            { argument in
                unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, box)
        precondition(failed == 0)
    }

    func join() { pthread_join(thread, nil) }
}

/// Writers and a reader that work on pages while they are merged, and notice when a byte is not what it must be.
final class Crowd: Sendable {
    let region: Pages
    private let isOver = Atomic(false)
    private let lost = Atomic(0)
    private let writes = Atomic(0)

    init(on region: Pages) { self.region = region }

    var lostWrites: Int { lost.load(ordering: .relaxed) }
    var writeCount: Int { writes.load(ordering: .relaxed) }

    /// Runs the crowd while `body` works.
    func run(writers: Int = 2, during body: () -> Void) {
        let runners =
            (1...writers).map { word in Runner { self.write(word) } } + [Runner { self.read() }]
        body()
        isOver.store(true, ordering: .relaxed)
        for runner in runners { runner.join() }
    }

    /// Stores other values in words of its own and puts the first ones back; one page is always different.
    private func write(_ word: Int) {
        var random = SystemRandomNumberGenerator()
        var pending: Int?
        var count = 0
        while !isOver.load(ordering: .relaxed) {
            let page = Int.random(in: 0..<region.count, using: &random)
            if page == pending { continue }
            let usual = UInt64((page + 1) * Pages.words + word)
            check(page, word, usual)
            region[page, word] = ~usual
            check(page, word, ~usual)
            if let old = pending { restore(old, word) }
            pending = page
            count += 1
        }
        if let old = pending { restore(old, word) }
        writes.add(count, ordering: .relaxed)
    }

    private func restore(_ page: Int, _ word: Int) {
        let usual = UInt64((page + 1) * Pages.words + word)
        check(page, word, ~usual)
        region[page, word] = usual
        check(page, word, usual)
    }

    private func read() {
        while !isOver.load(ordering: .relaxed) {
            for page in 0..<region.count { check(page, 500, UInt64((page + 1) * Pages.words + 500)) }
        }
    }

    private func check(_ page: Int, _ word: Int, _ value: UInt64) {
        if region[page, word] != value { lost.add(1, ordering: .relaxed) }
    }
}
