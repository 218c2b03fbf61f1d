import Glibc

/// What a longer run is asked for with.
enum Environment {
    /// Random sequences for each choice of strategies (`SAMEPAGE_SEQUENCES`).
    static var sequences: Int? { number("SAMEPAGE_SEQUENCES") }
    /// The number of the first of them (`SAMEPAGE_FIRST_SEQUENCE`).
    static var firstSequence: Int? { number("SAMEPAGE_FIRST_SEQUENCE") }

    #if DEBUG
        /// Whether the build is optimized: sequences are ten times and more as fast then.
        static let isOptimized = false
    #else
        static let isOptimized = true
    #endif

    private static func number(_ name: String) -> Int? {
        // SAFETY: the environment is not changed while tests run, and the string is copied at once.
        unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) }
    }
}
