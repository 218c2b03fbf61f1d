import CLinuxMemory

/// Whether the daemon at a socket may be obeyed, and told what is in this process's memory.
func isTrusted(_ socket: Int32) -> Bool {
    // SAFETY: the path ends with a zero byte.
    unsafe withUnsafeBytes(of: &agentSettings.socketPath) { bytes in
        let path = unsafe bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)
        return unsafe SocketTrust(ofSocket: socket, at: path) == .trusted
    }
}
