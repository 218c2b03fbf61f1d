import Glibc
import Testing

import Daemon

/// Who is confined, and which rules of root apply.
@Suite struct DomainRuleTests {
    /// Texts of /proc, and whether a process of them may share with others.
    @Test func confinement() {
        func reason(
            _ noNewPrivileges: Substring = "0", _ seccomp: Substring = "0", label: String = "", all: Bool = false,
            scope: Int = 0
        ) -> String? {
            Confinement(
                noNewPrivileges: noNewPrivileges, seccomp: seccomp, label: label, mayTraceAll: all, ptraceScope: scope
            ).reason
        }
        #expect(reason() == nil)
        #expect(reason("1") == "no_new_privs")
        #expect(reason("1", "2") == "no_new_privs, seccomp")
        for label in ["unconfined\n", "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023\0", "_", ""] {
            #expect(reason(label: label) == nil)
        }
        for label in ["libvirt-1 (enforce)\n", "system_u:system_r:svirt_t:s0:c1,c2", "unconfined_t"] {
            #expect(reason(label: label) != nil)
        }
        #expect(reason(scope: 1) != nil && reason(all: true, scope: 1) == nil)
        #expect(reason(scope: 2) != nil && reason(all: true, scope: 2) == nil)
        #expect(reason(all: true, scope: 3) != nil)
    }

    @Test func rules() throws {
        for text in ["", "guests", "guests cgroup", "guests cgroup=", "a=b", "guests color=red", "x executable=tool"] {
            #expect(DomainRule(text) == nil, "\(text)")
        }
        let own = getpid()
        #expect(try #require(DomainRule("all cgroup=/")).applies(toProcess: own, user: 7))
        #expect(!(try #require(DomainRule("all cgroup=no.such.slice")).applies(toProcess: own, user: 7)))
        #expect(try #require(DomainRule("seven user=7")).applies(toProcess: own, user: 7))
        #expect(!(try #require(DomainRule("seven user=7 executable=/none")).applies(toProcess: own, user: 7)))
        #expect(!(try #require(DomainRule("eight user=8")).applies(toProcess: own, user: 7)))
        #expect(DomainRule.matches("system_u:system_r:svirt_t:s0:c1,c2", "*:svirt_t:*"))
        #expect(!DomainRule.matches("svirt", "svirt?") && DomainRule.matches("", "*") && !DomainRule.matches("ab", "a"))
    }
}
