import ArgumentParser
import Assembly

/// `samepage strategies`.
struct StrategiesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strategies",
        abstract: "List every checksum, tree, policy and front end that configuration can name.")

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() {
        let list = StrategyList(.standard)
        print(json ? "\(list.json)\n" : list.text, terminator: "")
    }
}
