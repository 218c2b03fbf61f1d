/// Why a command could not do what it was asked to: exit status 1.
package struct CommandFailure: Error, Hashable, CustomStringConvertible {
    /// One line: what is wrong, and what to do.
    package let description: String

    /// States what is wrong.
    package init(_ description: String) { self.description = description }
}
