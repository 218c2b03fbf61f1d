// Two programs of one user confine themselves by Landlock, each in a domain of its own, and mark memory. The kernel lets
// neither look into the other, so neither may find the other's content in frames that are mapped into it.
#include "domains.h"
#include <linux/landlock.h>

static void confine(const char *role) {
    (void)role;
    struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK};
    int ruleset = syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0)) skip("Landlock: %s", strerror(errno));
    close(ruleset);
}

int main(int count, char **arguments) { return play_both(count, arguments); }
