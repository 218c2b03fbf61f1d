import CLinuxMemory
import Remap

/// Decides whether memory that the program mapped can merge.
enum Adoption {
    /// What the kernel's flags of a VMA (`VmFlags` in smaps) forbid, and why.
    private static let forbidden: [(flag: String, reason: String)] = [
        ("sh", "it is shared"),
        ("ex", "it is executable"),
        ("lo", "it is locked (mlock)"),
        ("ht", "it is huge TLB memory"),
        ("gd", "it is a stack"),
        ("io", "it is device memory"),
        ("pf", "it is device memory"),
        ("mm", "it is device memory"),
        ("sl", "it is sealed"),
        ("ss", "it is a shadow stack"),
        ("mt", "it has memory tags"),
        ("wf", "it is wiped in forked children"),
        ("um", "it is used with another userfaultfd"),
        ("uw", "it is used with another userfaultfd"),
        ("ui", "it is used with another userfaultfd"),
        ("mg", "the kernel's own KSM merges it (MADV_MERGEABLE)"),
    ]

    /// Checks a range and returns the advice that was given for it.
    ///
    /// - Parameter excludesDontDump: Whether memory that is left out of core dumps is refused.
    /// - Throws: ``InProcessError`` of code `unmergeable` with the reason.
    static func check(_ bytes: ByteRange, excludesDontDump: Bool) throws(InProcessError) -> RemapAdvice {
        var next = bytes.range.lowerBound
        var advice: RemapAdvice?
        for entry in ProcessMaps.entries(in: bytes.range) {
            guard entry.start <= next else { throw refusal("a part of it is not mapped") }
            try check(entry)
            let given = given(entry.flags)
            guard advice == nil || advice == given else {
                throw refusal("its parts were given different advice (madvise); register them one by one")
            }
            if excludesDontDump, given.contains(.dontDump) {
                throw refusal("it is left out of core dumps (MADV_DONTDUMP), and the key excludeDontDump is set")
            }
            advice = given
            next = entry.end
        }
        guard next >= bytes.range.upperBound, let advice else { throw refusal("a part of it is not mapped") }
        return advice
    }

    private static func check(_ entry: ProcessMaps.Entry) throws(InProcessError) {
        for (flag, reason) in forbidden where entry.flags.contains(flag) { throw refusal(reason) }
        if entry.protectionKey != 0 { throw refusal("it has a protection key") }
        guard entry.inode == 0, entry.name.isEmpty || entry.name.hasPrefix("[anon:") else {
            throw refusal("it is not anonymous (\(entry.name.isEmpty ? "a file" : entry.name))")
        }
        guard entry.permissions == "rw-p" else {
            throw refusal("its protection is \(entry.permissions); it must be private, readable and writable")
        }
    }

    private static func given(_ flags: Set<String>) -> RemapAdvice {
        var advice: RemapAdvice = []
        if flags.contains("dc") { advice.insert(.dontFork) }
        if flags.contains("dd") { advice.insert(.dontDump) }
        if flags.contains("hg") { advice.insert(.hugePage) }
        if flags.contains("nh") { advice.insert(.noHugePage) }
        if flags.contains("nr") { advice.insert(.noReserve) }
        return advice
    }

    private static func refusal(_ reason: String) -> InProcessError {
        InProcessError(.unmergeable, "the memory cannot merge: \(reason)")
    }
}

extension Engine {
    /// Refuses memory that shares pages with a registered region.
    func checkUnregistered(_ bytes: ByteRange) throws(InProcessError) {
        for region in memory.regions.values {
            let start = unsafe UInt(bitPattern: region.base)
            let end = start + UInt(Int(region.pageCount) * memory.pageSize)
            if start < bytes.range.upperBound, bytes.range.lowerBound < end {
                throw InProcessError(
                    .alreadyRegistered, "the memory shares pages with a region that is registered already")
            }
        }
    }
}
