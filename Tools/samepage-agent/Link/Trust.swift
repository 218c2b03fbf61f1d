import CLinuxMemory

/// Whether a daemon may be told what is in this process's memory: one of root or of this process's user; or one whose
/// socket lies in
/// a directory in which not everyone can put a socket.
func isTrusted(_ socket: Int32) -> Bool {
    let peer = lm_peer_credentials(socket)
    guard peer.pid != -1 else { return false }
    if peer.uid == 0 || UInt32(bitPattern: peer.uid) == lm_effective_user() { return true }
    var path = unsafe agentSettings.socketPath
    var length = unsafe agentSettings.socketPathLength
    while length > 0, path[length - 1] != UInt8(ascii: "/") { length -= 1 }
    // The directory, "/" itself included; a path without one is looked up where the program happens to be.
    guard length > 0 else { return false }
    if length > 1 { length -= 1 }
    path[length] = 0
    // SAFETY: the path ends with a zero byte.
    let mode = unsafe withUnsafeBytes(of: &path) { bytes in
        unsafe lm_file_mode(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self))
    }
    return mode >= 0 && mode & 0o002 == 0
}
