/// A thread that uses memory in every way a program may, knows what it wrote, and notes the slowest call.
///
/// A call took long only if the machine gave the program its time: a second thread, the heart, sleeps and wakes all the
/// while, and what it comes too late is taken off, stops of the whole process included.
#ifndef PROGRAMS_ACTOR_H
#define PROGRAMS_ACTOR_H

#include "common.h"
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { GROUND = 64, PIECE = 16, BEAT_MILLISECONDS = 5 };

static struct {
    pthread_t actor, heart;
    atomic_int acts, beats_on;
    /// Map entries are used up: what splits mappings may fail in part, and then cannot be undone either.
    int lacks_entries;
    /// How often the heart has woken, and the microseconds that it came too late in all.
    atomic_ulong beats, late;
    /// The memory that the test commands, with what each page of it holds, and held before.
    char *memory;
    size_t pages;
    uint64_t *contents, *before;
    /// Memory that comes and goes; page i holds ground_contents[i].
    char *ground;
    size_t ground_pages;
    uint64_t ground_contents[2 * GROUND];
    uint64_t state;
    size_t operations, refused;
    double longest;
    const char *longest_name;
} acting;

static inline void *beat(void *unused) {
    (void)unused;
    while (atomic_load(&acting.beats_on)) {
        double start = now();
        pause_milliseconds(BEAT_MILLISECONDS);
        double late = now() - start - BEAT_MILLISECONDS / 1e3;
        if (late > 0.002) atomic_fetch_add(&acting.late, (unsigned long)(late * 1e6));
        atomic_fetch_add(&acting.beats, 1);
    }
    return NULL;
}

/// A random number below a limit.
static inline size_t choose(size_t limit) {
    acting.state = mixed(acting.state);
    return (size_t)(acting.state >> 16) % limit;
}

static inline void check(const char *name, const char *memory, const uint64_t *contents, size_t first, size_t count) {
    for (size_t page = first; page < first + count; page++) {
        const char *bytes = memory + page * PAGE;
        size_t wrong = contents[page] ? first_wrong_byte(bytes, contents[page]) : is_zero_page(bytes) ? PAGE : 0;
        if (wrong < PAGE) fail("%s: page %zu is wrong at byte %zu", name, page, wrong);
    }
}

/// A call that may be refused where memory or map entries are short, and for no other reason.
static inline int done(const char *name, int result) {
    if (result == 0) return 1;
    if (errno != ENOMEM && errno != EAGAIN) fail("%s: %s", name, strerror(errno));
    acting.refused++;
    return 0;
}

static inline void new_ground(void) {
    if (acting.ground != NULL) {
        if (!done("munmap", munmap(acting.ground, acting.ground_pages * PAGE))) return;
        acting.ground = NULL;
    }
    void *memory = mmap(NULL, GROUND * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!done("mmap", memory == MAP_FAILED ? -1 : 0)) return;
    acting.ground = memory;
    acting.ground_pages = GROUND;
    memset(acting.ground_contents, 0, sizeof acting.ground_contents);
    done("MADV_MERGEABLE", madvise(memory, GROUND * PAGE, MADV_MERGEABLE));
}

static inline void fill_ground(size_t first, size_t count) {
    for (size_t page = first; page < first + count; page++) {
        acting.ground_contents[page] = 1 + choose(8);
        fill_page(acting.ground + page * PAGE, acting.ground_contents[page]);
    }
}

static inline const char *use_ground(void) {
    if (acting.ground == NULL || choose(8) == 0) {
        new_ground();
        return "munmap and mmap";
    }
    check("ground", acting.ground, acting.ground_contents, 0, acting.ground_pages);
    size_t first = choose(acting.ground_pages - PIECE + 1);
    if (choose(3) == 0) {
        if (done("MADV_DONTNEED", madvise(acting.ground + first * PAGE, PIECE * PAGE, MADV_DONTNEED))) {
            memset(acting.ground_contents + first, 0, PIECE * sizeof(uint64_t));
        }
        check("MADV_DONTNEED", acting.ground, acting.ground_contents, 0, acting.ground_pages);
        return "MADV_DONTNEED";
    }
    if (choose(3) == 0) {
        size_t pages = acting.ground_pages == GROUND ? 2 * GROUND : GROUND;
        void *moved = mremap(acting.ground, acting.ground_pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);
        if (done("mremap", moved == MAP_FAILED ? -1 : 0)) {
            memset(acting.ground_contents + GROUND, 0, GROUND * sizeof(uint64_t));
            acting.ground = moved;
            acting.ground_pages = pages;
        }
        return "mremap";
    }
    fill_ground(first, PIECE);
    return "writing";
}

/// A child that looks at some of the memory.
static inline const char *use_fork(size_t first) {
    pid_t child = fork();
    if (child == 0) {
        check("fork", acting.memory, acting.contents, first, PIECE);
        _exit(0);
    }
    int status = 0;
    if (!done("fork", child < 0 ? -1 : 0)) return "fork";
    if (waitpid(child, &status, 0) != child || status != 0) fail("a forked child ended with %x", status);
    return "fork";
}

static inline const char *use_spawn(void) {
    char *command[] = {"/bin/true", NULL};
    pid_t child = 0;
    errno = posix_spawn(&child, command[0], NULL, NULL, command, environ);
    int status = 0;
    if (!done("posix_spawn", errno ? -1 : 0)) return "posix_spawn";
    if (waitpid(child, &status, 0) != child) fail("waitpid: %s", strerror(errno));
    return "posix_spawn";
}

static inline const char *use_memory(size_t first) {
    char *piece = acting.memory + first * PAGE;
    size_t size = PIECE * PAGE;
    switch (choose(acting.lacks_entries ? 3 : 6)) {
    case 0:
        done("MADV_UNMERGEABLE", madvise(piece, size, MADV_UNMERGEABLE));
        check("MADV_UNMERGEABLE", acting.memory, acting.contents, first, PIECE);
        done("MADV_MERGEABLE", madvise(piece, size, MADV_MERGEABLE));
        return "MADV_UNMERGEABLE";
    case 3:
        done("mlock", mlock(piece, size));
        done("munlock", munlock(piece, size));
        return "mlock";
    case 4:
        if (done("mprotect", mprotect(piece, size, PROT_READ))) {
            check("mprotect", acting.memory, acting.contents, first, PIECE);
            // The memory must be as it was, however long it takes.
            while (!done("mprotect", mprotect(piece, size, PROT_READ | PROT_WRITE))) pause_milliseconds(1);
        }
        return "mprotect";
    case 5:
        done("MADV_DONTFORK", madvise(piece, size, MADV_DONTFORK));
        while (!done("MADV_DOFORK", madvise(piece, size, MADV_DOFORK))) pause_milliseconds(1);
        return "MADV_DONTFORK";
    default:
        for (size_t page = first; page < first + PIECE; page++) {
            uint64_t content = choose(2) ? acting.before[page] : 1 + choose(8);
            acting.contents[page] = content;
            fill_page(acting.memory + page * PAGE, content);
        }
        return "writing";
    }
}

/// The seconds since `start`, without what the machine did not give; the heart was `late` then.
static inline double time_taken(double start, unsigned long late) {
    double took = now() - start;
    if (took > 0.05) {
        // The heart may have been held up as well, and not know it yet.
        for (unsigned long beats = atomic_load(&acting.beats); atomic_load(&acting.beats) == beats;) {
            pause_milliseconds(1);
        }
        took -= (double)(atomic_load(&acting.late) - late) / 1e6;
    }
    return took;
}

static inline void note(const char *name, double start, unsigned long late) {
    double took = time_taken(start, late);
    acting.operations++;
    if (took <= acting.longest) return;
    acting.longest = took;
    acting.longest_name = name;
}

static inline void *act(void *unused) {
    while (atomic_load(&acting.acts)) {
        size_t first = choose(acting.pages - PIECE + 1), kind = choose(64);
        unsigned long late = atomic_load(&acting.late);
        double start = now();
        const char *name = "reading";
        if (kind == 0) {
            name = use_spawn();
        } else if (kind < 3) {
            name = use_fork(first);
        } else if (kind < 16) {
            name = use_ground();
        } else if (kind < 40) {
            name = use_memory(acting.pages / 2 + choose(acting.pages / 2 - PIECE + 1));
        } else {
            check("reading", acting.memory, acting.contents, first, PIECE);
        }
        note(name, start, late);
        pause_milliseconds(1);
    }
    return unused;
}

static inline void start_acting(char *memory, size_t pages, uint64_t *contents) {
    acting.memory = memory;
    acting.pages = pages;
    acting.contents = contents;
    free(acting.before);
    acting.before = calloc(pages, sizeof *acting.before);
    memcpy(acting.before, contents, pages * sizeof *contents);
    acting.state = mixed((uint64_t)getpid());
    acting.operations = acting.refused = 0;
    acting.longest = 0;
    acting.longest_name = "nothing";
    atomic_store(&acting.acts, 1);
    atomic_store(&acting.beats_on, 1);
    if (pthread_create(&acting.heart, NULL, beat, NULL) != 0 || pthread_create(&acting.actor, NULL, act, NULL) != 0) {
        fail("no thread");
    }
}

/// Stops, and gives all pages back what they held before.
static inline void stop_acting(void) {
    atomic_store(&acting.acts, 0);
    pthread_join(acting.actor, NULL);
    atomic_store(&acting.beats_on, 0);
    pthread_join(acting.heart, NULL);
    check("at the end", acting.memory, acting.contents, 0, acting.pages);
    // Pages that were written where they lay over frames merge again only when they are discarded.
    madvise(acting.memory, acting.pages * PAGE, MADV_DONTNEED);
    for (size_t page = 0; page < acting.pages; page++) {
        acting.contents[page] = acting.before[page];
        fill_page(acting.memory + page * PAGE, acting.before[page]);
    }
    if (acting.ground != NULL && munmap(acting.ground, acting.ground_pages * PAGE) == 0) acting.ground = NULL;
    madvise(acting.memory, acting.pages * PAGE, MADV_MERGEABLE);
}

#endif
