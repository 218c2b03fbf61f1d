internal import CLinuxMemory

/// move_pages, which libnuma calls by number: a merged page that nobody has read yet is in no page table, and the kernel
/// would say that there is no page. Pages over frames are read first.
func movePages(_ process: Int, _ count: Int, _ pages: Int, _ nodes: Int, _ status: Int, _ flags: Int) -> Int {
    let call = { nextSyscall(Int(LM_SYS_MOVE_PAGES), process, count, pages, nodes, status, flags) }
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
        guard address < UInt.max - 8191 else { continue }
        // A page of zeros that was given back gets memory again.
        let isZeros = ranges.entry(at: address).isGivenBack
        guard isZeros || ranges.hasFrames(address, address + 4096) else { continue }
        let advice = Int32(isZeros ? LM_MADV_POPULATE_WRITE : LM_MADV_POPULATE_READ)
        if lm_madvise(address, 4096, advice) == 0 { isMissing = true }
    }
    AgentLock.release()
    return isMissing ? call() : result
}

/// mincore.
@c(mincore)
public func interposedMincore(_ address: UInt, _ size: Int, _ states: Int) -> Int32 {
    answer(residentForProgram(address, size, states))
}

/// Pages of zeros that were given back are there, as far as the program can know.
func residentForProgram(_ address: UInt, _ size: Int, _ states: Int) -> Int32 {
    let result = nextIntCall(.mincore, Int(LM_SYS_MINCORE), Int(bitPattern: address), size, states)
    guard result == 0, isWatching, let end = pageEnd(address, size), address < end,
        let states = unsafe UnsafeMutablePointer<UInt8>(bitPattern: states)
    else { return result }
    if agentMemory.touches(address, end) { return -Int32(LM_ENOMEM) }
    guard enterCall() else { return result }
    AgentLock.writing {
        unsafe ranges.forEachPart(address, end) { range, first, last in
            let place = unsafe Int((range.address(of: UInt32(first)) - address) >> 12) - first
            // SAFETY: places of the range's own pages; the kernel has written a byte for each page asked for.
            for page in first..<last where unsafe range.pointee.entries[page].isGivenBack {
                unsafe states[place + page] |= 1
            }
        }
    }
    AgentLock.release()
    return result
}
