import Testing

/// All tests of merging in this process, one after the other: they fork, exhaust map entries, and count memory.
@Suite("Merging in one process", .serialized, .enabled(if: canMerge, "\(whyNot)"))
struct RealMemory {}
