import PageMemory

/// Pages of the same content that wait until enough programs hold it (`minimum_sharers`), beside the unstable tree.
///
/// Of each group one page, its leader, stands in the unstable tree and is not kept here; all others are its members.
/// Groups live as long as the tree. A page that is the only one of its content needs no group.
struct WaitingGroups {
    fileprivate struct Group {
        /// All but the leader.
        var members: [UInt32] = []
        /// Pages of each address space, the leader's included; fewer spaces than `minimum_sharers`.
        var spaces: [(id: AddressSpaceID, pages: UInt32)]
    }

    private struct Place {
        var leader: UInt32
        var index: UInt32
    }

    /// What a page was that has left.
    enum Role {
        /// In no group.
        case alone
        case member
        /// The leader of these pages, which are in no group now.
        case leader([UInt32])
    }

    private var groups: [UInt32: Group] = [:]
    private var places: [UInt32: Place] = [:]

    /// Bytes for each member, tables that are half empty included.
    static let bytesPerMember = 40

    /// Pages that wait, leaders not counted.
    var memberCount: Int { places.count }

    /// How many address spaces there would be with a page of `space` in the group of a leader.
    ///
    /// - Complexity: O(k) in the address spaces of the group.
    func spaceCount(of leader: UInt32, in leaderSpace: AddressSpaceID, with space: AddressSpaceID) -> Int {
        guard let spaces = groups[leader]?.spaces else { return leaderSpace == space ? 1 : 2 }
        return spaces.contains { $0.id == space } ? spaces.count : spaces.count + 1
    }

    mutating func add(
        _ page: UInt32, of space: AddressSpaceID, to leader: UInt32, in leaderSpace: AddressSpaceID
    ) {
        let index = groups[leader, default: Group(spaces: [(leaderSpace, 1)])].add(page, of: space)
        places[page] = Place(leader: leader, index: index)
    }

    /// Takes a page out of its group, and ends the group with its leader.
    ///
    /// - Complexity: O(k) in the address spaces of the group for a member, O(n) in its pages for a leader.
    mutating func leave(_ page: UInt32, of space: AddressSpaceID) -> Role {
        guard !groups.isEmpty else { return .alone }
        guard let place = places.removeValue(forKey: page) else {
            let members = take(page)
            return members.isEmpty ? .alone : .leader(members)
        }
        if let moved = groups[place.leader]!.remove(at: place.index, of: space) {
            places[moved]!.index = place.index
        } else if groups[place.leader]!.isEmpty {
            groups[place.leader] = nil
        }
        return .member
    }

    /// Ends the group of a leader.
    ///
    /// - Returns: Its members.
    mutating func take(_ leader: UInt32) -> [UInt32] {
        guard let group = groups.removeValue(forKey: leader) else { return [] }
        for member in group.members { places[member] = nil }
        return group.members
    }

    mutating func removeAll() {
        guard !groups.isEmpty else { return }
        groups.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
    }
}

extension WaitingGroups.Group {
    fileprivate var isEmpty: Bool { members.isEmpty }

    /// - Returns: The place of the page.
    fileprivate mutating func add(_ page: UInt32, of space: AddressSpaceID) -> UInt32 {
        members.append(page)
        if let index = spaces.firstIndex(where: { $0.id == space }) {
            spaces[index].pages += 1
        } else {
            spaces.append((space, 1))
        }
        return UInt32(members.count - 1)
    }

    /// - Returns: The member that is at this place now; `nil` for none.
    fileprivate mutating func remove(at index: UInt32, of space: AddressSpaceID) -> UInt32? {
        let place = spaces.firstIndex { $0.id == space }!
        spaces[place].pages -= 1
        if spaces[place].pages == 0 { spaces.remove(at: place) }
        let last = members.removeLast()
        guard Int(index) < members.count else { return nil }
        members[Int(index)] = last
        return last
    }
}
