import Glibc

/// The kernel's own KSM: its control files, ksmd's CPU time, and a promise to put every setting back.
struct KernelKSM {
    private static let folder = "/sys/kernel/mm/ksm/"
    private static let settings = [
        "run", "pages_to_scan", "sleep_millisecs", "max_page_sharing", "use_zero_pages", "smart_scan", "advisor_mode",
    ]
    private var saved: [(name: String, value: String)] = []
    private let ksmd: Int

    /// `nil` where KSM is missing, may not be set, or is in use by others.
    init?() {
        guard let found = KernelKSM.findKsmd(), KernelKSM.number("pages_shared") == 0, KernelKSM.number("run") != 1,
            access(KernelKSM.folder + "run", W_OK) == 0
        else { return nil }
        ksmd = found
        for name in KernelKSM.settings {
            guard let text = KernelKSM.read(KernelKSM.folder + name) else { continue }
            // advisor_mode shows its choice in brackets.
            let chosen = text.split(separator: " ").first { $0.hasPrefix("[") }.map { $0.dropFirst().dropLast() }
            saved.append((name, chosen.map(String.init) ?? text))
        }
    }

    /// Puts all settings back, `run` last, after everything is unmerged.
    func restore() {
        KernelKSM.write("run", "2")
        for (name, value) in saved where name != "run" { KernelKSM.write(name, value) }
        if let run = saved.first(where: { $0.name == "run" }) { KernelKSM.write("run", run.value) }
    }

    /// One full scan after another without sleeps, every page each time.
    func start() {
        KernelKSM.write("run", "2")
        KernelKSM.write("advisor_mode", "none")
        KernelKSM.write("smart_scan", "0")
        KernelKSM.write("use_zero_pages", "0")
        KernelKSM.write("pages_to_scan", "1000000")
        KernelKSM.write("sleep_millisecs", "1")
    }

    /// Lets ksmd do full scans and returns its CPU time, in nanoseconds.
    func cpuOfFullScans(_ count: Int) -> UInt64 {
        let before = cpuNanoseconds
        let target = KernelKSM.number("full_scans") + count
        KernelKSM.write("run", "1")
        while KernelKSM.number("full_scans") < target { usleep(1000) }
        KernelKSM.write("run", "0")
        return cpuNanoseconds - before
    }

    var pagesSharing: Int { KernelKSM.number("pages_sharing") }

    private var cpuNanoseconds: UInt64 {
        let text = KernelKSM.read("/proc/\(ksmd)/schedstat") ?? "0"
        return UInt64(text.split(separator: " ").first ?? "0") ?? 0
    }

    private static func findKsmd() -> Int? {
        guard let directory = opendir("/proc") else { return nil }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = Int(name), read("/proc/\(pid)/comm") == "ksmd" { return pid }
        }
        return nil
    }

    private static func number(_ name: String) -> Int { Int(read(folder + name) ?? "") ?? 0 }

    private static func write(_ name: String, _ value: String) {
        let descriptor = open(folder + name, O_WRONLY)
        guard descriptor >= 0 else { return }
        _ = value.withCString { Glibc.write(descriptor, $0, strlen($0)) }
        close(descriptor)
    }

    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        var text = String(decoding: bytes[..<count], as: UTF8.self)
        while text.last == "\n" { text.removeLast() }
        return text
    }
}
