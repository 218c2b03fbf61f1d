import CLinuxMemory
import Glibc
import Spawning
import Testing

@testable import Daemon

/// Which domain a process belongs to, and who answers for it.
@Suite("Membership")
struct MembershipTests {
    private static let hasTools = unsafe access("/usr/bin/setpriv", X_OK) == 0

    /// What the kernel says of this process, as if it were another.
    private func facts(
        user: UInt32 = 4711, pid: Int32 = 1, parent: Int32 = 0, confined: Bool = false, namespaceOwner: UInt32? = nil
    ) throws -> ProcessFacts {
        var facts = try ProcessFacts(pid: getpid())
        facts.user = user
        facts.start = ProcessStart(pid: pid, time: 0)
        facts.parent = parent
        facts.confinement = Confinement(
            noNewPrivileges: confined ? "1" : "0", seccomp: confined ? "2" : "0", label: "", mayTraceAll: false,
            ptraceScope: 0)
        facts.namespaceOwner = namespaceOwner
        return facts
    }

    @Test("programs of one user with the same rights share unless their salts differ")
    func users() throws {
        let membership = Membership()
        let key = membership.key(try facts(), salt: 0)
        #expect(membership.key(try facts(pid: 2), salt: 0) == key)
        #expect(membership.key(try facts(), salt: 1) != key)
        #expect(membership.key(try facts(user: 4712), salt: 0) != key)
        var privileged = try facts()
        privileged.rights.capabilities ^= 1
        #expect(membership.key(privileged, salt: 0) != key)
        #expect(key.payer == 4711 && key.company == .unconfined)
    }

    @Test("who is confined shares with itself alone, and by a rule of root with all to whom it applies")
    func rules() throws {
        let apart = Membership()
        let one = apart.key(try facts(pid: 1, confined: true), salt: 0)
        #expect(one == apart.key(try facts(pid: 1, confined: true), salt: 0))
        #expect(one != apart.key(try facts(pid: 2, confined: true), salt: 0))
        #expect(one != apart.key(try facts(pid: 1), salt: 0))
        let together = Membership(rules: [try #require(DomainRule("guests user=4711"))])
        let guest = together.key(try facts(pid: 1, confined: true), salt: 0)
        #expect(guest == together.key(try facts(pid: 2, confined: true), salt: 0))
        #expect(guest == together.key(try facts(pid: 3), salt: 0), "a rule is for all that it names")
        #expect(guest != together.key(try facts(user: 4712, pid: 2, confined: true), salt: 0))
        #expect(guest != together.key(try facts(pid: 2, confined: true), salt: 9))
    }

    @Test("who starts sandboxes names those that share; who is in one names nobody")
    func names() throws {
        let membership = Membership()
        let own = try ProcessFacts(pid: getpid())
        func child(_ pid: Int32, user: UInt32? = nil) throws -> ProcessFacts {
            try facts(user: user ?? own.user, pid: pid, parent: getpid(), confined: true)
        }
        #expect(try membership.key(child(1), salt: 0) != membership.key(child(2), salt: 0))
        var starter = own
        starter.confinement = try facts().confinement
        try membership.start(starter, under: 77)
        let key = try membership.key(child(1), salt: 0)
        #expect(key.company == .started(under: 77))
        #expect(try membership.key(child(2), salt: 0) == key)
        #expect(try membership.key(child(3, user: own.user + 1), salt: 0).company != .started(under: 77))
        #expect(throws: Refusal.self) { try membership.start(try child(4), under: 77) }
    }

    @Test("what is in a user namespace is charged to who made it")
    func payers() throws {
        let membership = Membership()
        let keys = try [200_000, 200_001].map { user in
            membership.key(try facts(user: UInt32(user), namespaceOwner: 4711), salt: 0)
        }
        #expect(keys[0] != keys[1] && keys.allSatisfy { $0.payer == 4711 })
        #expect(membership.key(try facts(user: 200_000), salt: 0).payer == 200_000)
    }

    @Test(
        "a user with many numbers in a namespace is one user, by the kernel's word",
        .enabled(if: getuid() == 0 && MembershipTests.hasTools, "needs root and setpriv"))
    func namespaceOfUser() throws {
        var input: [Int32] = [-1, -1]
        var output: [Int32] = [-1, -1]
        #expect(unsafe pipe(&input) == 0 && pipe(&output) == 0)
        // In the namespace it becomes the second of its numbers.
        let become = "setpriv --reuid 1 --regid 1 --clear-groups"
        let child = spawn(
            [
                "/usr/bin/setpriv", "--reuid=4711", "--regid=4711", "--clear-groups", "unshare", "-U", "sh", "-c",
                "echo a; read x; exec \(become) sh -c 'echo b; read x'",
            ], descriptors: [input[0], output[1], 2])
        defer {
            kill(child, SIGKILL)
            waitpid(child, nil, 0)
            for file in input + output { close(file) }
        }
        var byte: UInt8 = 0
        func waitForLine() -> Bool { unsafe read(output[0], &byte, 1) == 1 && read(output[0], &byte, 1) == 1 }
        try #require(child > 0 && waitForLine())
        for file in ["uid_map", "gid_map"] {
            let map = unsafe open("/proc/\(child)/\(file)", O_WRONLY | O_CLOEXEC)
            let text = "0 4711 1\n1 200000 100\n"
            let written = unsafe write(map, text, text.utf8.count)
            close(map)
            // Containers may be kept from it.
            if written != text.utf8.count { return }
        }
        #expect(unsafe write(input[1], "\n", 1) == 1)
        try #require(waitForLine())
        let facts = try ProcessFacts(pid: child)
        #expect(facts.user == 200_000 && facts.namespaceOwner == 4711)
        #expect(Membership().key(facts, salt: 0).payer == 4711)
    }
}
