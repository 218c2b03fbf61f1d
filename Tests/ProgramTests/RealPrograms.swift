import Testing

/// Unmodified programs with the agent and the daemon, one test after the other: they count memory and time.
@Suite("Real programs", .serialized, .enabled(if: Machine.obstacle == nil, "\(Machine.obstacle ?? "")"))
struct RealPrograms {}
