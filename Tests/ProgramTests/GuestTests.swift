import Glibc
import Testing

/// QEMU and what `.ci/qemu` has put into the cache.
enum Machines {
    static let cache: String = {
        if let cache = Machine.variable("SAMEPAGE_QEMU_CACHE") { return cache }
        return (Machine.variable("XDG_CACHE_HOME") ?? "\(Machine.variable("HOME") ?? "/root")/.cache")
            + "/samepage/qemu"
    }()

    /// Why no guest can be started; `nil` if one can.
    static let obstacle: String? = {
        let reason = Machine.text(ofFile: "\(cache)/unavailable").split(separator: "\n").first.map(String.init)
        guard Machine.program("qemu-system-x86_64") != nil, Machine.exists("\(cache)/kernel"),
            Machine.exists("\(cache)/initrd")
        else { return reason ?? "needs QEMU, a kernel and an initrd: run .ci/qemu" }
        return nil
    }()

    /// The command that starts a guest with its serial line on standard input and output.
    static func command(mebibytes: Int) throws -> [String] {
        [
            try #require(Machine.program("qemu-system-x86_64")), "-accel", "tcg", "-m", "\(mebibytes)", "-nodefaults",
            "-nographic", "-no-reboot", "-serial", "stdio", "-kernel", "\(cache)/kernel", "-initrd", "\(cache)/initrd",
            "-append", "console=ttyS0 quiet panic=-1",
        ]
    }
}

extension RealPrograms {
    /// Virtual machines of an unmodified QEMU, which marks its guests' memory as mergeable by itself.
    @Suite(.enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
    struct GuestTests {
        @Test(.timeLimit(.minutes(8))) func guestsShareMemory() async throws {
            let daemon = try await TestDaemon(["--run", "0"])
            var guests: [Child] = []
            for _ in 0..<3 { guests.append(try Child(daemon.agent() + Machines.command(mebibytes: 128))) }
            var sums: [String] = []
            for guest in guests {
                _ = try await guest.line(with: "guest: ready", within: .seconds(120))
                let sum = try await guest.ask("sum", within: .seconds(60))
                #expect(sum.hasSuffix("  -"), "\(sum.debugDescription)")
                sums.append(sum)
            }
            try await daemon.waitForClients(3, mergeableBytes: 3 * 128 << 20)
            // Guest memory is what QEMU keeps from its children and wants in huge pages.
            let counted = try await Programs.shared.duplicates(["--flags", "dc,hg"] + guests.map { "\($0.process)" })
            #expect(counted.duplicates > 10_000, "\(counted)")
            let before = guests.reduce(0) { $0 + Accounts.own(of: $1.process) }

            try await daemon.set("run", 1)
            let status = try await daemon.waitUntilSettled(within: .seconds(240))
            let after = guests.reduce(0) { $0 + Accounts.own(of: $1.process) } + daemon.storedBytes
            let saved = (before - after) / 4096
            print(
                "guests: \(saved) of \(counted.duplicates) duplicate pages given back, \(counted.zeros) of them zeros")
            #expect(saved * 10 >= counted.duplicates * 8, "\(saved) of \(counted), \(status)")

            for (guest, sum) in zip(guests, sums) {
                let again = try await guest.ask("sum", within: .seconds(60))
                #expect(again == sum)
                let answer = try await guest.ask("hello", within: .seconds(60))
                #expect(answer == "guest: hello")
            }
            for guest in guests {
                let answer = try await guest.ask("off", within: .seconds(60))
                #expect(answer == "guest: off")
                let status = try await guest.end(within: .seconds(60))
                #expect(status == 0, "\(guest.errors)")
            }
        }
    }
}
