import Testing

/// Situations in which a program must not be able to tell that Samepage is there: Tests/Programs/Cases.
enum Cases {
    static var folder: String { "\(Machine.programs)/Cases" }

    /// Their names, in order.
    static let names: [String] = Machine.names(inFolder: folder).compactMap { file in
        guard file != "child_program.py", file.hasSuffix(".c") || file.hasSuffix(".py") else { return nil }
        return String(file.prefix { $0 != "." })
    }.sorted()

    /// Two at a time: most of them wait most of the time.
    static let pairs: [[String]] = stride(from: 0, to: names.count, by: 2).map {
        Array(names[$0..<min($0 + 2, names.count)])
    }
}

extension RealPrograms {
    @Suite(.enabled(if: Python.isThere, "needs python3"))
    struct CaseTests {
        /// Each program answers under Samepage as it does plainly; one that cannot run plainly here says so in the log.
        @Test(.timeLimit(.minutes(3)), arguments: Cases.pairs)
        func answersAsPlainly(names: [String]) async throws {
            try await withThrowingTaskGroup { group in
                for name in names { group.addTask { try await Self.answersAsPlainly(name) } }
                try await group.waitForAll()
            }
        }

        private static func answersAsPlainly(_ name: String) async throws {
            let command = [try Python.path(), "\(Cases.folder)/run-cases", Machine.samepage, name]
            let done = try await run(command, within: .seconds(150))
            if done.output.contains("| skipped") { print("\(name): \(done.output)") }
            #expect(done.status == 0, "\(done.output) \(done.errors)")
        }

        @Test func thereAreCases() { #expect(Cases.names.count >= 40) }
    }
}
