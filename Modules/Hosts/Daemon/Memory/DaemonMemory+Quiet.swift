import PageMemory
import Wire

extension DaemonMemory {
    /// Areas of which so many are observed in one wake-up are first asked about together.
    private static let fewestTogether = 4
    /// Pages of the largest area that is asked about so: a look at it holds up nobody for long.
    private static let mostPagesTogether: UInt32 = 1 << 16

    /// Finds out by one question, once a wake-up, which areas of a client have nothing to tell, where the merger looks at many
    /// of them. Whatever the answer, nothing is missed: the others are observed, and those that are quiet count as such only
    /// until the process has its next page fault.
    ///
    /// - Parameter faults: The page faults of the process, counted before.
    func findQuiet(on connection: AgentConnection, faults: UInt64) {
        guard connection.hello.flags & WireHello.tellsQuiet != 0, connection.isFirstObservation(at: wakeUp) else { return }
        guard connection.observations.before >= Self.fewestTogether else { return }
        var asked: [(number: UInt32, area: AreaID)] = []
        for (number, area) in connection.areas {
            guard let record = record(of: area), record.pageCount <= Self.mostPagesTogether, record.watch.isKnown,
                unsure[area] == nil,
                !record.watch.isQuiet(
                    record.pageCount, faults: faults, now: wakeUpTime, disturbances: connection.disturbances)
            else { continue }
            asked.append((number, area))
        }
        guard asked.count >= Self.fewestTogether, connection.lateRuns.isEmpty else { return }
        var next = asked[...]
        while !next.isEmpty {
            let some = next.prefix(WireLimit.areasOfMessage)
            guard ask(some, on: connection, faults: faults) else { return }
            next = next.dropFirst(some.count)
        }
    }

    /// One question; `false` when the connection is dead, or its process stopped.
    private func ask(
        _ areas: ArraySlice<(number: UInt32, area: AreaID)>, on connection: AgentConnection, faults: UInt64
    ) -> Bool {
        connection.beginRequest(.quiet)
        for (number, _) in areas { connection.append(number) }
        guard connection.post(.quiet, entries: areas.count),
            let answer = connection.collect(WireQuiet.self, entries: areas.count...areas.count, of: UInt8.self)
        else { return false }
        counted.agentSystemCalls &+= UInt64(answer.body.systemCalls)
        cpuOfAgents &+= connection.noteCPU(microseconds: answer.body.cpuMicroseconds)
        for (_, area) in areas {
            guard connection.takeEntry(UInt8.self) == 1, let record = record(of: area) else { continue }
            record.watch.noteObserved(
                0..<record.pageCount, faults: faults, now: wakeUpTime, next: 0,
                disturbances: connection.disturbances)
        }
        return true
    }
}

extension AgentConnection {
    /// Counts an observation, and says whether it is the first in a wake-up of the merger.
    func isFirstObservation(at wakeUp: UInt64) -> Bool {
        guard observations.wakeUp != wakeUp else {
            observations.count += 1
            return false
        }
        observations = (wakeUp, 1, observations.count)
        return true
    }
}
