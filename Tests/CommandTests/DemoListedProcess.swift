import Glibc

/// A process, by what the kernel says.
struct ListedProcess {
    let pid: pid_t
    let parent: pid_t
    let arguments: [String]

    /// All processes that can be read.
    static func all() -> [ListedProcess] {
        // SAFETY: the stream is closed when this returns; an entry is used before the next one is read.
        guard let stream = unsafe opendir("/proc") else { return [] }
        defer { unsafe closedir(stream) }
        var processes: [ListedProcess] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if let pid = pid_t(name), let process = ListedProcess(pid) { processes.append(process) }
        }
        return processes
    }

    private init?(_ pid: pid_t) {
        let status = ListedProcess.read("/proc/\(pid)/stat")
        // The name, in parentheses, may hold anything.
        guard let fields = status.split(separator: ")").last?.split(separator: " "), fields.count > 1,
            let parent = pid_t(fields[1])
        else { return nil }
        self.pid = pid
        self.parent = parent
        arguments = ListedProcess.read("/proc/\(pid)/cmdline").split(separator: "\0").map(String.init)
    }

    /// The value of a variable that it was started with.
    func variable(_ name: String) -> String? {
        let line = ListedProcess.read("/proc/\(pid)/environ").split(separator: "\0").first { $0.hasPrefix("\(name)=") }
        return line.map { String($0.dropFirst(name.count + 1)) }
    }

    private static func read(_ path: String) -> String {
        // SAFETY: the path outlives the call.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        let size = piece.count
        while true {
            // SAFETY: the buffer outlives the call and has this size.
            let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, size) }
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += piece[..<count]
        }
    }
}
