import Assembly
import Dispatch
import FrontEnd
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The merger as a service.
struct MergerRun: Service {
    let merger: any MergerService

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await merger.run() }
    }
}

/// A front end as a service. One that has nothing to do, such as a view without a terminal, ends early.
struct FrontEndRun: Service {
    let frontEnd: any FrontEnd
    let merger: any MergerService

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await frontEnd.run(merger) }
    }
}

/// Reads the configuration again at each SIGHUP; what is wrong with it is logged, and nothing changes then.
final class Reload: Service {
    private let source: ConfigurationSource
    private let registry: StrategyRegistry
    private let socketPath: String
    private let merger: any MergerService
    private let logger: Logger
    private let current: Mutex<SamepageConfiguration>

    init(
        _ configuration: SamepageConfiguration, from source: ConfigurationSource, registry: StrategyRegistry,
        socketPath: String, merger: any MergerService, logger: Logger
    ) {
        self.source = source
        self.registry = registry
        self.socketPath = socketPath
        self.merger = merger
        self.logger = logger
        current = Mutex(configuration)
    }

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            // To set `run` to 2 takes as long as unmerging does; the threads that tasks share are for others too.
            await withCheckedContinuation { done in
                DispatchQueue.global().async {
                    self.reload()
                    done.resume()
                }
            }
        }
    }

    private func reload() {
        do {
            let new = try source.read(registry)
            let old = current.withLock(\.self)
            try merger.update(from: old, to: new, of: registry, socketPath: socketPath)
            current.withLock { $0 = new }
            logger.notice("configuration read again")
            let waiting = registry.configurationKeys.filter { $0.isFixed && old.value(of: $0) != new.value(of: $0) }
            if !waiting.isEmpty {
                let names = waiting.map(\.name).joined(separator: ", ")
                logger.warning("changed, but used only after a restart: \(names)")
            }
        } catch {
            logger.error("configuration not taken: \(error)")
        }
    }
}
