/// What an owner does with its memory.
#ifndef TORTURE_ACTS_H
#define TORTURE_ACTS_H

#include "writing.h"

static void sleep_microseconds(size_t microseconds) {
    struct timespec time = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
    nanosleep(&time, NULL);
}

/// Pages of an arena.
struct run {
    struct arena *arena;
    size_t first, end;
};

static struct arena *pick_arena(struct actor *actor) { return &actor->arenas[below(actor, ARENAS)]; }

static struct run pick_run(struct actor *actor, size_t most) {
    struct arena *arena = pick_arena(actor);
    size_t pages = 1 + below(actor, most < arena->pages ? most : arena->pages);
    size_t first = below(actor, arena->pages - pages + 1);
    return (struct run){arena, first, first + pages};
}

static char *address_of(struct run run) { return run.arena->memory + run.first * PAGE; }
static size_t bytes_of(struct run run) { return (run.end - run.first) * PAGE; }

/// Contents that many processes have: neighbours in order, any, a popular one, zeros, or the process's own.
static void fill_run(struct actor *actor, struct run run) {
    size_t pattern = below(actor, 10), start = below(actor, CONTENTS);
    for (size_t page = run.first; page < run.end; page++) {
        unsigned content = 0;
        if (pattern < 5) content = 1 + (unsigned)((start + page) % CONTENTS);
        else if (pattern < 7) content = 1 + (unsigned)below(actor, CONTENTS);
        else if (pattern == 7) content = 1 + (unsigned)(start % POPULAR);
        else if (pattern == 8) content = OWN | (unsigned)below(actor, OWN);
        fill(actor, run.arena, page, content);
    }
}

static void must(struct actor *actor, int succeeds, enum what what, const char *call) {
    if (!succeeds) give_up(ERRORS, "%s: %s", call, strerror(errno));
    lap(&actor->watch, what);
}

/// With merge-any nothing is marked.
static void mark_run(struct actor *actor, struct run run) {
    if (actor->flags & ANY) return;
    begin(&actor->watch);
    must(actor, madvise(address_of(run), bytes_of(run), MADV_MERGEABLE) == 0, ADVISING, "MADV_MERGEABLE");
}

static struct run all_of(struct arena *arena) { return (struct run){arena, 0, arena->pages}; }

/// What was discarded reads as zeros.
static void expect_zeros(struct actor *actor, struct run run, const char *when) {
    for (size_t page = run.first; page < run.end; page++) {
        page_state state = next_state(run.arena, page, 0, 0);
        atomic_store(&run.arena->begun[page], state);
        atomic_store(&run.arena->done[page], state);
    }
    // To look is to touch: what was never touched is a hole.
    if (once_in(actor, 2)) check_pages(actor, run.arena, run.first, run.end, when);
}

static void map_arena(struct actor *actor, struct arena *arena) {
    arena->pages = 128 + below(actor, ARENA_PAGES / 2);
    begin(&actor->watch);
    arena->memory =
        mmap(NULL, arena->pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(actor, arena->memory != MAP_FAILED, MAPPING, "mmap");
    expect_zeros(actor, all_of(arena), "new memory");
    struct run whole = all_of(arena);
    if (once_in(actor, 2)) mark_run(actor, whole);
    for (size_t first = 0; first < arena->pages; first += 64) {
        fill_run(actor, (struct run){arena, first, first + 64 < arena->pages ? first + 64 : arena->pages});
    }
    mark_run(actor, whole);
}

// ---- Writes ----

/// Stamps some words of neighbouring pages, one by one, and takes them back: at any moment of a merge.
static void poke(struct actor *actor) {
    struct run run = pick_run(actor, 48);
    size_t word = below(actor, WORDS), way = below(actor, 8), gap = once_in(actor, 3) ? below(actor, 200) : 0;
    size_t rest = once_in(actor, 2) ? 0 : below(actor, 4000);
    size_t before = count_merged(actor, run.arena, run.first, run.end - run.first);
    count(MERGED_SEEN, before);
    for (int stamps = 1; stamps >= 0; stamps--) {
        begin(&actor->watch);
        for (size_t page = run.first; page < run.end; page++) {
            if (page % 4 == 0) check_page(actor, run.arena, page, "before a write");
            put_word(actor, run.arena, page, word, stamps, way);
            if (gap > 0) {
                for (uint64_t end = nanoseconds() + gap * 1000; nanoseconds() < end;) {}
                begin(&actor->watch);
            }
        }
        if (rest > 0 && stamps) sleep_microseconds(rest);
        begin(&actor->watch);
        check_pages(actor, run.arena, run.first, run.end, stamps ? "stamped" : "restored");
    }
    size_t after = count_merged(actor, run.arena, run.first, run.end - run.first);
    if (before > after) count(SHARING_BROKEN, before - after);
    count(WRITES, 2 * (run.end - run.first));
}

/// Writes what is there already, again and again, and now and then a stamp: such pages keep their content and merge,
/// and writes meet the merge.
static void hammer(struct actor *actor) {
    struct run run = pick_run(actor, 32);
    size_t rounds = 40 + below(actor, 300), way = below(actor, 16);
    count(MERGED_SEEN, count_merged(actor, run.arena, run.first, run.end - run.first));
    for (size_t i = 0; i < rounds; i++) {
        begin(&actor->watch);
        for (size_t j = 0; j < 8; j++) {
            size_t page = run.first + below(actor, run.end - run.first), word = below(actor, WORDS);
            words_of(run.arena, page)[word] =
                base_word(key_of(actor, content_of(atomic_load(&run.arena->done[page]))), word);
            lap(&actor->watch, WRITING);
        }
        size_t page = run.first + below(actor, run.end - run.first), word = below(actor, WORDS);
        put_word(actor, run.arena, page, word, 1, way);
        if (once_in(actor, 2)) {
            for (uint64_t end = nanoseconds() + 1000 * below(actor, 100); nanoseconds() < end;) {}
        }
        check_page(actor, run.arena, page, "hammered");
        put_word(actor, run.arena, page, word, 0, way);
        sleep_microseconds(below(actor, 200));
    }
    check_pages(actor, run.arena, run.first, run.end, "after hammering");
    count(WRITES, 10 * rounds);
}

/// Discards a run.
static void drop(struct actor *actor, struct run run) {
    pthread_rwlock_wrlock(&run.arena->lock);
    begin(&actor->watch);
    must(actor, madvise(address_of(run), bytes_of(run), MADV_DONTNEED) == 0, ADVISING, "MADV_DONTNEED");
    expect_zeros(actor, run, "discarded");
    pthread_rwlock_unlock(&run.arena->lock);
}

/// Writes to many pages in one go, and takes it back, again and again: pages that are equal again merge in the scan that
/// comes next, and many writes come in the middle of it.
static void meet(struct actor *actor) {
    struct run run = pick_run(actor, 256);
    size_t cycles = 10 + below(actor, 30), way = below(actor, 16), pages = run.end - run.first;
    for (size_t i = 0; i < cycles; i++) {
        // What was written after its merge merges again only when it is discarded.
        if (i % 4 == 0) {
            drop(actor, run);
            fill_run(actor, run);
        }
        sleep_microseconds(1000 + below(actor, 15000));
        size_t word = below(actor, WORDS), start = below(actor, pages);
        for (int stamps = 1; stamps >= 0; stamps--) {
            begin(&actor->watch);
            for (size_t j = 0; j < pages; j++) {
                put_word(actor, run.arena, run.first + (start + j) % pages, word, stamps, way);
            }
            check_pages(actor, run.arena, run.first, run.end, stamps ? "met" : "left");
        }
    }
    count(WRITES, 2 * cycles * pages);
}

static void refill(struct actor *actor) { fill_run(actor, pick_run(actor, 64)); }

static void verify(struct actor *actor) {
    struct run run = pick_run(actor, 256);
    begin(&actor->watch);
    check_pages(actor, run.arena, run.first, run.end, "a look");
}

// ---- Discards ----

static void discard(struct actor *actor) {
    struct run run = pick_run(actor, 64);
    drop(actor, run);
    if (once_in(actor, 4)) sleep_microseconds(below(actor, 30000));
    fill_run(actor, run);
}

/// Freed pages keep their content until memory is short, each for itself.
static void free_run(struct actor *actor) {
    struct run run = pick_run(actor, 32);
    pthread_rwlock_wrlock(&run.arena->lock);
    begin(&actor->watch);
    must(actor, madvise(address_of(run), bytes_of(run), MADV_FREE) == 0, ADVISING, "MADV_FREE");
    for (size_t page = run.first; page < run.end; page++) {
        if (is_zero_page((const void *)(uintptr_t)words_of(run.arena, page))) {
            page_state state = next_state(run.arena, page, 0, 0);
            atomic_store(&run.arena->begun[page], state);
            atomic_store(&run.arena->done[page], state);
        }
        check_page(actor, run.arena, page, "freed");
        // From here on it is not freed any more.
        fill(actor, run.arena, page, 1 + (unsigned)(page % CONTENTS));
    }
    pthread_rwlock_unlock(&run.arena->lock);
}

/// Gives pages contents that others have, after a discard or over what lies there.
static void lay_out(struct actor *actor, struct run run, size_t start, int discards) {
    if (discards) drop(actor, run);
    for (size_t page = run.first; page < run.end; page++) {
        fill(actor, run.arena, page, 1 + (unsigned)((start + page) % CONTENTS));
    }
}

/// Pages with a twin are written through pins that last: while they are being merged, if it happens so.
static void write_slowly(struct actor *actor) {
    struct run run = pick_run(actor, 1);
    size_t pause = actor->flags & MEETS ? 10000 + below(actor, 40000) : below(actor, 60000), delay = below(actor, 6000000), start = below(actor, CONTENTS);
    int discards = !once_in(actor, 4);
    if (!(actor->flags & BY_PINS) || actor->depth > 0) return;
    // With many neighbours a merge takes longer from the first look at a page to the last.
    size_t neighbours = actor->flags & MEETS ? 248 / 2 : 0;
    run.first = run.first / SLOW_PAGES * SLOW_PAGES;
    run.end = run.first + SLOW_PAGES;
    if (run.end > run.arena->pages) return;
    struct run around = {run.arena, run.first > neighbours ? run.first - neighbours : 0, run.end + neighbours};
    if (around.end > run.arena->pages) around.end = run.arena->pages;
    lay_out(actor, around, start, discards);
    sleep_microseconds(pause);
    pthread_mutex_lock(&slow.lock);
    for (size_t i = 0; i < SLOW_PAGES; i++) {
        make_page(actor, slow.parcel + i * PAGE, 1 + (unsigned)((start + i + 7) % CONTENTS));
        page_state state =
            next_state(run.arena, run.first + i, 1 + (unsigned)((start + i + 7) % CONTENTS), 0);
        atomic_store(&run.arena->begun[run.first + i], state);
    }
    atomic_store(&slow.delay, (int)delay);
    copy_by_kernel(actor, address_of(run), slow.memory, bytes_of(run), 1);
    for (size_t page = run.first; page < run.end; page++) {
        atomic_store(&run.arena->done[page], atomic_load(&run.arena->begun[page]));
    }
    if (madvise(slow.memory, SLOW_PAGES * PAGE, MADV_DONTNEED) != 0) give_up(ERRORS, "the source: %s", strerror(errno));
    pthread_mutex_unlock(&slow.lock);
    begin(&actor->watch);
    check_pages(actor, run.arena, around.first, around.end, "written slowly");
    count(WRITES, SLOW_PAGES);
}

// ---- Changes of the mapping ----

/// Where the kernel refuses a change of several mappings at once, nothing has happened.
static int is_refused(void *result) {
    if (result != MAP_FAILED || (errno != EFAULT && errno != EINVAL)) return 0;
    count(REFUSED, 1);
    return 1;
}

static void grow(struct actor *actor) {
    struct arena *arena = pick_arena(actor);
    size_t more = 1 + below(actor, 128), old = arena->pages;
    if (old + more > ARENA_PAGES) return;
    pthread_rwlock_wrlock(&arena->lock);
    begin(&actor->watch);
    void *grown = mremap(arena->memory, old * PAGE, (old + more) * PAGE, MREMAP_MAYMOVE);
    if (!is_refused(grown)) {
        must(actor, grown != MAP_FAILED, MAPPING, "mremap to grow");
        arena->memory = grown;
        arena->pages = old + more;
        expect_zeros(actor, (struct run){arena, old, old + more}, "grown");
        check_pages(actor, arena, old < 64 ? 0 : old - 64, old, "beside the growth");
    }
    pthread_rwlock_unlock(&arena->lock);
    if (arena->pages == old) return;
    fill_run(actor, (struct run){arena, old, old + more});
    mark_run(actor, all_of(arena));
}

static void shrink(struct actor *actor) {
    struct arena *arena = pick_arena(actor);
    size_t less = 1 + below(actor, 128);
    if (arena->pages < less + 64) return;
    pthread_rwlock_wrlock(&arena->lock);
    begin(&actor->watch);
    void *same = mremap(arena->memory, arena->pages * PAGE, (arena->pages - less) * PAGE, 0);
    if (!is_refused(same)) {
        must(actor, same == arena->memory, MAPPING, "mremap to shrink");
        arena->pages -= less;
    }
    pthread_rwlock_unlock(&arena->lock);
}

static void move(struct actor *actor) {
    struct arena *arena = pick_arena(actor);
    size_t bytes = arena->pages * PAGE;
    pthread_rwlock_wrlock(&arena->lock);
    begin(&actor->watch);
    void *target = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(actor, target != MAP_FAILED, MAPPING, "mmap of a place");
    void *moved = mremap(arena->memory, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    if (is_refused(moved)) {
        must(actor, munmap(target, bytes) == 0, MAPPING, "munmap of a place");
    } else {
        must(actor, moved == target, MAPPING, "mremap to move");
        arena->memory = moved;
    }
    check_pages(actor, arena, 0, arena->pages, "moved");
    pthread_rwlock_unlock(&arena->lock);
}

static void map_over(struct actor *actor) {
    struct run run = pick_run(actor, 48);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    pthread_rwlock_wrlock(&run.arena->lock);
    begin(&actor->watch);
    void *same = mmap(address_of(run), bytes_of(run), PROT_READ | PROT_WRITE, flags, -1, 0);
    must(actor, same == address_of(run), MAPPING, "MAP_FIXED");
    expect_zeros(actor, run, "mapped over");
    pthread_rwlock_unlock(&run.arena->lock);
    if (once_in(actor, 2)) mark_run(actor, run);
    fill_run(actor, run);
    mark_run(actor, run);
}

static void map_anew(struct actor *actor) {
    struct arena *arena = pick_arena(actor);
    begin(&actor->watch);
    check_pages(actor, arena, 0, arena->pages, "before munmap");
    pthread_rwlock_wrlock(&arena->lock);
    begin(&actor->watch);
    must(actor, munmap(arena->memory, arena->pages * PAGE) == 0, MAPPING, "munmap");
    map_arena(actor, arena);
    pthread_rwlock_unlock(&arena->lock);
}

static void protect(struct actor *actor) {
    struct run run = pick_run(actor, 128);
    int none = once_in(actor, 4);
    size_t rest = once_in(actor, 4) ? below(actor, 20000) : 0;
    if (none) pthread_rwlock_wrlock(&run.arena->lock);
    begin(&actor->watch);
    must(actor, mprotect(address_of(run), bytes_of(run), none ? PROT_NONE : PROT_READ) == 0, PROTECTING, "mprotect");
    if (rest > 0) sleep_microseconds(rest);
    begin(&actor->watch);
    if (!none) check_pages(actor, run.arena, run.first, run.end, "read-only");
    must(actor, mprotect(address_of(run), bytes_of(run), PROT_READ | PROT_WRITE) == 0, PROTECTING, "mprotect back");
    check_pages(actor, run.arena, run.first, run.end, "writable again");
    if (none) pthread_rwlock_unlock(&run.arena->lock);
}

// ---- Advice ----

static void unmerge(struct actor *actor) {
    struct run run = once_in(actor, 3) ? all_of(pick_arena(actor)) : pick_run(actor, 128);
    if (actor->flags & ANY) return;
    begin(&actor->watch);
    must(actor, madvise(address_of(run), bytes_of(run), MADV_UNMERGEABLE) == 0, ADVISING, "MADV_UNMERGEABLE");
    size_t merged = count_merged(actor, run.arena, run.first, run.end - run.first);
    if (merged > 0) give_up(ERRORS, "%zu of %zu pages are merged after MADV_UNMERGEABLE", merged, run.end - run.first);
    check_pages(actor, run.arena, run.first, run.end, "unmerged");
    if (once_in(actor, 2)) sleep_microseconds(below(actor, 20000));
    mark_run(actor, run);
}

static void lock(struct actor *actor) {
    struct run run = pick_run(actor, 64);
    begin(&actor->watch);
    must(actor, mlock(address_of(run), bytes_of(run)) == 0, LOCKING, "mlock");
    if (once_in(actor, 2)) sleep_microseconds(below(actor, 10000));
    begin(&actor->watch);
    check_pages(actor, run.arena, run.first, run.end, "locked");
    must(actor, munlock(address_of(run), bytes_of(run)) == 0, LOCKING, "munlock");
    check_pages(actor, run.arena, run.first, run.end, "unlocked");
}

static void advise(struct actor *actor) {
    struct run run = pick_run(actor, 128);
    begin(&actor->watch);
    must(actor, madvise(address_of(run), bytes_of(run), MADV_DONTDUMP) == 0, ADVISING, "MADV_DONTDUMP");
    must(actor, madvise(address_of(run), bytes_of(run), MADV_DODUMP) == 0, ADVISING, "MADV_DODUMP");
    check_pages(actor, run.arena, run.first, run.end, "advised");
}

/// Time in which things merge.
static void rest(struct actor *actor) { sleep_microseconds(below(actor, 60000)); }

#endif
