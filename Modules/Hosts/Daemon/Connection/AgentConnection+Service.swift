import CLinuxMemory
package import Wire

extension AgentConnection {
    /// Lets the client in.
    ///
    /// - Parameters:
    ///   - settings: The settings that concern its agent.
    ///   - store: The store of its domain: the only one whose frames it ever gets.
    ///   - checksum: The checksum that the agent is to take.
    ///   - device: An open /dev/userfaultfd to pass, if the client may have it; it stays the caller's.
    /// - Returns: `false` when the connection is dead.
    @discardableResult
    package func welcome(
        settings: WireSettings, store: SegmentStore, checksum: WireChecksum, device: Int32? = nil
    ) -> Bool {
        guard !isDead else { return false }
        guard let upload = UploadBuffer(pageSize: store.pageSize) else {
            refuse("the daemon has no memory or descriptors left")
            return false
        }
        var welcome = WireWelcome()
        let outside = hello.flags & WireHello.takesOutside != 0 ? OutsideView(of: identity) : nil
        welcome.flags =
            WireWelcome.hasUpload | (device == nil ? 0 : WireWelcome.hasDevice)
            | (outside == nil ? 0 : WireWelcome.hasOutside)
        welcome.storeHigh = store.identity.high
        welcome.storeLow = store.identity.low
        welcome.checksum = checksum.rawValue
        welcome.settings = settings
        begin(.welcome)
        append(welcome)
        var descriptors = [upload.passed]
        if let device { descriptors.append(device) }
        self.upload = consume upload
        self.store = store
        if let outside { descriptors += [outside.status, outside.memory] }
        defer {
            self.upload?.closePassed()
            outside?.close()
        }
        return transmit(descriptors)
    }

    /// Turns the client away and ends the connection.
    ///
    /// - Parameter text: Why, in one line of at most ``WireLimit/text`` bytes; the rest is cut.
    package func refuse(_ text: String) {
        guard !isDead else { return }
        begin(.refused)
        var count = 0
        for byte in text.utf8.prefix(WireLimit.text) {
            append(byte)
            count += 1
        }
        room.outgoing.setCount(count)
        _ = transmit()
        close()
    }

    /// Tells the agent new settings.
    package func send(_ settings: WireSettings) {
        guard !isDead else { return }
        begin(.settings)
        append(settings)
        _ = transmit()
    }

    /// Asks the agent about itself; `nil` when the connection is dead.
    package func fetchStatistics() -> AgentStatistics? { askForStatistics() ? collectStatistics() : nil }

    /// The first half of that: many can be asked before the first answer is awaited. `false` when the connection is dead.
    func askForStatistics() -> Bool {
        beginRequest(.statistics)
        return post(.statistics)
    }

    /// The other half.
    func collectStatistics() -> AgentStatistics? {
        guard let answer = collect(WireStatistics.self, entries: 0...WireLimit.reasons, of: WireRefusal.self)
        else { return nil }
        var statistics = AgentStatistics(figures: answer.body, refusals: [])
        for _ in 0..<answer.entries {
            if let refusal = takeEntry(WireRefusal.self) { statistics.refusals.append(refusal) }
        }
        return statistics
    }
}
