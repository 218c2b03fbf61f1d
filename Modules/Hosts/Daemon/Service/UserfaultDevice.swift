import CLinuxMemory
import Glibc
package import Remap

/// What the daemon can give its clients so that they may merge.
package struct UserfaultDevice: Sendable {
    /// An open /dev/userfaultfd to hand to clients; `nil` if the daemon may not open it.
    let descriptor: Int32?
    /// Why its clients cannot merge, and what an administrator can do, in one line; `nil` if nothing is missing.
    let limitation: String?

    /// Asks the kernel. Opens a few descriptors for a moment.
    init(user: UInt32) {
        let opened = unsafe "/dev/userfaultfd".withCString { unsafe lm_open($0, Int32(LM_O_RDWR)) }
        descriptor = opened >= 0 ? opened : nil
        limitation = Self.limitation(user: user, device: opened, features: RemapFeatures.probe())
    }

    func close() { if let descriptor { _ = lm_close(descriptor) } }

    /// Why clients of a user cannot merge.
    ///
    /// - Parameters:
    ///   - user: The user that runs the daemon.
    ///   - device: A descriptor, or minus the error number.
    ///   - features: What the daemon itself may do.
    ///   - release: The kernel's release, as uname prints it.
    package static func limitation(
        user: UInt32, device: Int32, features: RemapFeatures, release: String = kernelRelease
    ) -> String? {
        if isBefore6_8(release) {
            return "this kernel is Linux \(release), and merging needs Linux 6.8 or newer"
        }
        if features.userfault == .full || device >= 0 {
            var features = features
            features.userfault = .full
            return features.missing.map { "\($0)" }
        }
        let sysctl = "'sysctl vm.unprivileged_userfaultfd=1'"
        if device == -ENOENT {
            return
                "full userfaultfd is not permitted to user \(user) and there is no /dev/userfaultfd"
                + " here; an administrator can permit it with \(sysctl)"
        }
        return
            "full userfaultfd is not permitted to user \(user); an administrator can permit it with"
            + " 'setfacl -m u:\(user):rw /dev/userfaultfd', with a group of its own ('chgrp GROUP /dev/userfaultfd' and"
            + " 'chmod g+rw /dev/userfaultfd'), or to all users with \(sysctl)"
    }

    /// Whether a release is older than the first kernel with UFFDIO_MOVE; unknown texts are not.
    private static func isBefore6_8(_ release: String) -> Bool {
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return false }
        return (numbers[0], numbers[1]) < (6, 8)
    }

    /// The release of the running kernel.
    package static var kernelRelease: String {
        SmallFile.text("/proc/sys/kernel/osrelease").map { $0.filter { !$0.isWhitespace } } ?? ""
    }
}
