import Assembly
import CLinuxMemory
import Glibc
import InProcess
import Merger
import Testing

extension RealMemory {
    struct RefusalTests {
        @Test("Ranges that are not whole pages", arguments: [(1, 4096), (0, 4095), (0, 0), (4096, 1)])
        func badRanges(offset: Int, count: Int) throws {
            let merger = try InProcessMerger.quiet()
            let mapping = Mapping(pages: 4)
            let error = refusal { _ = try unsafe MergeableRegion.adopt(mapping.part(offset, count), in: merger) }
            #expect(error?.code == .badRange)
        }

        @Test("Sizes that cannot be")
        func badSizes() throws {
            let merger = try InProcessMerger.quiet()
            for size in [0, -1, Int.min, Int.max, Int.max - 5000] {
                #expect(refusal { _ = try MergeableRegion.allocate(byteCount: size, in: merger) }?.code == .badRange)
            }
            let region = try MergeableRegion.allocate(byteCount: 10, in: merger)
            #expect(region.byteCount == pageSize)
            for size in [0, -1, Int.min, Int.max] {
                #expect(refusal { try region.resize(toByteCount: size) }?.code == .badRange)
            }
            for range in [-pageSize..<0, 0..<2 * pageSize, 1..<pageSize, 0..<1] {
                #expect(refusal { try region.discard(range) }?.code == .badRange)
            }
        }

        @Test("Memory of other kinds", arguments: Sort.allCases)
        func otherMemory(sort: Sort) throws {
            let merger = try InProcessMerger.quiet()
            guard let mapping = sort.map() else { return }
            let error = refusal { _ = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger) }
            #expect(error?.code == .unmergeable)
            #expect(error?.message.contains(sort.reason) == true, "\(error?.message ?? "no error")")
        }

        /// In a process of its own: in this one another thread may map memory where the hole is, and would lose it.
        @Test("Memory that is not mapped, or not all of it", arguments: [0..<4, 2..<3])
        func unmapped(hole: Range<Int>) async {
            await #expect(processExitsWith: .success) { [hole] in
                let merger = try InProcessMerger.quiet()
                let mapping = Mapping(pages: 4)
                lm_munmap(mapping.address + UInt(hole.lowerBound * pageSize), hole.count * pageSize)
                let error = refusal { _ = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger) }
                #expect(error?.code == .unmergeable)
                #expect(error?.message.contains("not mapped") == true, "\(error?.message ?? "no error")")
            }
        }

        /// Memory that is never merged.
        enum Sort: String, CaseIterable, Sendable {
            case shared, locked, executable, readOnly, file, wipedOnFork, kernelMergeable

            var reason: String {
                switch self {
                case .shared: "shared"
                case .locked: "mlock"
                case .executable: "executable"
                case .readOnly: "r--p"
                case .file: "not anonymous"
                case .wipedOnFork: "wiped"
                case .kernelMergeable: "MADV_MERGEABLE"
                }
            }

            func map() -> Mapping? {
                let all = Int(LM_PROT_READ | LM_PROT_WRITE)
                switch self {
                case .shared: return Mapping(pages: 4, flags: Int(LM_MAP_SHARED | LM_MAP_ANONYMOUS))
                case .executable: return Mapping(pages: 4, protection: all | 4)
                case .readOnly: return Mapping(pages: 4, protection: Int(LM_PROT_READ))
                case .file:
                    let descriptor = unsafe "test".withCString { unsafe lm_memfd_create($0, UInt32(LM_MFD_CLOEXEC)) }
                    defer { lm_close(descriptor) }
                    lm_ftruncate(descriptor, Int64(4 * pageSize))
                    return Mapping(pages: 4, flags: Int(LM_MAP_PRIVATE), descriptor: descriptor)
                case .locked, .wipedOnFork, .kernelMergeable:
                    let mapping = Mapping(pages: 4)
                    switch self {
                    case .locked:
                        // SAFETY: the mapping is ours.
                        guard unsafe mlock(mapping.buffer.baseAddress!, mapping.byteCount) == 0 else { return nil }
                    case .wipedOnFork: lm_madvise(mapping.address, mapping.byteCount, 18)
                    default:
                        // A kernel without KSM does not know the advice.
                        let advice = Int32(LM_MADV_MERGEABLE)
                        guard lm_madvise(mapping.address, mapping.byteCount, advice) == 0 else { return nil }
                    }
                    return mapping
                }
            }
        }

        @Test("Memory left out of core dumps, only if the settings say so")
        func dontDump() throws {
            let merger = try InProcessMerger.quiet(excludesDontDump: true)
            let mapping = Mapping(pages: 4)
            lm_madvise(mapping.address, mapping.byteCount, Int32(LM_MADV_DONTDUMP))
            let error = refusal { _ = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger) }
            #expect(error?.code == .unmergeable)
            #expect(error?.message.contains("MADV_DONTDUMP") == true)
            let region = try unsafe MergeableRegion.adopt(mapping.buffer, in: InProcessMerger.quiet())
            try region.release()
        }

        @Test("Huge TLB memory", .enabled(if: hugePagesAreThere, "no huge TLB pages are configured"))
        func hugeTLB() throws {
            let merger = try InProcessMerger.quiet()
            let mapping = Mapping(pages: 512, flags: Int(LM_MAP_PRIVATE | LM_MAP_ANONYMOUS) | 0x40000)
            let error = refusal { _ = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger) }
            #expect(error?.code == .unmergeable)
        }

        @Test("Memory that another userfaultfd watches")
        func otherUserfault() throws {
            let merger = try InProcessMerger.quiet()
            let mapping = Mapping(pages: 8)
            let context = lm_uffd_open()
            #expect(context.descriptor >= 0)
            defer { lm_close(context.descriptor) }
            _ = lm_uffd_api(context.descriptor, 0)
            let half = lm_uffd_register(
                context.descriptor, mapping.address, mapping.byteCount / 2, LM_UFFD_MODE_MISSING)
            #expect(half == 0)
            let error = refusal { _ = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger) }
            #expect(error?.code == .unmergeable)
            #expect(error?.message.contains("userfaultfd") == true)
            #expect(lm_uffd_unregister(context.descriptor, mapping.address, mapping.byteCount / 2) == 0)
            let region = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger)
            try region.release()
        }

        @Test("The same memory twice, and overlaps")
        func twice() throws {
            let merger = try InProcessMerger.quiet()
            let mapping = Mapping(pages: 16)
            let region = try unsafe MergeableRegion.adopt(mapping.part(4 * pageSize, 8 * pageSize), in: merger)
            for (first, count) in [(4, 8), (0, 5), (11, 5), (0, 16), (6, 1)] {
                let part = unsafe mapping.part(first * pageSize, count * pageSize)
                #expect(
                    refusal { _ = try unsafe MergeableRegion.adopt(part, in: merger) }?.code == .alreadyRegistered)
            }
            // Memory that was taken out of merging still belongs to its region.
            try region.unmerge()
            let part = unsafe mapping.part(0, 16 * pageSize)
            #expect(refusal { _ = try unsafe MergeableRegion.adopt(part, in: merger) }?.code == .alreadyRegistered)
            let other = try InProcessMerger.quiet()
            try region.makeMergeable()
            let error = refusal { _ = try unsafe MergeableRegion.adopt(part, in: other) }
            #expect(error?.code == .unmergeable)
            try region.release()
            let beside = try unsafe MergeableRegion.adopt(mapping.part(0, 4 * pageSize), in: merger)
            try beside.release()
        }

        @Test("Everything after release, and release twice")
        func afterRelease() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: mebi, in: merger)
            try region.release()
            #expect(!region.isMergeable)
            let calls: [() throws -> Void] = [
                { try region.release() }, { try region.unmerge() }, { try region.makeMergeable() },
                { try region.discard(0..<pageSize) }, { try region.resize(toByteCount: pageSize) },
                { _ = try region.census() }, { try unsafe region.withUnsafeBytes { _ in } },
                { try unsafe region.withUnsafeMutableBytes { _ in } },
            ]
            for call in calls { #expect(refusal(call)?.code == .released) }
        }

        @Test("Release and resize while the bytes are used")
        func inUse() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: mebi, in: merger)
            try unsafe region.withUnsafeBytes { _ in
                #expect(refusal { try region.release() }?.code == .inUse)
                #expect(refusal { try region.resize(toByteCount: pageSize) }?.code == .inUse)
                try region.discard(0..<pageSize)
                try region.unmerge()
            }
            try region.resize(toByteCount: pageSize)
            try region.release()
        }

        @Test("Adopted memory cannot be resized")
        func adoptedResize() throws {
            let merger = try InProcessMerger.quiet()
            let mapping = Mapping(pages: 4)
            let region = try unsafe MergeableRegion.adopt(mapping.buffer, in: merger)
            #expect(refusal { try region.resize(toByteCount: pageSize) }?.code == .unmergeable)
            try region.release()
        }

        @Test("A stopped merger: the memory stays usable, everything else says so")
        func stopped() throws {
            let merger = try InProcessMerger.quiet()
            let region = try MergeableRegion.allocate(byteCount: 64 * pageSize, in: merger)
            let adopted = Mapping(pages: 16)
            adopted.fill { _ in 6 }
            let second = try unsafe MergeableRegion.adopt(adopted.buffer, in: merger)
            try region.fill { _ in 6 }
            #expect(try merger.mergeNow().pagesSharing > 0)
            merger.stop()
            merger.stop()
            let calls: [() throws -> Void] = [
                { try region.unmerge() }, { try region.resize(toByteCount: mebi) }, { _ = try region.census() },
                { _ = try merger.counters() }, { _ = try merger.statistics() }, { _ = try merger.mergeNow() },
                { try merger.set("run", to: "2") }, { _ = try merger.value(of: "run") },
                { _ = try MergeableRegion.allocate(byteCount: mebi, in: merger) },
            ]
            for call in calls { #expect(refusal(call)?.code == .stopped) }
            #expect(try region.wrongPages { _ in 6 }.isEmpty)
            try region.fill(0..<32) { _ in 8 }
            try region.discard(0..<16 * pageSize)
            #expect(try region.wrongPages { $0 < 16 ? 0 : $0 < 32 ? 8 : 6 }.isEmpty)
            try region.release()
            try second.release()
            #expect(adopted.wrongPages { _ in 6 }.isEmpty)
        }
    }
}

let hugePagesAreThere =
    Process.text("/proc/sys/vm/nr_hugepages").split(separator: "\n").first.flatMap { Int($0) } ?? 0 > 0
