internal import CLinuxMemory

/// Runs when the library is loaded, before all other constructors (-z initfirst): no thread, and no memory but address space.
private func constructAgent(_ environment: Environment) {
    unsafe agentSettings.read(environment)
    findNextCalls()
    findOwnLibrary()
    // Without address space of its own the agent would be in the program's way.
    if !isAgentOff, !agentMemory.reserve() { unsafe agentSettings.isOff = true }
    guard !isAgentOff else { return }
    if isUnmergedProgram(environment) {
        unsafe agentSettings.isOff = true
        return
    }
    findThreadCount()
    unsafe agentThread.process = UInt32(bitPattern: lm_process_id())
    watchForks()
    // A malloc of another library maps with its locks held, where no thread can be started: it is started now.
    if unsafe mergesAny != 0, mallocIsForeign() { _ = startAgentThread() }
}

/// Whether the program runs in surroundings that take its memory for theirs: another libc, the run-time of a sanitizer, or
/// valgrind. It runs as without the library then, and nothing is merged.
func isForeignGround() -> Bool {
    if lm_libc_is_glibc() == 0 { return true }
    if unsafe lm_is_loaded(text("libasan.so")) != 0 || lm_is_loaded(text("libclang_rt.asan")) != 0 {
        // It refuses to run when it is not the first library.
        unsafe lm_hide_name(&agentSettings)
        return true
    }
    return unsafe lm_is_loaded(text("libtsan.so")) != 0 || lm_is_loaded(text("libclang_rt.")) != 0
        || lm_is_loaded(text("vgpreload_")) != 0
}

/// The entry in the list of constructors.
@section(".init_array") @used
private let agentConstructor: @convention(c) (Int32, UnsafeRawPointer?, UnsafePointer<UnsafePointer<CChar>?>?) -> Void =
    { _, _, environment in
        // SAFETY: glibc, and no other libc, passes the program's arguments and environment to every constructor.
        unsafe constructAgent(Environment(strings: lm_libc_is_glibc() != 0 ? environment : nil))
    }
