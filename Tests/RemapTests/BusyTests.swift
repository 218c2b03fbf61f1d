import CLinuxMemory
import Glibc
import Remap
import Testing

/// An io_uring with registered buffers: pages of this process pinned as a device would.
private final class Ring {
    private static let setup = 425
    private static let register = 427
    let descriptor: Int32

    init?() {
        var parameters = [UInt8](repeating: 0, count: 120)
        descriptor = unsafe parameters.withUnsafeMutableBytes { bytes in
            Int32(lm_system_call(Self.setup, 4, Int(bitPattern: bytes.baseAddress), 0, 0, 0, 0))
        }
        if descriptor < 0 { return nil }
    }

    deinit { lm_close(descriptor) }

    /// Pins the pages of a range.
    func pin(_ start: UnsafeMutableRawPointer, pages: Int) -> Int {
        var piece = unsafe lm_piece(base: UnsafeRawPointer(start), size: pages * Pages.size)
        return unsafe withUnsafePointer(to: &piece) {
            lm_system_call(Self.register, Int(descriptor), 0, Int(bitPattern: $0), 1, 0, 0)
        }
    }
}

/// A child made by the bare system call, which shares all pages until it is ended.
private final class Child {
    let process: Int32

    init() {
        process = Int32(lm_system_call(Int(SYS_clone), Int(SIGCHLD), 0, 0, 0, 0, 0))
        if process == 0 { while true { lm_system_call(Int(SYS_ppoll), 0, 0, 0, 0, 0, 0) } }
    }

    deinit {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
    }
}

@Suite(.serialized, .enabled(if: Bed.missing == nil, "\(Bed.missing ?? "")"))
struct BusyTests {
    private static var hasRings: Bool { Ring() != nil }

    @Test("Pinned pages are busy, their neighbours merge", .enabled(if: hasRings, "io_uring is not permitted"))
    func pinned() async {
        // In a process of its own: an io_uring is a sign of pins to whoever merges in this one.
        await #expect(processExitsWith: .success) {
            let bed = try Bed(pages: 64)
            let ring = try #require(Ring())
            let pinned = unsafe ring.pin(bed.region.pointer(20), pages: 4)
            try #require(pinned == 0)
            let (report, outcomes) = bed.merge((0..<64).map { bed.page($0) })
            for page in 0..<64 { #expect(outcomes[page] == ((20..<24).contains(page) ? .busy : .merged)) }
            #expect(report.mapCalls == 2)
            #expect(bed.isIntact)
            // Zeros that are pinned stay too.
            bed.region.fill(21, seed: 0)
            #expect(bed.merge([bed.page(21, kind: .zeros)]).outcomes == [.busy])
            withExtendedLifetime(ring) {}
        }
    }

    @Test("Pages shared with a forked child are busy until they are written")
    func forked() async {
        // In a process of its own: a fork makes the memory of all other tests busy too.
        await #expect(processExitsWith: .success) {
            let bed = try Bed(pages: 64)
            let child = Child()
            try #require(child.process > 0)
            let shared = bed.merge((0..<64).map { bed.page($0) })
            #expect(shared.outcomes.allSatisfy { $0 == .busy })
            #expect(bed.isIntact)
            for page in 8..<16 { bed.region[page, 0] = bed.region[page, 0] }
            let written = bed.merge((0..<64).map { bed.page($0) })
            for page in 0..<64 { #expect(written.outcomes[page] == ((8..<16).contains(page) ? .merged : .busy)) }
            #expect(bed.isIntact)
            withExtendedLifetime(child) {}
        }
    }
}
