import CLinuxMemory
import Logging
import Merger
import PageMemory
import Wire

extension DomainEngine {
    /// Takes a process into the domain.
    ///
    /// - Parameter device: An open /dev/userfaultfd for it; `nil` for none.
    func admit(_ guest: Guest, device: Int32?) {
        nextSpace &+= 1
        let connection = AgentConnection(
            descriptor: guest.descriptor, identity: guest.identity, space: AddressSpaceID(rawValue: nextSpace),
            hello: guest.hello, room: room)
        let client = Client(connection)
        clients.append(client)
        emptySince = nil
        connection.welcome(
            settings: settings, store: memory.base.store, checksum: memory.base.wireChecksum, device: device)
        gate.logger.debug("\(client.name) joined")
    }

    /// Does what clients have said, and lets those go that are gone. True if there was anything.
    func takeNews() -> Bool {
        var isNews = false
        var isSilent = false
        var gone: [Client] = []
        for client in clients {
            let events = client.connection.takeEvents()
            for event in events where !client.connection.isDead {
                switch event {
                case .areaAdded(let area): add(area, of: client)
                case .areaRemoved(let number): remove(number, of: client)
                }
            }
            if !client.waiting.isEmpty, !events.isEmpty { addWaiting(of: client) }
            if !events.isEmpty { isNews = true }
            if let silence = client.connection.silence {
                client.connection.silence = nil
                isSilent = true
                if !client.connection.isDead {
                    gate.warn(
                        "silent", ofUser: Int64(client.identity.user), because: silence, "\(client.name) \(silence)")
                }
            }
            if client.connection.isDead || client.hasEnded { gone.append(client) }
        }
        for client in gone { drop(client, because: client.hasEnded ? nil : client.connection.failure) }
        // Whoever stops one program often stops several: the others are asked all at once whether they are there, or
        // each would cost as much time as the first.
        if isSilent { hearAgents() }
        guard isNews || isSilent || !gone.isEmpty else { return false }
        publishSize()
        return true
    }

    private func add(_ area: WireArea, of client: Client) {
        // The memory may know the number's former area a while longer than the agent.
        guard client.connection.areas[area.area] == nil, !client.waiting.contains(where: { $0.area == area.area })
        else {
            return misbehaved(client, "used an area's number twice")
        }
        guard area.pageCount > 0, area.firstPage < Client.endOfSpace else {
            return misbehaved(client, "added an area that cannot be")
        }
        let bytes = Self.bytesOfArea + Int(UInt64(area.pageCount) / Self.pagesOfByte)
        guard client.areas.count < WireLimit.areas, client.pages + UInt64(area.pageCount) <= Client.mostPages,
            budget.mayKeep(bytes)
        else {
            gate.warn(
                "large \(client.identity.user)",
                "\(client.name) has more areas than are scanned: \(area.pageCount) pages are left out")
            return
        }
        guard nextArea < UInt32.max else {
            gate.warn("numbers", "\(client.name): all numbers of areas are used up; restart the daemon")
            return
        }
        let identifier = AreaID(rawValue: nextArea)
        do throws(AreaError) {
            try merger.add(
                Area(
                    id: identifier, space: client.connection.space, firstPage: area.firstPage,
                    pageCount: area.pageCount))
        } catch .overlaps {
            guard client.waiting.count < Client.mostWaiting else {
                return misbehaved(client, "added areas that lie over one another")
            }
            client.waiting.append(area)
            return
        } catch {
            return misbehaved(client, "\(error)")
        }
        nextArea += 1
        client.areas[area.area] = ClientArea(id: identifier, pageCount: area.pageCount)
        client.pages += UInt64(area.pageCount)
        share.grant(pages: client.pages, to: client.identity.pid, now: lm_monotonic_nanoseconds())
        budget.keep(bytes)
        kept += bytes
        memory.base.add(identifier, on: client.connection, wire: area.area, pageCount: area.pageCount)
        if merger.run == .unmerge { client.toUnshare.insert(identifier) }
        wakeSoon()
    }

    /// Areas that waited for others to leave.
    func addWaiting(of client: Client) {
        let waiting = client.waiting
        client.waiting.removeAll()
        for area in waiting { add(area, of: client) }
    }

    private func remove(_ number: UInt32, of client: Client) {
        client.waiting.removeAll { $0.area == number }
        // Numbers of areas that were left out are unknown here.
        guard let area = client.areas.removeValue(forKey: number) else { return }
        client.pages -= UInt64(area.pageCount)
        merger.remove(area.id)
        client.toUnshare.remove(area.id)
        leaving.append(area.id)
        letGo()
    }

    private func misbehaved(_ client: Client, _ reason: String) {
        if client.connection.failure == nil { client.connection.failure = reason }
    }

    /// Ends a connection. What is merged in the process stays as it is.
    ///
    /// - Parameter reason: For the log; `nil` when there is nothing to say.
    func drop(_ client: Client, because reason: String?) {
        guard let place = clients.firstIndex(where: { $0 === client }) else { return }
        clients.remove(at: place)
        if let reason {
            gate.warn(
                "drop", ofUser: Int64(client.identity.user), because: reason, "\(client.name) is dropped: \(reason)")
        } else {
            gate.logger.debug("\(client.name) left")
        }
        cpuOfAgentsBefore &+= client.cpuNanoseconds
        client.connection.close()
        for area in client.areas.values {
            merger.remove(area.id)
            leaving.append(area.id)
        }
        client.areas.removeAll()
        client.waiting.removeAll()
        letGo()
        memory.base.detach(client.connection)
        clientLeft()
        if clients.isEmpty { emptySince = lm_monotonic_nanoseconds() }
    }

    /// A client that claims more pages than the machine can have costs others memory here.
    func checkSize() {
        publishSize()
        guard budget.isExceeded(byOneThatKeeps: kept), let largest = clients.max(by: { $0.pages < $1.pages })
        else { return }
        drop(largest, because: "its user's programs claim more pages than are possible here, and it most of its domain")
        publishSize()
    }

    private func publishSize() {
        let areas = clients.reduce(into: (count: 0, bytes: 0)) { sum, client in
            sum.count += client.areas.count
            sum.bytes += Int(client.pages / Self.pagesOfByte)
        }
        let counters = merger.counters
        let now =
            counters.items * Counters.bytesPerItem + counters.extraBytes + areas.count * Self.bytesOfArea + areas.bytes
        budget.keep(now - kept)
        kept = now
    }

    /// What an area takes whether its pages exist or not: a number for each 64 pages, and its records.
    private static let pagesOfByte: UInt64 = 16
    private static let bytesOfArea = 512
}
