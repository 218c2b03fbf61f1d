import Daemon
public import FrontEnd
public import Logging

/// A merger that serves until it is stopped: what `samepage daemon` runs.
public protocol MergerService: MergerControl {
    /// Serves until the task is cancelled.
    ///
    /// - Throws: What keeps it from serving, in one line for people.
    func run() async throws

    /// Takes another configuration while it runs, as far as it can, and logs what it cannot take. Values that did not
    /// change are left alone, so that what was set by hand stays.
    ///
    /// - Throws: ``ConfigurationError`` for one that a new merger could not be made of; nothing is changed then.
    func update(
        from old: SamepageConfiguration, to new: SamepageConfiguration, of registry: StrategyRegistry,
        socketPath: String
    ) throws
}

extension SamepageConfiguration {
    /// The merger that this configuration describes, and its front ends.
    ///
    /// - Parameters:
    ///   - socketPath: Where programs find the merger.
    ///   - logger: Takes what administrators should know.
    /// - Throws: ``ConfigurationError``, or what keeps the merger from being made.
    public func makeMerger(
        socketPath: String, from registry: StrategyRegistry = .standard, logger: Logger
    ) throws -> (merger: any MergerService, frontEnds: [any FrontEnd]) {
        let merger = try Self.pick(memory, "memory", registry.memories)(self, registry, socketPath, logger)
        var frontEnds: [any FrontEnd] = []
        for name in self.frontEnds {
            frontEnds.append(try Self.pick(name, "frontEnds", registry.frontEnds)(socketPath))
        }
        return (merger, frontEnds)
    }
}
