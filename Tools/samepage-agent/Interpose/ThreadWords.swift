internal import CLinuxMemory

// When a thread ends, the kernel writes for it: zero to the word by which others wait for its end, and a mark to each robust
// futex that it holds. A thread that ends cannot wait for a page that is being merged, or whose writes are trapped, and
// what the kernel writes would be lost. Pages of such words are not merged any more until they are mapped anew.

/// What a call by number tells of such words.
func keepWordsApart(_ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int) {
    guard isWatching else { return }
    switch number {
    case Int(LM_SYS_SET_TID_ADDRESS): keepFromMerging(UInt(bitPattern: a), 4)
    // The kernel reads the head of the list when the thread ends.
    case Int(LM_SYS_SET_ROBUST_LIST): keepFromMerging(UInt(bitPattern: a), b)
    case Int(LM_SYS_CLONE) where a & Int(LM_CLONE_CHILD_CLEARTID) != 0:
        #if arch(arm64)
            keepFromMerging(UInt(bitPattern: e), 4)
        #else
            keepFromMerging(UInt(bitPattern: d), 4)
        #endif
    case Int(LM_SYS_CLONE3):
        // Flags first, the word at 16.
        let place = UInt(bitPattern: a)
        guard let flags = programWord(at: place), flags & UInt(LM_CLONE_CHILD_CLEARTID) != 0,
            let word = programWord(at: place &+ 16)
        else { return }
        keepFromMerging(word, 4)
    default: break
    }
}

/// Before a thread is created with attributes: libc keeps its words at the end of a stack that the program gives.
func keepThreadApart(_ attributes: UInt) {
    guard attributes != 0, isWatching else { return }
    let end = lm_end_of_given_stack(attributes)
    // Of libc's own, a thread takes less than a page; the first may be shared with what is aligned below it.
    if end > 8192 { keepFromMerging(end - 8192, 8192) }
}

/// pthread_mutex_init: robust mutexes are marked by the kernel.
@c(pthread_mutex_init)
public func interposedMutexInitialize(_ mutex: Int, _ attributes: Int) -> Int32 {
    if attributes != 0, isWatching, lm_is_robust(UInt(bitPattern: attributes)) != 0 {
        keepFromMerging(UInt(bitPattern: mutex), 40)
    }
    return Int32(truncatingIfNeeded: pass(.initializeMutex, mutex, attributes))
}
