package import Wire

/// What an agent says unasked.
package enum ConnectionEvent: Sendable {
    /// An area may be scanned from now on.
    case areaAdded(WireArea)
    /// Nothing of an area, named by the agent's own number, can be read or merged any more.
    case areaRemoved(UInt32)
}

/// What an agent knows of itself and its process.
package struct AgentStatistics: Sendable {
    /// The figures.
    package var figures: WireStatistics
    /// Memory that is not merged, by reason.
    package var refusals: [WireRefusal]
}
