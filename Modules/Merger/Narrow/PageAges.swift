import PageMemory
import PageTree

/// The time, as `minimum_age_millisecs` needs it: in ticks of 2^24 nanoseconds (16.8 ms), so that 4 bytes a page are
/// enough for more than a year. Rounding makes pages seem younger, never older.
struct PageAges {
    /// The latest time that the driver has told, in nanoseconds.
    private(set) var nanoseconds: UInt64 = 0
    /// Ticks that a page must have been the same; 0 for pages of any age.
    private(set) var minimum: UInt32 = 0
    /// When the window under way was observed, at the earliest.
    var observed: UInt32 = 0
    /// Pages that were seen to have changed at a time that has not been told yet.
    var toStamp: [UInt32] = []
    /// Whether all pages count as changed when a time is told: nobody has kept what was seen before.
    var stampsAll = false

    private static let tickShift: UInt64 = 24

    var isOn: Bool { minimum > 0 }

    /// The time told last, a tick later at most.
    var roundedUp: UInt32 {
        UInt32(truncatingIfNeeded: (nanoseconds &+ (1 << PageAges.tickShift) - 1) >> PageAges.tickShift)
    }

    /// The time told last, a tick earlier at most.
    var roundedDown: UInt32 { UInt32(truncatingIfNeeded: nanoseconds >> PageAges.tickShift) }

    /// Takes the time; `false` from a driver that does not tell it.
    mutating func tell(_ time: UInt64) -> Bool {
        guard time > 0, time >= nanoseconds else { return false }
        nanoseconds = time
        return true
    }

    mutating func setMinimum(milliseconds: UInt32) {
        let nanoseconds = UInt64(milliseconds) * 1_000_000
        minimum = UInt32((nanoseconds + (1 << PageAges.tickShift) - 1) >> PageAges.tickShift)
    }
}

extension Merger {
    /// Takes the time from the driver. What was seen to change since it told one has changed now at the latest.
    mutating func tell(_ time: DriverTime) {
        guard ages.tell(time.nanoseconds), ages.isOn else { return }
        if ages.stampsAll {
            ages.stampsAll = false
            table.keepChangeTimes(from: ages.roundedUp)
        }
        for page in ages.toStamp { table.setChangeTime(ages.roundedUp, of: page) }
        ages.toStamp.removeAll(keepingCapacity: true)
    }

    /// Whether a page had been the same for `minimum_age_millisecs` when it was observed last.
    func isOldEnough(_ page: UInt32) -> Bool {
        guard ages.isOn else { return true }
        return Int32(bitPattern: ages.observed &- table.changeTimes[Int(page)]) >= Int32(bitPattern: ages.minimum)
    }

    /// Notes what the checksum of a page has shown, while ages are kept.
    ///
    /// A memory that tracks changes tells of them, also where the same bytes were written; elsewhere only a different
    /// checksum shows one.
    mutating func noteAge(of page: UInt32, isSame: Bool, isReported: Bool) {
        guard !isSame || isReported && tracksChanges else { return }
        table.setChangeTime(ages.roundedUp, of: page)
        if !ages.stampsAll { ages.toStamp.append(page) }
    }

    /// Sets `minimum_age_millisecs`.
    mutating func setMinimumAge(_ milliseconds: UInt32) {
        guard milliseconds != configuration.minimumAge else { return }
        let isLonger = milliseconds > configuration.minimumAge
        configuration.minimumAge = milliseconds
        ages.setMinimum(milliseconds: milliseconds)
        if !ages.isOn {
            ages.toStamp.removeAll()
            table.forgetChangeTimes()
        } else if !table.keepsChangeTimes {
            table.keepChangeTimes(from: ages.roundedUp)
            ages.stampsAll = true
        }
        guard isLonger else { return }
        emptyUnstableTree()
        batch.dropCandidates()
    }

    /// Takes all pages out of the unstable tree: they were put there under other settings, and are looked at again.
    ///
    /// - Complexity: O(n) in all pages.
    mutating func emptyUnstableTree() {
        removeAllFromUnstableTrees()
        waiting.removeAll()
        leftovers.removeAll()
        for page in 0..<UInt32(table.owner.count) << 6 {
            let link = table.link(page)
            switch link.state {
            case .unstable:
                table.setLink(PageLink(.settled), of: page)
            case .fresh:
                let marks = FreshMarks(rawValue: link.payload).subtracting(.inTree)
                table.setLink(PageLink(.fresh, marks.rawValue), of: page)
            case .absent, .settled, .stable, .zeroed, .refused, .planned:
                break
            }
        }
    }
}
