import Glibc

/// One program for all targets, so that it is built once: by the name under which it is started, as libFuzzer starts it
/// again to merge.
@_extern(c)
nonisolated func LLVMFuzzerRunDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// The bytes of an input.
func inputBytes(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
    // SAFETY: libFuzzer passes as many bytes as it says.
    unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
}

let name = CommandLine.arguments[0].split(separator: "/").last ?? ""
let body: (@convention(c) (UnsafePointer<UInt8>?, Int) -> Int32)? =
    switch name {
    case "wire":
        {
            unsafe WireTarget.run(inputBytes($0, $1))
            return 0
        }
    case "control":
        {
            unsafe ControlTarget.run(inputBytes($0, $1))
            return 0
        }
    case "configuration":
        {
            unsafe ConfigurationTarget.run(inputBytes($0, $1))
            return 0
        }
    // Proof that what goes wrong is seen: a trap, and a read behind an allocation.
    case "trap":
        {
            let bytes = unsafe inputBytes($0, $1)
            // One byte after the other: only who sees which way an input took gets there.
            if bytes.count > 3, bytes[0] == 0x53, bytes[1] == 0x41, bytes[2] == 0x4D, bytes[3] == 0x45 {
                fatalError("trapped on purpose")
            }
            return 0
        }
    case "overflow":
        {
            let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
            unsafe memory.initialize(repeating: 1, count: 8)
            let place = unsafe inputBytes($0, $1).first == 0x21 ? 8 : 0
            defer { unsafe memory.deallocate() }
            return unsafe memory[place] == 77 ? -1 : 0
        }
    default: nil
    }
guard let body = unsafe body else {
    print("samepage-fuzz: start it by a link with the name of a target: wire, control or configuration")
    exit(64)
}
signal(SIGPIPE, SIG_IGN)
var count = CommandLine.argc
var arguments = unsafe CommandLine.unsafeArgv
exit(unsafe LLVMFuzzerRunDriver(&count, &arguments, body))
