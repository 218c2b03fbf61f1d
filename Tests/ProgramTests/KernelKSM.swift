import Glibc
import Testing

/// The kernel's own KSM, set up for a test; every setting is put back when this goes, and nothing stays merged.
final class KernelKSM {
    private static let folder = "/sys/kernel/mm/ksm"
    /// In the order in which they are put back, after everything is unmerged.
    private static let settings = [
        "max_page_sharing", "use_zero_pages", "smart_scan", "pages_to_scan", "sleep_millisecs", "advisor_mode", "run",
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
        saved = KernelKSM.settings.map { name in
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

    private static func number(_ name: String) -> Int {
        Int(Machine.text(ofFile: "\(folder)/\(name)").filter(\.isNumber)) ?? -1
    }

    func value(_ name: String) -> Int { KernelKSM.number(name) }
}
