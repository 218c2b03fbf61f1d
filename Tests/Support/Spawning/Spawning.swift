import CTortureWriters
import Glibc

/// Starts a program for a test, in a process group of its own.
///
/// It inherits nothing but what is given here: whoever runs the tests may have descriptors open, or ignore signals. By
/// posix_spawn, whose child shares the memory until it is another program: a child made by fork would make all memory of
/// the caller busy for those who merge it.
///
/// - Parameters:
///   - command: The program, by its path or by a name that PATH finds, and its arguments.
///   - environment: Each as "NAME=value"; `nil` for the caller's.
///   - descriptors: What become its input, output and error output. They stay the caller's.
/// - Returns: Its process number, or minus an error number.
package func spawn(_ command: [String], environment: [String]? = nil, descriptors: [3 of Int32]) -> Int32 {
    // SAFETY: the texts are freed after the call; both arrays of them end with a null pointer.
    var arguments: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = unsafe (environment ?? []).map { unsafe strdup($0) } + [nil]
    defer {
        unsafe arguments.forEach { unsafe free($0) }
        unsafe variables.forEach { unsafe free($0) }
    }
    let numbers = [descriptors[0], descriptors[1], descriptors[2]]
    guard environment != nil else { return unsafe tw_spawn(&arguments, nil, numbers) }
    return unsafe tw_spawn(&arguments, &variables, numbers)
}
