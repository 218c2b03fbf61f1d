internal import CLinuxMemory

// vmsplice lends the pages themselves to a pipe, and MSG_ZEROCOPY to a socket: a write that comes before the reader shows
// there. The kernel's test for pins does not know such a loan, so what was lent is not merged any more until it is mapped
// anew.

/// vmsplice.
@c(vmsplice)
public func interposedVmsplice(_ pipe: Int32, _ pieces: Int, _ count: Int, _ flags: UInt32) -> Int {
    answer(lendForProgram(Int(pipe), pieces, count, Int(flags)))
}

func lendForProgram(_ pipe: Int, _ pieces: Int, _ count: Int, _ flags: Int) -> Int {
    lendPieces(pieces, count)
    return nextCall(.vmsplice, Int(LM_SYS_VMSPLICE), pipe, pieces, count, flags)
}

/// send.
@c(send)
public func interposedSend(_ socket: Int32, _ bytes: Int, _ size: Int, _ flags: Int32) -> Int {
    lendSent(Int(LM_SYS_SENDTO), bytes, size, Int(flags))
    return pass(.send, Int(socket), bytes, size, Int(flags))
}

/// sendto.
@c(sendto)
public func interposedSendto(
    _ socket: Int32, _ bytes: Int, _ size: Int, _ flags: Int32, _ address: Int, _ addressSize: UInt32
) -> Int {
    lendSent(Int(LM_SYS_SENDTO), bytes, size, Int(flags))
    return pass(.sendto, Int(socket), bytes, size, Int(flags), address, Int(addressSize))
}

/// sendmsg.
@c(sendmsg)
public func interposedSendmsg(_ socket: Int32, _ message: Int, _ flags: Int32) -> Int {
    lendSent(Int(LM_SYS_SENDMSG), message, Int(flags), 0)
    return pass(.sendmsg, Int(socket), message, Int(flags))
}

/// sendmmsg.
@c(sendmmsg)
public func interposedSendmmsg(_ socket: Int32, _ messages: Int, _ count: UInt32, _ flags: Int32) -> Int32 {
    lendSent(Int(LM_SYS_SENDMMSG), messages, Int(count), Int(flags))
    return Int32(truncatingIfNeeded: pass(.sendmmsg, Int(socket), messages, Int(count), Int(flags)))
}

/// Before a call that sends, by its number and its arguments after the socket: what it lends.
func lendSent(_ number: Int, _ a: Int, _ b: Int, _ c: Int) {
    switch number {
    case Int(LM_SYS_SENDTO) where lends(c):
        keepFromMerging(UInt(bitPattern: a), Int(min(UInt(bitPattern: b), 0x7FFF_F000)))
    case Int(LM_SYS_SENDMSG) where lends(b): lendMessage(UInt(bitPattern: a))
    case Int(LM_SYS_SENDMMSG) where lends(c):
        // Each message has the number of bytes sent behind it. The kernel sends 1024 of them at most.
        let count = min(Int(UInt32(truncatingIfNeeded: b)), 1024)
        for place in 0..<count { lendMessage(UInt(bitPattern: a) &+ UInt(64 * place)) }
    default: break
    }
}

private func lends(_ flags: Int) -> Bool { flags & Int(LM_MSG_ZEROCOPY) != 0 && isWatching }

/// Pieces of a message: a list and its length are the third and the fourth word.
private func lendMessage(_ message: UInt) {
    guard let pieces = programWord(at: message &+ 16), let count = programWord(at: message &+ 24) else { return }
    lendPieces(Int(bitPattern: pieces), Int(bitPattern: count))
}

private func lendPieces(_ pieces: Int, _ count: Int) {
    guard isWatching, count > 0, count <= 1024 else { return }
    for place in 0..<count {
        let piece = UInt(bitPattern: pieces) &+ UInt(16 * place)
        // The kernel lends nothing of a list that it cannot read.
        guard let address = programWord(at: piece), let size = programWord(at: piece &+ 8) else { return }
        keepFromMerging(address, Int(bitPattern: size))
    }
}

/// Memory that is not merged any more until it is mapped anew. What lies over frames gets memory of its own.
func keepFromMerging(_ address: UInt, _ size: Int) {
    let start = address & ~4095
    guard isWatching, size > 0, let end = pageEnd(start, size &+ Int(address - start)), start < end, enterCall() else {
        return
    }
    ownMappings.remove(start, end)
    guard ranges.touches(start, end) else { return AgentLock.release() }
    let areProtected = ranges.hasUnfitFrames(start, end)
    ranges.markUnfit(start, end, retry: true)
    if areProtected {
        // Perhaps they cannot be written at the moment, and may be later.
        AgentLock.release()
        _ = performJob(.unmerge(start: start, end: end, inPlace: false))
        guard enterCall() else { return }
    }
    _ = breakSharing(start, end)
    AgentLock.release()
}
