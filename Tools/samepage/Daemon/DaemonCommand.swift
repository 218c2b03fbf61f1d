import ArgumentParser
import Assembly
import CLinuxMemory
import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// `samepage daemon`.
struct DaemonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon",
        abstract: "Merge memory of programs that 'samepage run' started.",
        discussion: """
            SIGTERM and SIGINT stop it; programs keep what is merged. SIGHUP reads the configuration again: keys whose \
            values changed are set, as far as a running daemon can.

            Configuration: flags (below) win over the environment (SAMEPAGE_ROW_LENGTH for rowLength) over the file \
            over the defaults. In the file, YAML or JSON, keys have the names in parentheses; keys of a plug-in stand \
            under its name.

            \(KeyFlags.help(StrategyRegistry.standard.configurationKeys))
            """)

    @Option(help: ArgumentHelp("The configuration, YAML or JSON.", valueName: "file"))
    var config: String?

    @OptionGroup var socket: SocketOption

    @Option(help: ArgumentHelp("What is logged: \(levels).", valueName: "level"))
    var logLevel = "info"

    @Argument(
        parsing: .allUnrecognized, help: ArgumentHelp("Keys of the configuration.", valueName: "--key value"))
    var keys: [String] = []

    private static var levels: String { Logger.Level.allCases.map(\.rawValue).joined(separator: ", ") }

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("'\(logLevel)' is no log level: choose one of \(Self.levels)")
        }
        _ = try flags()
    }

    func run() async throws {
        // Until there is a handler, as after: a daemon that is told to read its configuration does not end of it. A log
        // that nobody reads any more is no reason to end either.
        _ = signal(SIGHUP, SIG_IGN)
        _ = signal(SIGPIPE, SIG_IGN)
        // Each domain has a thread and large tables, which come and go.
        lm_give_back_freed_memory()
        let registry = StrategyRegistry.standard
        let socketPath = try socket.path(.toListen)
        let logger = Logger(label: "samepage") { _ in LineLog(logLevel: Logger.Level(rawValue: logLevel) ?? .info) }
        let source = ConfigurationSource(
            flags: try flags(), environment: Environment.variables(), file: config.map(SocketPath.absolute))
        let configuration = try source.read(registry)
        let (merger, frontEnds) = try configuration.makeMerger(
            socketPath: socketPath, from: registry, logger: logger)
        for name in source.unknownVariables(registry) {
            logger.warning("\(name) is no key of the configuration: it does nothing")
        }
        let reload = Reload(
            configuration, from: source, registry: registry, socketPath: socketPath, merger: merger, logger: logger)
        // The group logs what is thrown here too.
        var groupLogger = logger
        groupLogger.logLevel = .critical
        typealias Run = ServiceGroupConfiguration.ServiceConfiguration
        var group = ServiceGroupConfiguration(
            services: [Run(service: MergerRun(merger: merger)), Run(service: reload)]
                + frontEnds.map {
                    Run(service: FrontEndRun(frontEnd: $0, merger: merger), successTerminationBehavior: .ignore)
                },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: groupLogger)
        group.maximumGracefulShutdownDuration = .seconds(30)
        try await ServiceGroup(configuration: group).run()
    }

    private func flags() throws -> [String: String] {
        do throws(KeyFlags.Failure) {
            return try KeyFlags.parse(keys, StrategyRegistry.standard.configurationKeys)
        } catch {
            throw ValidationError(error.message)
        }
    }
}
