import Glibc
import Testing

/// The kernel's own KSM, set up for a test; every setting is put back when this goes, and nothing stays merged.
final class KernelKSM {
    private static let folder = "/sys/kernel/mm/ksm"
    /// In the order in which they are put back, after everything is unmerged.
    private static let settings = [
        "max_page_sharing", "use_zero_pages", "smart_scan", "pages_to_scan", "sleep_millisecs", "advisor_mode", "run",
    ]
    /// Further ones, of kernels that have them.
    private static let moreSettings = [
        "merge_across_nodes", "stable_node_chains_prune_millisecs", "advisor_max_cpu", "advisor_target_scan_time",
        "advisor_min_pages_to_scan", "advisor_max_pages_to_scan",
    ]
    private let saved: [(name: String, value: String)]

    /// Why it cannot be used here; `nil` if it can.
    static let obstacle: String? = {
        guard Machine.exists("\(folder)/run") else { return "the kernel has no KSM" }
        guard settings.allSatisfy({ Machine.exists("\(folder)/\($0)") }) else { return "an older KSM" }
        // SAFETY: the text outlives the call.
        guard unsafe access("\(folder)/run", W_OK) == 0 else { return "KSM may not be set here" }
        guard number("run") != 1 && number("pages_shared") == 0 else { return "KSM is in use" }
        return nil
    }()

    init() throws {
        let more = KernelKSM.moreSettings.filter { Machine.exists("\(KernelKSM.folder)/\($0)") }
        saved = (more + KernelKSM.settings).map { name in
            let text = Machine.text(ofFile: "\(KernelKSM.folder)/\(name)").filter { $0 != "\n" }
            // advisor_mode shows its choice in brackets.
            let chosen = text.split(separator: " ").first { $0.hasPrefix("[") }.map { $0.dropFirst().dropLast() }
            return (name, chosen.map(String.init) ?? text)
        }
        try set("run", "2")
        try set("advisor_mode", "none")
    }

    deinit {
        Machine.write("2", toFile: "\(KernelKSM.folder)/run")
        // The advisor, while it is on, refuses pages_to_scan.
        Machine.write("none", toFile: "\(KernelKSM.folder)/advisor_mode")
        for (name, value) in saved { Machine.write(value, toFile: "\(KernelKSM.folder)/\(name)") }
    }

    func set(_ name: String, _ value: String) throws {
        guard Machine.write(value, toFile: "\(KernelKSM.folder)/\(name)") else {
            throw Trouble("\(value) cannot be written to \(name)")
        }
    }

    /// Writes a text as it is; the name of the error, or `nil`.
    func answer(_ name: String, _ text: String) -> String? {
        let file = Machine.open("\(KernelKSM.folder)/\(name)", O_WRONLY)
        guard file >= 0 else { return KernelKSM.name(ofError: errno) }
        defer { close(file) }
        let bytes = Array(text.utf8)
        // SAFETY: the bytes outlive the call.
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        return count < 0 ? KernelKSM.name(ofError: errno) : nil
    }

    private static func name(ofError number: Int32) -> String {
        switch number {
        case EINVAL: "EINVAL"
        case ERANGE: "ERANGE"
        case EBUSY: "EBUSY"
        case EACCES: "EACCES"
        case ENOENT: "ENOENT"
        default: "error \(number)"
        }
    }

    /// What a file says, without its newline; `nil` if it is not there.
    func text(_ name: String) -> String? {
        guard Machine.exists("\(KernelKSM.folder)/\(name)") else { return nil }
        let text = Machine.text(ofFile: "\(KernelKSM.folder)/\(name)")
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    private static func number(_ name: String) -> Int {
        Int(Machine.text(ofFile: "\(folder)/\(name)").filter(\.isNumber)) ?? -1
    }

    func value(_ name: String) -> Int { KernelKSM.number(name) }
}
