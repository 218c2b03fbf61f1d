/// What happens on a simulated machine, step by step, and what is expected of its merger.
public struct Scenario: Sendable, Hashable {
    /// What it is called.
    public var name: String
    /// What it shows, in a sentence or two.
    public var about: String
    /// NUMA nodes of the machine.
    public var nodes = 1
    /// Bytes in a page.
    public var pageSize = 4096
    /// What scanning a page costs the merger, in nanoseconds of CPU time.
    public var pageCost: UInt64 = 1000
    /// What happens, in this order.
    public var steps: [Step] = []

    /// Names a scenario in which nothing happens.
    public init(name: String, about: String = "") {
        self.name = name
        self.about = about
    }
}

extension Scenario {
    /// One step, and where it was written.
    public struct Step: Sendable, Hashable {
        /// What happens.
        public var action: Action
        /// The error that is expected, by the kernel's name, as `ENOMEM`; `nil` for none. Of attributes and of what programs
        /// ask the kernel for.
        public var error: String?
        /// The line of the file, from 1; 0 for a step that is in none.
        public var line: Int

        /// Makes a step.
        public init(_ action: Action, error: String? = nil, line: Int = 0) {
            self.action = action
            self.error = error
            self.line = line
        }
    }

    /// Pages of an area of a program, by their places in it.
    public struct Place: Sendable, Hashable {
        /// The program.
        public var program: String
        /// Its area.
        public var area: String
        /// Places in the area; `nil` for all.
        public var pages: Range<UInt64>?

        /// Names pages.
        public init(program: String, area: String, pages: Range<UInt64>? = nil) {
            self.program = program
            self.area = area
            self.pages = pages
        }
    }

    /// What pages are filled with.
    public enum Content: Sendable, Hashable {
        /// The same byte everywhere.
        case byte(UInt8)
        /// Each page another content, the same for the same number wherever it is: page i holds number first + i.
        case numbered(first: UInt64)
        /// The same text at the start of each page, zeros behind it.
        case text(String)
    }

    /// How a figure compares with a number.
    public enum Comparison: String, Sendable, Hashable, CaseIterable {
        case equal = "="
        case atLeast = ">="
        case atMost = "<="
        case unequal = "!="

        /// Whether the figure is as wanted.
        public func holds(_ found: Int, _ wanted: Int) -> Bool {
            switch self {
            case .equal: found == wanted
            case .atLeast: found >= wanted
            case .atMost: found <= wanted
            case .unequal: found != wanted
            }
        }
    }

    /// What a figure must be.
    public struct Condition: Sendable, Hashable {
        /// The name of an attribute whose value is a number: today's name, whatever the dialect is.
        public var name: String
        /// How it is compared.
        public var comparison: Comparison
        /// With what.
        public var number: Int

        /// States a condition.
        public init(_ name: String, _ comparison: Comparison, _ number: Int) {
            self.name = name
            self.comparison = comparison
            self.number = number
        }
    }
}
