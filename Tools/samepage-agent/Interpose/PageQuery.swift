internal import CLinuxMemory

/// move_pages, which libnuma calls by number: a merged page that nobody has read yet is in no page table, and the kernel
/// would say that there is no page. Pages over frames are read first.
func movePages(_ process: Int, _ count: Int, _ pages: Int, _ nodes: Int, _ status: Int, _ flags: Int) -> Int {
    let call = { lm_system_call(Int(LM_SYS_MOVE_PAGES), process, count, pages, nodes, status, flags) }
    let result = call()
    let isOwn = process == 0 || process == Int(lm_process_id())
    guard result >= 0, isOwn, isWatching, count > 0, pages != 0, status != 0 else { return result }
    // SAFETY: the kernel has read and written both.
    let addresses = unsafe UnsafePointer<UInt>(bitPattern: pages).unsafelyUnwrapped
    let answers = unsafe UnsafePointer<Int32>(bitPattern: status).unsafelyUnwrapped
    var isMissing = false
    guard enterCall() else { return result }
    for place in 0..<count where unsafe answers[place] == -Int32(LM_ENOENT) {
        let address = unsafe addresses[place] & ~4095
        guard address < UInt.max - 8191, ranges.hasFrames(address, address + 4096) else { continue }
        if lm_madvise(address, 4096, Int32(LM_MADV_POPULATE_READ)) == 0 { isMissing = true }
    }
    AgentLock.release()
    return isMissing ? call() : result
}
