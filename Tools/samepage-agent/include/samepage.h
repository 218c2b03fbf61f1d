/// Memory of a C program that may share its pages with equal pages of other programs.
///
/// Link with `-lsamepage-agent` (or `pkg-config --cflags --libs samepage-agent`), or start the program with
/// `samepage run -- PROGRAM`. Nothing else changes: these functions are Linux's own calls, which the agent answers
/// before the kernel sees them. Without the agent they reach the kernel, and mean its KSM.
///
/// The socket of the daemon is $SAMEPAGE_SOCKET, else $XDG_RUNTIME_DIR/samepage.sock, else /run/samepage.sock. A program runs
/// the same with and without a daemon; the daemon may come and go.
///
/// What may merge is memory that the program maps by itself: private, anonymous, not locked. Other memory is passed over
/// silently, as by the kernel. The content of memory never changes by merging: a write gives the writer a page of its
/// own.
///
/// All functions are safe to call from any thread and to a range that is merged already.
#ifndef SAMEPAGE_H
#define SAMEPAGE_H

#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* madvise and its advice are hidden from programs that ask for strict C or POSIX. */
#ifndef MADV_MERGEABLE
#define MADV_MERGEABLE 12
#endif
#ifndef MADV_UNMERGEABLE
#define MADV_UNMERGEABLE 13
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(_DEFAULT_SOURCE) && !defined(_GNU_SOURCE) && !defined(_BSD_SOURCE)
extern int madvise(void *address, size_t length, int advice);
#endif

/// Lets the pages of a range merge from now on: madvise(MADV_MERGEABLE).
///
/// `address` is a multiple of the page size; `length` in bytes is rounded up to pages. Returns 0; or -1 with errno:
/// EINVAL (address or length are no range), ENOMEM (parts are not mapped; the rest is marked), EAGAIN (try again later).
static inline int samepage_merge(void *address, size_t length) { return madvise(address, length, MADV_MERGEABLE); }

/// Ends that, and gives every page of the range a place of its own again: madvise(MADV_UNMERGEABLE).
///
/// Returns when it is done: 0; or -1 with errno as for samepage_merge, EAGAIN also when memory is short (what could not be
/// unmerged stays as it is, content included).
static inline int samepage_unmerge(void *address, size_t length) { return madvise(address, length, MADV_UNMERGEABLE); }

/// Lets all private anonymous memory of 64 KiB or more merge that the program maps by itself, now and later, without
/// marking: prctl(PR_SET_MEMORY_MERGE). With 0 it ends that, and unmerges.
///
/// Returns 0; or -1 with errno.
static inline int samepage_merge_any(int on) { return prctl(PR_SET_MEMORY_MERGE, on ? 1ul : 0ul, 0ul, 0ul, 0ul); }

#ifdef __cplusplus
}
#endif

#endif
