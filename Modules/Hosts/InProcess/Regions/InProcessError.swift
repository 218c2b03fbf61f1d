/// Why an operation on mergeable memory of this process was refused. Everything is as it was then.
public struct InProcessError: Error, Hashable, Sendable {
    /// The kinds of refusals.
    public struct Code: Hashable, Sendable {
        let name: String

        /// The range does not start and end at a page, or is empty.
        public static let badRange = Code(name: "badRange")
        /// The range shares pages with registered memory.
        public static let alreadyRegistered = Code(name: "alreadyRegistered")
        /// Memory of this kind is never merged.
        public static let unmergeable = Code(name: "unmergeable")
        /// The region was released.
        public static let released = Code(name: "released")
        /// The region's bytes are being used.
        public static let inUse = Code(name: "inUse")
        /// Something may be writing to the pages behind the page tables.
        public static let pinned = Code(name: "pinned")
        /// The merger was stopped.
        public static let stopped = Code(name: "stopped")
        /// This process is a forked child: the merger is its parent's.
        public static let forked = Code(name: "forked")
        /// The system has no memory, map entries or descriptors left.
        public static let outOfResources = Code(name: "outOfResources")
        /// No attribute has this name, or it does not take this value.
        public static let badAttribute = Code(name: "badAttribute")
        /// The system refused something else.
        public static let system = Code(name: "system")
    }

    /// The kind of refusal.
    public let code: Code
    /// One line: what is wrong, and what to do.
    public let message: String
    /// The system's error number, where there is one.
    public let errorNumber: Int32?

    init(_ code: Code, _ message: String, errorNumber: Int32? = nil) {
        self.code = code
        self.message = message
        self.errorNumber = errorNumber
    }

    static func system(_ call: String, _ result: Int) -> InProcessError {
        let number = Int32(truncatingIfNeeded: -result)
        let isShortage = number == 12 || number == 23 || number == 24
        return InProcessError(
            isShortage ? .outOfResources : .system,
            "\(call) failed with error \(number)\(isShortage ? ": no memory, map entries or descriptors left" : "")",
            errorNumber: number)
    }
}

extension InProcessError: CustomStringConvertible {
    /// The message.
    public var description: String { message }
}
