internal import CLinuxMemory

/// Runs when the library is loaded, before all other constructors (-z initfirst): no thread, and no memory but address space.
private func constructAgent(_ environment: Environment) {
    unsafe agentSettings.read(environment)
    // Without address space of its own the agent would be in the program's way.
    if !isAgentOff, !agentMemory.reserve() { unsafe agentSettings.isOff = true }
    guard !isAgentOff else { return }
    if mustStayOff(environment) {
        unsafe agentSettings.isOff = true
        return
    }
    unsafe agentThread.process = UInt32(bitPattern: lm_process_id())
    watchForks()
    // A malloc of another library maps with its locks held, where no thread can be started: it is started now.
    if unsafe mergesAny != 0, mallocIsForeign() { _ = startAgentThread() }
}

/// The entry in the list of constructors.
@section(".init_array") @used
private let agentConstructor: @convention(c) (Int32, UnsafeRawPointer?, UnsafePointer<UnsafePointer<CChar>?>?) -> Void =
    { _, _, environment in
        // SAFETY: glibc passes the program's arguments and environment to every constructor.
        unsafe constructAgent(Environment(strings: environment))
    }
