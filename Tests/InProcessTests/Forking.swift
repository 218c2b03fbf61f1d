import CTortureWriters

/// Runs something in a forked child; its exit code, 99 if it throws.
func inForkedChild(_ body: () throws -> Int32) -> Int32 {
    let child = tw_fork()
    guard child == 0 else { return child < 0 ? child : tw_wait(child) }
    tw_limit_child(60)
    do {
        tw_exit(try body())
    } catch {
        tw_exit(99)
    }
    return 99
}
