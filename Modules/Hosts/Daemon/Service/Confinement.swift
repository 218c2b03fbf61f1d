/// What keeps a process from reading others of its user, as far as the kernel shows it.
///
/// Landlock shows nowhere; who enters it has no_new_privs, or is privileged. That two processes are confined alike shows
/// neither: each counts as confined in its own way.
package struct Confinement: Hashable, Sendable {
    /// What confines it, in words; `nil` if nothing does.
    package let reason: String?
    /// The same, Yama not counted: whether the process was put into a sandbox.
    package let isSandboxed: Bool

    /// Judges by the words of the kernel.
    ///
    /// - Parameters:
    ///   - noNewPrivileges: Line `NoNewPrivs` of its status.
    ///   - seccomp: Line `Seccomp` of its status.
    ///   - label: Its label among the security modules; empty for none.
    ///   - mayTraceAll: Whether it has CAP_SYS_PTRACE in force.
    ///   - ptraceScope: Yama's setting; 0 where there is none.
    package init(noNewPrivileges: Substring, seccomp: Substring, label: String, mayTraceAll: Bool, ptraceScope: Int) {
        var reasons: [String] = []
        if noNewPrivileges != "0" { reasons.append("no_new_privs") }
        if seccomp != "0" { reasons.append("seccomp") }
        if !Self.isUnconfined(label) { reasons.append("its security label") }
        isSandboxed = !reasons.isEmpty
        // 1: a process may trace its children; 2: those with the capability any; 3: nobody.
        if ptraceScope >= 3 || ptraceScope > 0 && !mayTraceAll { reasons.append("Yama's ptrace_scope") }
        reason = reasons.isEmpty ? nil : reasons.joined(separator: ", ")
    }

    /// Whether a label is that of programs that no policy confines: none, AppArmor's, Smack's floor, or SELinux's types
    /// of that name.
    static func isUnconfined(_ label: String) -> Bool {
        let text = label.filter { $0 != "\0" && !$0.isNewline }
        if ["", "unconfined", "_", "kernel"].contains(text) { return true }
        let fields = text.split(separator: ":")
        return fields.count >= 3 && ["unconfined_t", "unconfined_service_t"].contains(fields[2])
    }

    /// Yama's setting now; 0 without it.
    static func ptraceScope() -> Int {
        guard let text = SmallFile.text("/proc/sys/kernel/yama/ptrace_scope") else { return 0 }
        // What cannot be read as a number permits nothing.
        return Int(text.filter { !$0.isWhitespace }) ?? 3
    }
}
