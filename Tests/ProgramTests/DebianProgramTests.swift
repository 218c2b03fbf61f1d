import Testing

extension RealPrograms {
    /// Programs of Debian's packages: those that take a few seconds. `make programs` runs all.
    @Suite(.enabled(if: Python.isThere, "needs python3"))
    struct DebianProgramTests {
        @Test(.timeLimit(.minutes(5))) func workAsPlainly() async throws {
            let script = "\(Machine.programs)/Real/run"
            let command = [try Python.path(), script, "--short", "--no-install", Machine.samepage]
            let done = try await run(command, within: .seconds(280))
            print(done.output)
            #expect(done.status == 0, "\(done.output) \(done.errors)")
        }
    }
}
