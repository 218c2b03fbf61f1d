internal import CLinuxMemory

// Calls that tell how many folders there are in one, and so of threads: see LookAtThreads.

/// Makes a call that tells how many threads there are, again if it told of ours.
private func withoutThread(_ path: UnsafePointer<CChar>?, _ call: () -> Int) -> Int32 {
    let result = Int32(truncatingIfNeeded: call())
    return unsafe look(at: path, found: result == 0) ? Int32(truncatingIfNeeded: call()) : result
}

/// stat: a folder has as many links as folders in it, and two.
@c(stat)
public func interposedStat(_ path: UnsafePointer<CChar>?, _ status: Int) -> Int32 {
    unsafe withoutThread(path) { unsafe pass(.stat, word(path), status) }
}

/// stat64.
@c(stat64)
public func interposedStat64(_ path: UnsafePointer<CChar>?, _ status: Int) -> Int32 {
    unsafe withoutThread(path) { unsafe pass(.stat64, word(path), status) }
}

/// fstatat.
@c(fstatat)
public func interposedFstatat(_ folder: Int32, _ path: UnsafePointer<CChar>?, _ status: Int, _ flags: Int32) -> Int32 {
    unsafe withoutThread(path) { unsafe pass(.fstatat, Int(folder), word(path), status, Int(flags)) }
}

/// fstatat64.
@c(fstatat64)
public func interposedFstatat64(_ folder: Int32, _ path: UnsafePointer<CChar>?, _ status: Int, _ flags: Int32) -> Int32
{
    unsafe withoutThread(path) { unsafe pass(.fstatat64, Int(folder), word(path), status, Int(flags)) }
}

/// statx.
@c(statx)
public func interposedStatx(
    _ folder: Int32, _ path: UnsafePointer<CChar>?, _ flags: Int32, _ mask: UInt32, _ status: Int
) -> Int32 {
    unsafe withoutThread(path) { unsafe pass(.statx, Int(folder), word(path), Int(flags), Int(mask), status) }
}
