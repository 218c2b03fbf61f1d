import Glibc

/// Memory in which every content occurs twice: the second half repeats the first.
struct Content {
    let pages: Int

    /// Fills memory of `pages` pages.
    func fill(_ memory: UnsafeMutableRawPointer) { write(memory, distinct: pages / 2, salt: 1) }

    /// Fills it with contents that occur once.
    func makeDistinct(_ memory: UnsafeMutableRawPointer, salt: UInt64 = 2) {
        write(memory, distinct: pages, salt: salt)
    }

    private func write(_ memory: UnsafeMutableRawPointer, distinct: Int, salt: UInt64) {
        for page in 0..<pages {
            var state = UInt64(page % distinct) &* 0x9E37_79B9_7F4A_7C15 &+ salt
            let words = unsafe (memory + page * 4096).assumingMemoryBound(to: UInt64.self)
            for word in 0..<512 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                unsafe words[word] = state
            }
        }
    }

    /// Nanoseconds of CPU to read a page of such memory once, out of cache: the floor for a first scan.
    func costOfReading() -> Double {
        let size = pages * 4096
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        defer { munmap(memory, size) }
        unsafe fill(memory)
        var best = UInt64.max
        for _ in 0..<3 {
            let start = Content.cpu()
            var sum = SIMD8<UInt64>()
            let words = unsafe memory.assumingMemoryBound(to: SIMD8<UInt64>.self)
            for place in 0..<size / 64 { unsafe sum ^= words[place] }
            best = min(best, Content.cpu() - start)
            if sum == SIMD8(repeating: 1) { print("") }
        }
        return Double(best) / Double(pages)
    }

    private static func cpu() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
