import ArgumentParser
import Assembly

/// `samepage strategies`.
struct StrategiesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strategies",
        abstract: "List every checksum, tree, policy, memory and front end that configuration can name.")

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let list = StrategyList(.standard)
        print(try json ? JSONOutput.text(of: list) : list.text, terminator: "")
    }
}
