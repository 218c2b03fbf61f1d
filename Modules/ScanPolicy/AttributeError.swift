/// Why a value was not taken for an attribute. ``kernelError`` says what a write to the kernel's file would answer.
public enum AttributeError: Error, Sendable, Hashable {
    /// No attribute has this name (ENOENT).
    case unknown(name: String)
    /// The attribute only reports (EACCES).
    case readOnly(name: String)
    /// The text is not a value that the attribute takes (EINVAL).
    case invalid(name: String, value: String, expected: String)
    /// The number is too large for the attribute's type, where the kernel tells that apart (ERANGE).
    case outOfRange(name: String, value: String, expected: String)
    /// The attribute cannot change in the state of things (EBUSY).
    case busy(name: String, reason: String)
    /// The attribute cannot be set because another policy steers it (EINVAL).
    case steered(name: String, reason: String)
}

extension AttributeError {
    /// The name of the error that the kernel gives: `EINVAL`, `EBUSY`, `ERANGE`, `EACCES` or `ENOENT`.
    public var kernelError: String {
        switch self {
        case .unknown: "ENOENT"
        case .readOnly: "EACCES"
        case .invalid, .steered: "EINVAL"
        case .outOfRange: "ERANGE"
        case .busy: "EBUSY"
        }
    }
}

extension AttributeError: CustomStringConvertible {
    /// One line that says what is wrong and what would be right.
    public var description: String {
        switch self {
        case .unknown(let name): "there is no attribute '\(name)'"
        case .readOnly(let name): "attribute '\(name)' can only be read"
        case .invalid(let name, let value, let expected), .outOfRange(let name, let value, let expected):
            "'\(value)' is no value for \(name): it takes \(expected)"
        case .busy(let name, let reason), .steered(let name, let reason):
            "attribute '\(name)' cannot be set now: \(reason)"
        }
    }
}
