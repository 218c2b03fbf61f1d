// Merged memory is read-only at the moment when the program ends merging: MADV_UNMERGEABLE, or PR_SET_MEMORY_MERGE 0.
// When the call has returned success, no page may be shared any more.
#include "case.h"
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
enum { pages = 512, contents = 16 };

int main(void) {
    char *writable = region(pages, contents), *still = region(pages, contents), *process = region(pages, contents);
    merged_or_plain(writable, pages);
    merged_or_plain(still, pages);
    merged_or_plain(process, pages);
    mprotect(still, pages * PAGE, PROT_READ);
    mprotect(process, pages * PAGE, PROT_READ);
    if (madvise(writable, pages * PAGE, MADV_UNMERGEABLE) && under_samepage()) wrong("MADV_UNMERGEABLE: %s", strerror(errno));
    if (frames_in(writable, pages)) wrong("MADV_UNMERGEABLE left %zu pages shared", frames_in(writable, pages));
    if (madvise(still, pages * PAGE, MADV_UNMERGEABLE) && under_samepage()) wrong("MADV_UNMERGEABLE of read-only memory: %s", strerror(errno));
    if (frames_in(still, pages)) wrong("MADV_UNMERGEABLE of read-only memory left %zu of %d pages shared", frames_in(still, pages), pages);
    if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) || prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0)) skip("PR_SET_MEMORY_MERGE: %s", strerror(errno));
    if (frames_in(process, pages)) wrong("PR_SET_MEMORY_MERGE 0 left %zu of %d read-only pages shared", frames_in(process, pages), pages);
    if (wrong_pages(still, pages, contents) || wrong_pages(process, pages, contents)) wrong("content changed");
    return 0;
}
