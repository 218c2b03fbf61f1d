import CLinuxMemory

/// The daemon will serve this process. `false` if its welcome makes no sense.
func beServed(_ welcome: WireWelcome, _ descriptors: inout PassedDescriptors) -> Bool {
    let hasUpload = welcome.flags & WireWelcome.hasUpload != 0
    let hasDevice = welcome.flags & WireWelcome.hasDevice != 0
    let hasOutside = welcome.flags & WireWelcome.hasOutside != 0
    guard welcome.version == WireLimit.version, let checksum = WireChecksum(rawValue: welcome.checksum),
        takeSettings(welcome.settings)
    else { return false }
    // Descriptors may be missing because this process has too many open already: try again later.
    let expected = (hasUpload ? 1 : 0) + (hasDevice ? 1 : 0) + (hasOutside ? 2 : 0)
    guard descriptors.count == expected, !descriptors.isCut else {
        disconnect(retryAfter: seconds(5))
        return true
    }
    if hasUpload { link.uploadBuffer = descriptors.take() }
    let device = hasDevice ? descriptors.take() : -1
    trap.keep(device: device)

    if welcome.storeHigh != link.storeHigh || welcome.storeLow != link.storeLow {
        // Another store: nobody knows the frames of the old one any more.
        makeOrphans(foreign: true)
        segments.forgetFiles()
        link.leftOverCursor = 0
        link.storeHigh = welcome.storeHigh
        link.storeLow = welcome.storeLow
    }
    link.checksum = checksum
    // What segments take of the address space would be missing from the program's own.
    link.missing = lm_address_space_is_limited() != 0 ? .outOfResources : work.openRemapper(device: -1)
    if link.missing == .noUserfault, device >= 0 { link.missing = work.openRemapper(device: device) }
    if hasOutside, let remapper = unsafe work.remapper {
        unsafe remapper.pointee.lookFromOutside(status: descriptors.take(), memory: descriptors.take())
    }
    trap.follow(link.settings)
    if link.welcomes > 0 {
        // The new daemon has seen nothing yet.
        forgetObservations(base: 0, end: UInt.max)
    }
    link.welcomes &+= 1
    link.failures = 0
    link.stage = .serving
    link.needsLook = true
    link.lookDue = 0
    return true
}

/// In a forked child, before it has a thread of its own: the parent's connection, descriptors and mappings are not
/// here. What lies over frames still does.
///
/// The lock is free or the caller's, and no other thread of the agent exists.
func resetAfterFork() {
    var fresh = LinkState()
    fresh.storeHigh = link.storeHigh
    fresh.storeLow = link.storeLow
    fresh.isForked = true
    fresh.mustOrphan = true
    link = fresh
    work.forgetAfterFork()
    unsafe kernelMap = KernelMap()
    segments.forgetAfterFork()
    withAgentLock {
        for position in 0..<ranges.count {
            unsafe ranges[position].pointee.flags &= ~AgentRange.isAnnounced
            unsafe ranges[position].raise(AgentRange.lacksTracking)
        }
    }
}
