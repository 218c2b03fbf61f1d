import Assembly
import Glibc
import InProcess
import Merger
import PageChecksum
import XXHashChecksum

/// CPU time per page of each step on real memory, and of ksmd on the same content in the same run.
///
/// The memory holds every content twice, in two halves: long runs of neighbouring pages. Times are CPU time of
/// the thread that works; a page is one of the memory's, merged or not.
@main
struct RealMemory {
    static func main() throws {
        let mebibytes = CommandLine.arguments.dropFirst().compactMap { Int($0) }.first ?? 256
        let content = Content(pages: mebibytes << 20 / 4096)
        print("memory: \(mebibytes) MiB, every content twice, runs of \(content.pages / 2) pages; ns of CPU per page\n")
        let read = content.costOfReading()
        row("reading the memory once (the floor)", read)
        try samepage(content, read)
        kernel(content)
    }

    static func samepage(_ content: Content, _ read: Double) throws {
        var configuration = SamepageConfiguration()
        configuration.merger.run = .stop
        configuration.policyAttributes = ["pages_to_scan": "4294967295", "sleep_millisecs": "100000000"]
        let merger = try InProcessMerger(configuration)
        if let limitation = merger.limitation {
            print("samepage: \(limitation)")
            return
        }
        let region = try MergeableRegion.allocate(byteCount: content.pages * 4096, in: merger)
        try region.withUnsafeMutableBytes { unsafe content.fill($0.baseAddress!) }
        var before = try merger.statistics()
        func scan(_ title: String, _ count: UInt64 = 1) throws -> StepTimes {
            if try merger.value(of: "run") == "0" {
                // Starts a scan at once; the sleep after it is long.
                try merger.set("run", to: "1")
                while try merger.counters().fullScans == 0 { usleep(1000) }
            } else {
                try merger.scan(fullScans: count)
            }
            let counters = try merger.counters()
            let after = try merger.statistics()
            print("samepage \(title): \(counters.pagesSharing) pages saved")
            let cpu = after.cpu.minus(before.cpu)
            for (name, value) in [
                ("observe", cpu.observe), ("checksum", cpu.checksum), ("match and bookkeeping", cpu.match),
                ("fill frames", cpu.fill), ("merge without filling", cpu.merge - cpu.fill), ("all", cpu.total),
            ] where value > 0 {
                row("  " + name, Double(value) / Double(content.pages) / Double(count))
            }
            before = after
            return cpu
        }
        let first = try scan("scan 1 (new memory)")
        let second = try scan("scan 2 (merges everything)")
        _ = try scan("scan 3 (sees its own merges)")
        let idle = try scan("scans 4 to 13 (idle memory, merged), each", 10)
        try region.unmerge()
        try region.withUnsafeMutableBytes { unsafe content.makeDistinct($0.baseAddress!) }
        try region.makeMergeable()
        before = try merger.statistics()
        _ = try scan("3 scans of distinct pages", 3)
        // The best of three, as for reading.
        var checksum = UInt64.max
        for round in 1...3 {
            try region.withUnsafeMutableBytes { unsafe content.makeDistinct($0.baseAddress!, salt: UInt64(2 + round)) }
            let start = try merger.statistics().cpu.checksum
            try merger.scan()
            checksum = min(checksum, try merger.statistics().cpu.checksum - start)
        }
        try merger.scan(fullScans: 2)
        before = try merger.statistics()
        let unmerged = try scan("10 scans (idle memory, unmerged), each", 10)
        print("")
        row("samepage: checksum relative to reading once", Double(checksum) / Double(content.pages) / read)
        row("samepage: observing idle memory, merged", Double(idle.observe) / Double(content.pages) / 10)
        row("samepage: observing idle memory, unmerged", Double(unmerged.observe) / Double(content.pages) / 10)
        row("samepage: whole merge, scans 1 and 2", Double(first.total + second.total) / Double(content.pages))
        try region.release()
    }

    static func kernel(_ content: Content) {
        guard let ksm = KernelKSM() else {
            print("ksmd: not measured: KSM is missing, may not be set here, or is in use")
            return
        }
        defer { ksm.restore() }
        ksm.start()
        let size = content.pages * 4096
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        unsafe content.fill(memory)
        madvise(memory, size, 12)
        let pages = Double(content.pages)
        let first = ksm.cpuOfFullScans(1)
        let second = ksm.cpuOfFullScans(1)
        let saved = ksm.pagesSharing
        let idle = ksm.cpuOfFullScans(3)
        print("")
        row("ksmd: first scan", Double(first) / pages)
        row("ksmd: second scan (merges)", Double(second) / pages)
        row("ksmd: whole merge, both scans (\(saved) pages saved)", Double(first + second) / pages)
        row("ksmd: each further scan", Double(idle) / pages / 3)
        munmap(memory, size)
    }

    static func row(_ title: String, _ value: Double) {
        let number = String(Int((value * 100).rounded()))
        let padded = String(repeating: "0", count: max(0, 3 - number.count)) + number
        let text = padded.dropLast(2) + "." + padded.suffix(2)
        print(title + String(repeating: " ", count: max(1, 62 - title.count - text.count + 8)) + text)
    }
}

extension StepTimes {
    func minus(_ other: StepTimes) -> StepTimes {
        var result = self
        result.observe -= other.observe
        result.checksum -= other.checksum
        result.fill -= other.fill
        result.merge -= other.merge
        result.unmerge -= other.unmerge
        result.total -= other.total
        return result
    }
}
