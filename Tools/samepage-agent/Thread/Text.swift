/// A literal as C takes it: ended by a zero byte, and there for good.
func text(_ literal: StaticString) -> UnsafePointer<CChar> {
    // SAFETY: literals of more than one character are stored so.
    unsafe UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
}
