import ArgumentParser

/// Real memory under everything that programs do with it at the same time.
@main
struct Torture: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samepage-torture", abstract: "Tortures same-page merging, and checks every byte.",
        subcommands: [InProcessTorture.self, ProcessTorture.self], defaultSubcommand: InProcessTorture.self)
}
