import ArgumentParser
import Glibc

/// `samepage demo-process`: one of the processes that `samepage demo` starts, and nothing for people.
///
/// Takes a ``DemoRequest`` from each line of its standard input, answers on standard output, and ends with its input.
struct DemoProcessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo-process", abstract: "One process of 'samepage demo'.", shouldDisplay: false)

    @Argument(help: "Which of the processes this is, from 0.")
    var number: Int

    @Argument(help: "How many processes there are.")
    var processes: Int

    @Argument(help: "Pages of this process.")
    var pages: Int

    func validate() throws {
        guard pages > 0, processes > 0, (0..<processes).contains(number) else {
            throw ValidationError("'samepage demo' starts these processes")
        }
    }

    func run() throws {
        let memory = try DemoMemory(
            layout: DemoLayout(pagesPerProcess: pages, processes: processes), process: number)
        var input = LineBuffer()
        while let line = DemoProcessCommand.read(&input) {
            guard let request = DemoRequest(rawValue: line) else {
                DemoProcessCommand.say(.failed("'\(line)' is no request"))
                continue
            }
            do {
                DemoProcessCommand.say(.done(try answer(request, memory)))
            } catch {
                DemoProcessCommand.say(.failed("\(error)"))
            }
            if request == .quit { return }
        }
    }

    private func answer(_ request: DemoRequest, _ memory: DemoMemory) throws -> Int {
        var nextNanoseconds: UInt64 = 0
        /// Ten times a second.
        func tell(_ pages: Int) {
            let now = Accounts.wallNanoseconds()
            guard now >= nextNanoseconds else { return }
            nextNanoseconds = now + 100_000_000
            DemoProcessCommand.say(.progress(pages))
        }
        switch request {
        case .fill: return try memory.fill(tell)
        case .mark: return try memory.advise(MADV_MERGEABLE)
        case .verify: return memory.verify(tell)
        case .write: return try memory.write()
        case .unmerge: return try memory.advise(MADV_UNMERGEABLE)
        case .quit: return 0
        }
    }

    /// Waits for a line; `nil` when there are no more.
    private static func read(_ input: inout LineBuffer) -> String? {
        var piece = [UInt8](repeating: 0, count: 256)
        let size = piece.count
        while true {
            if let line = input.next() { return line }
            // SAFETY: the buffer outlives the call and has this size.
            let count = unsafe piece.withUnsafeMutableBytes {
                unsafe Glibc.read(STDIN_FILENO, $0.baseAddress, size)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0, !input.isOverfull else { return nil }
            input.append(piece[..<count])
        }
    }

    /// Answers. When nobody listens any more, the demo has ended, and so does this process (SIGPIPE).
    private static func say(_ answer: DemoAnswer) {
        var bytes = Array("\(answer.line)\n".utf8)
        let count = bytes.count
        // SAFETY: the bytes outlive the call. The other side reads all the time: the socket's buffer is never full.
        _ = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, count) }
    }
}
