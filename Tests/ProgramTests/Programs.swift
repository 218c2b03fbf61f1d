import Glibc
import Testing

/// The C programs of these tests, compiled into the build folder once in a run of the tests.
actor Programs {
    static let shared = Programs()
    private var made: [String: String] = [:]

    /// The path of a program; `options` go to the compiler after the source.
    func path(_ name: String, from source: String? = nil, options: [String] = []) async throws -> String {
        let key = ([name] + options).joined(separator: " ")
        if let path = made[key] { return path }
        let folder = "\(Machine.products)/ProgramTests.programs"
        // SAFETY: the text outlives the call.
        unsafe mkdir(folder, 0o755)
        let path = ([folder + "/" + name] + options.map { $0.filter { $0.isLetter || $0.isNumber } }).joined(
            separator: "-")
        let compiler = try #require(Machine.program("cc"))
        let compiled = try await run(
            [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path]
                + [source ?? "\(Machine.programs)/\(name).c", "-pthread"] + options, within: .seconds(120))
        try #require(compiled.status == 0, "\(name).c: \(compiled.errors)")
        made[key] = path
        return path
    }

    /// Pages that could be given back, found by a program of its own: `count_duplicates`.
    func duplicates(_ arguments: [String]) async throws -> Duplicates {
        let counted = try await run([try await path("count_duplicates")] + arguments, within: .seconds(120))
        let fields = counted.output.split(whereSeparator: \.isWhitespace)
        try #require(counted.status == 0 && fields.count == 8, "\(counted.output) \(counted.errors)")
        let numbers = fields.compactMap { Int($0) }
        try #require(numbers.count == 4)
        return Duplicates(pages: numbers[0], zeros: numbers[1], duplicates: numbers[2])
    }
}

/// The answer of `count_duplicates`.
struct Duplicates {
    let pages: Int
    let zeros: Int
    /// Pages that could be given back, zeros among them.
    let duplicates: Int
}

/// A `worker` and the memory that it has mapped.
struct Worker {
    let child: Child
    let process: pid_t
    var area = Area(process: 0, start: 0, bytes: 0)

    /// Starts one: `prefix` is the command that becomes the program.
    static func start(_ prefix: [String] = [], environment: [String: String] = [:]) async throws -> Worker {
        let child = try Child(prefix + [try await Programs.shared.path("worker")], environment: environment)
        let process = try #require(pid_t(try await child.line().dropFirst("ready ".count)))
        return Worker(child: child, process: process)
    }

    /// Maps pages and fills them: page i with content `seed` + i.
    mutating func map(pages: Int, seed: Int) async throws {
        let fields = try await child.ask("map \(pages)").split(separator: " ")
        try #require(fields.count == 3)
        area = Area(process: process, start: try #require(UInt(fields[1])), bytes: pages * 4096)
        try await tell("fill \(seed)")
    }

    /// Gives a command whose answer is `ok`.
    func tell(_ command: String) async throws {
        let answer = try await child.ask(command)
        try #require(answer == "ok", "\(command): \(answer)")
    }

    /// Looks at every byte.
    func verify() async throws {
        let answer = try await child.ask("verify")
        try #require(answer == "ok \(area.bytes / 4096)", "process \(process): \(answer)")
    }

    /// Pages that lie over a file by the kernel's word.
    func merged() async throws -> Int {
        let answer = try await child.ask("merged")
        return try #require(Int(answer.dropFirst("ok ".count)), "\(answer)")
    }

    /// What ``merged()`` says of each.
    static func merged(_ workers: [Worker]) async throws -> [Int] {
        var merged: [Int] = []
        for worker in workers { merged.append(try await worker.merged()) }
        return merged
    }
}
