import CLinuxMemory
import Daemon
import FrontEnd
import Glibc
import Merger
import Spawning
import Testing
import Wire

extension ServiceTests {
    /// Who is let in: everything that a process can do wrong before it is a client.
    @Suite("who is let in")
    struct Listener {
        @Test("a process that says hello is welcomed, and is a client until it leaves")
        func welcome() async throws {
            let rig = try await ServiceRig()
            let agent = try rig.connect()
            #expect(eventually { agent.locked { agent.welcome != nil } })
            let welcome = try #require(agent.locked { agent.welcome })
            #expect(welcome.version == WireLimit.version && welcome.flags == WireWelcome.hasUpload)
            #expect(welcome.checksum == WireChecksum.xxh3.rawValue)
            #expect(welcome.settings.vmaBudgetPercent == 50 && welcome.settings.flags == WireSettings.leaveHot)
            let clients = try rig.daemon.clients()
            #expect(clients.count == 1 && clients[0].pid == getpid() && clients[0].user == getuid())
            #expect(!clients[0].command.isEmpty)
            #expect(try rig.daemon.description().domains == 1)
            agent.leave()
            #expect(eventually { (try? rig.daemon.clients().isEmpty) == true })
            // A domain that never merged anything ends with its last client.
            #expect(eventually { (try? rig.daemon.description().domains) == 0 })
            try await rig.stop()
            #expect(rig.log.has("stopped"))
        }

        @Test("wrong first messages are refused with a line that says why")
        func refused() async throws {
            let rig = try await ServiceRig()
            let other = UInt32(sysconf(Int32(_SC_PAGESIZE))) * 4
            let cases: [([UInt8], String)] = [
                (ServiceRig.hello { $0.version = 77 }, "version 77"),
                (ServiceRig.hello { $0.pageSize = other }, "\(other) bytes"),
                (Array(ServiceRig.hello().dropLast()), "first message"),
                (ServiceRig.hello() + [0], "first message"),
                ([1, 0], "first message"),
                (
                    message(WireHeader(.areaAdded, count: 1), [WireArea(area: 1, pageCount: 1, firstPage: 1)]),
                    "first message"
                ),
                (message(WireHeader(.hello, count: 9), [WireHello()]), "first message"),
                (message(WireHeader(.hello, isAnswer: true), [WireHello()]), "first message"),
                ([UInt8](repeating: 255, count: 24576), "first message"),
            ]
            for (bytes, reason) in cases {
                let descriptor = try rig.dial()
                // SAFETY: as many bytes as the array has.
                _ = unsafe bytes.withUnsafeBytes { unsafe lm_send(descriptor, $0.baseAddress, $0.count, nil, 0) }
                let answer = ServiceRig.answer(descriptor)
                #expect(
                    answer?.kind == .refused && answer?.text.contains(reason) == true, "\(String(describing: answer))")
                #expect(ServiceRig.closes(descriptor, within: 1))
                close(descriptor)
            }
            // Of each of the three sorts, three in a minute at the most.
            #expect(rig.log.count("is not served") == 5)
            #expect(try rig.daemon.clients().isEmpty)
            try await rig.stop()
        }

        @Test("a connection that passes descriptors or says nothing is closed, and the others are served meanwhile")
        func halfOpen() async throws {
            let rig = try await ServiceRig()
            let silent = try (0..<40).map { _ in try rig.dial() }
            let passing = try rig.dial()
            let bytes = ServiceRig.hello()
            var passed: Int32 = 0
            // SAFETY: as many bytes as the array has, and one descriptor.
            let sent = unsafe bytes.withUnsafeBytes { unsafe lm_send(passing, $0.baseAddress, $0.count, &passed, 1) }
            // From Linux 6.16 on the kernel itself does not let it.
            #expect(sent == -Int(EPERM) || ServiceRig.answer(passing)?.kind == .refused)
            let agent = try rig.connect()
            #expect(eventually { agent.locked { agent.welcome != nil } })
            #expect(!rig.log.has("did not say who it is"), "it was not served before the silent were given up")
            for descriptor in silent {
                #expect(ServiceRig.closes(descriptor, within: 4))
                close(descriptor)
            }
            close(passing)
            #expect(rig.log.count("did not say who it is") == 1)
            try await rig.stop()
        }

        @Test("one user cannot take all places of those who have not said who they are")
        func crowd() async throws {
            let rig = try await ServiceRig()
            // More than the daemon lets wait at once; the queue of the socket is longer.
            let silent = (0..<120).compactMap { _ in try? rig.dial() }
            #expect(eventually(within: 2) { rig.log.has("opens too many connections") })
            for descriptor in silent { close(descriptor) }
            #expect(
                eventually {
                    guard let agent = try? rig.connect() else { return false }
                    return eventually(within: 0.2) { agent.locked { agent.welcome != nil } }
                })
            try await rig.stop()
        }

        @Test("one user cannot have any number of domains")
        func salts() async throws {
            // So many threads that wake up two hundred times a second leave a sanitizer no time for anything else.
            let rig = try await ServiceRig(attributes: ["sleep_millisecs": "500"])
            for salt in 1...256 { _ = try rig.client([1]) { $0.salt = UInt64(salt) } }
            let last = try rig.connect { $0.salt = 257 }
            #expect(eventually { last.locked { last.refusal }?.contains("fewer salts") == true })
            // One of those that exist takes more.
            _ = try rig.client([1]) { $0.salt = 256 }
            #expect(try rig.daemon.description().domains == 256 && rig.daemon.clients().count == 257)
            #expect(eventually { (try? rig.daemon.counters().pagesSharing) == 1 })
            try await rig.stop()
        }

        @Test(
            "a thread with another user than its process is refused",
            .enabled(if: getuid() == 0, "needs root, to change the user of a thread"))
        func claim() async throws {
            let rig = try await ServiceRig { $0.clientGroup = "root" }
            // The kernel's rights are a thread's: one thread of this process becomes somebody else for a moment.
            for (real, effective) in [(12345, 12345), (0, 12345), (12345, 0)] {
                let refusal = Shared<String>()
                let thread = Thread {
                    _ = lm_system_call(Int(SYS_setresuid), real, effective, 0, 0, 0, 0)
                    if let descriptor = try? rig.dial() {
                        let bytes = ServiceRig.hello()
                        // SAFETY: as many bytes as the array has.
                        _ = unsafe bytes.withUnsafeBytes {
                            unsafe lm_send(descriptor, $0.baseAddress, $0.count, nil, 0)
                        }
                        let answer = ServiceRig.answer(descriptor)
                        refusal.value = answer?.kind == .refused ? answer?.text ?? "" : "let in"
                        close(descriptor)
                    }
                }
                thread.join()
                let text = try #require(refusal.value)
                #expect(text.contains("user"), "\(text)")
            }
            #expect(try rig.daemon.clients().isEmpty)
            try await rig.stop()
        }

        @Test("a child that speaks on its parent's connection ends it")
        func inherited() async throws {
            let rig = try await ServiceRig()
            let agent = try rig.client([1, 1, 2])
            #expect(eventually { (try? rig.daemon.clients().count) == 1 })
            // Started, not forked: a fork makes the memory of all other tests busy.
            let child = spawn(
                ["/bin/sh", "-c", #"printf '\2\0\0\0\0\0\0\0'"#],
                descriptors: [agent.connection, agent.connection, agent.connection])
            try #require(child > 0)
            #expect(eventually { rig.log.has("another process or user speaks on its connection") })
            #expect(eventually { (try? rig.daemon.clients().isEmpty) == true })
            waitpid(pid_t(child), nil, 0)
            agent.leave()
            try await rig.stop()
        }
    }
}

/// A value that one thread leaves for another.
final class Shared<Value>: @unchecked Sendable {
    var value: Value?
}

/// A thread of the test.
final class Thread: @unchecked Sendable {
    private var thread = pthread_t()
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
        // SAFETY: retained until the thread has taken it.
        unsafe pthread_create(
            &thread, nil,
            { argument in
                unsafe Unmanaged<Thread>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
    }

    func join() { pthread_join(thread, nil) }
}
