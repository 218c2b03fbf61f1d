// Policies of memory that has merged: mbind holds for what is discarded and what grows later, and memory without a policy of its
// own has none, whatever the process's is.
#include "case.h"
#include <linux/mempolicy.h>
enum { pages = 64, contents = 8 };

static int mode_of(char *place) {
    int mode = -1;
    if (syscall(SYS_get_mempolicy, &mode, NULL, 0, place, MPOL_F_ADDR)) skip("get_mempolicy: %s", strerror(errno));
    return mode;
}

int main(void) {
    unsigned long nodes = 1;
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    if (mode_of(memory) != MPOL_DEFAULT) wrong("merged memory has a policy");
    if (syscall(SYS_mbind, memory + 8 * PAGE, 16 * PAGE, MPOL_BIND, &nodes, 8, 0)) skip("mbind: %s", strerror(errno));
    if (mode_of(memory + 9 * PAGE) != MPOL_BIND || mode_of(memory) != MPOL_DEFAULT) wrong("mbind did not bind its pages alone");
    if (wrong_pages(memory, pages, contents)) wrong("mbind changed memory");
    nap(seconds_to_try(0.3));
    if (madvise(memory + 8 * PAGE, 16 * PAGE, MADV_DONTNEED)) wrong("MADV_DONTNEED: %s", strerror(errno));
    if (mode_of(memory + 9 * PAGE) != MPOL_BIND) wrong("discarding took the policy away");
    for (char *byte = memory + 8 * PAGE; byte < memory + 24 * PAGE; byte++) if (*byte) wrong("discarded memory is not zero");
    char *other = region(pages, contents);
    merged_or_plain(other, pages);
    if (syscall(SYS_mbind, other, pages * PAGE, MPOL_BIND, &nodes, 8, MPOL_MF_STRICT | MPOL_MF_MOVE)) wrong("mbind: %s", strerror(errno));
    other = mremap(other, pages * PAGE, 2 * pages * PAGE, MREMAP_MAYMOVE);
    if (other == MAP_FAILED) wrong("mremap: %s", strerror(errno));
    if (mode_of(other + (pages + 1) * PAGE) != MPOL_BIND) wrong("what has grown has no policy");
    if (wrong_pages(other, pages, contents)) wrong("bound memory changed");
    if (syscall(SYS_set_mempolicy, MPOL_BIND, &nodes, 8)) skip("set_mempolicy: %s", strerror(errno));
    char *last = region(pages, contents);
    merged_or_plain(last, pages);
    if (mode_of(last) != MPOL_DEFAULT) wrong("the process's policy shows as that of merged memory");
    return 0;
}
