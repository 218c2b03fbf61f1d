import PageMemory
import Wire

extension DaemonMemory {
    /// Where so many areas were asked about one by one in a wake-up they are first asked about together in the next.
    private static let fewestTogether = 4
    /// Pages of the largest area that is asked about so, and of all together: the agent has 0.5 ms.
    private static let mostPages = 1 << 14
    private static let mostPagesTogether = 1 << 18
    /// For so many wake-ups an area that had something to tell twice is observed without such a question.
    private static let patience: UInt64 = 8

    /// Finds out by one question, once a wake-up, which areas of a client have nothing to tell, from the one that is to be
    /// observed on. Whatever the answer, nothing is missed: the others are observed, and those that are quiet count as such
    /// only until the process has its next page fault, or for ``AreaWatch/longestQuiet``.
    ///
    /// - Parameter faults: The page faults of the process, counted before.
    /// - Returns: Whether it asked.
    func findQuiet(from first: AreaID, on connection: AgentConnection, faults: UInt64) -> Bool {
        guard connection.hello.flags & WireHello.tellsQuiet != 0, connection.countObservation(at: wakeUp) else {
            return false
        }
        let most = min(2 * connection.observations.before, WireLimit.areasOfMessage)
        guard most >= Self.fewestTogether else { return false }
        var asked: [(area: AreaID, number: UInt32)] = []
        var pages = 0
        connection.forEachArea(from: first, most: most) { area, number in
            guard let record = record(of: area), record.pageCount <= Self.mostPages, record.watch.isKnown,
                wakeUp >= record.watch.nextQuestion,
                !record.watch.isQuiet(
                    record.pageCount, faults: faults, now: wakeUpTime, disturbances: connection.disturbances)
            else { return true }
            pages += Int(record.pageCount)
            guard pages <= Self.mostPagesTogether else { return false }
            asked.append((area, number))
            return true
        }
        guard asked.count >= Self.fewestTogether else { return false }
        ask(asked, on: connection, faults: faults)
        return true
    }

    private func ask(_ areas: [(area: AreaID, number: UInt32)], on connection: AgentConnection, faults: UInt64) {
        connection.beginRequest(.quiet)
        for (_, number) in areas { connection.append(number) }
        guard connection.post(.quiet, entries: areas.count),
            let answer = connection.collect(WireQuiet.self, entries: areas.count...areas.count, of: UInt8.self)
        else { return }
        counted.agentSystemCalls &+= UInt64(answer.body.systemCalls)
        cpuOfAgents &+= connection.noteCPU(microseconds: answer.body.cpuMicroseconds)
        connection.observations.count += areas.count
        for (area, _) in areas {
            guard let said = connection.takeEntry(UInt8.self) else { return }
            note(said, of: area, on: connection, faults: faults)
        }
    }

    /// What the agent says of an area.
    private func note(_ said: UInt8, of area: AreaID, on connection: AgentConnection, faults: UInt64) {
        guard let record = record(of: area) else { return }
        guard said != WireQuiet.something else {
            record.watch.nextQuestion = record.watch.hadSomething ? wakeUp + Self.patience : 0
            record.watch.hadSomething = true
            return
        }
        record.watch.hadSomething = false
        record.watch.noteObserved(
            0..<record.pageCount, faults: faults, now: wakeUpTime,
            next: said == WireQuiet.nothing ? 0 : UInt64(said) << 27, disturbances: connection.disturbances)
    }
}

extension AgentConnection {
    /// Counts an observation.
    ///
    /// - Returns: Whether it is the first in a wake-up of the merger.
    fileprivate func countObservation(at wakeUp: UInt64) -> Bool {
        guard observations.wakeUp != wakeUp else {
            observations.count += 1
            return false
        }
        // Few in between do not mean that there will be few again.
        observations = (wakeUp, 1, max(observations.count, observations.before - (observations.before + 7) / 8))
        return true
    }

    /// Its areas from one on as they came, and then those before it, so many at most; until `body` says `false`.
    fileprivate func forEachArea(from first: AreaID, most: Int, _ body: (AreaID, UInt32) -> Bool) {
        let all = orderedAreas ?? areas.map { ($0.value, $0.key) }.sorted { $0.area.rawValue < $1.area.rawValue }
        orderedAreas = all
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].area.rawValue < first.rawValue { low = middle + 1 } else { high = middle }
        }
        for step in 0..<min(most, all.count) {
            let (area, number) = all[(low + step) % all.count]
            guard body(area, number) else { return }
        }
    }
}
