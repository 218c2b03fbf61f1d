import CLinuxMemory

/// Has the kernel write frames into core dumps, from the first merge on: it leaves out private mappings of files that were not
/// written to, unless bit 2 of the process's filter is set. A filter that leaves out anonymous memory stays as it is.
func keepFramesInCoreDumps() {
    guard !work.dumpsFrames else { return }
    work.dumpsFrames = true
    // SAFETY: a literal, terminated by zero.
    let file = unsafe lm_open(text("/proc/self/coredump_filter"), Int32(LM_O_RDWR))
    guard file >= 0 else { return }
    defer { _ = lm_close(file) }
    var digits = InlineArray<16, UInt8>(repeating: 0)
    // SAFETY: room for 16 bytes, and the last digit is below what was read.
    unsafe withUnsafeMutableBytes(of: &digits) { room in
        let start = unsafe room.baseAddress.unsafelyUnwrapped
        var count = unsafe lm_pread(file, start, 16, 0)
        if count > 0, unsafe room[count - 1] == 10 { count -= 1 }
        guard count > 0 else { return }
        let last = unsafe room[count - 1]
        // The lowest four bits, as a hexadecimal digit.
        let bits = last >= 97 ? last - 87 : last & 15
        guard bits & 1 != 0, bits & 4 == 0 else { return }
        let all = bits | 4
        unsafe room[count - 1] = all < 10 ? 48 + all : 87 + all
        var written = InlineArray<18, UInt8>(repeating: 0)
        written[0] = 48
        written[1] = 120
        for place in 0..<count { written[place + 2] = unsafe room[place] }
        unsafe withUnsafeBytes(of: &written) { bytes in
            _ = unsafe lm_pwrite(file, bytes.baseAddress.unsafelyUnwrapped, count + 2, 0)
        }
    }
}
