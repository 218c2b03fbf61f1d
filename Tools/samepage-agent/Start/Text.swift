/// A literal as C takes it: ended by a zero byte, and there for good.
func text(_ literal: StaticString) -> UnsafePointer<CChar> {
    // SAFETY: literals of more than one character are stored so.
    unsafe UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// Bytes of a text of C's, without the zero byte that ends it.
func textLength(of text: UnsafePointer<CChar>) -> Int {
    var length = 0
    // SAFETY: up to the zero byte.
    while unsafe text[length] != 0 { length += 1 }
    return length
}
