/// Memory of which its owner knows every byte.
///
/// An owner writes down what it is about to do to a page, does it, and writes down that it is done. A reader that looks
/// at the second before it reads, and at the first afterwards, knows what every word may be. What is written down lies
/// in memory that nobody marks.
#ifndef TORTURE_MEMORY_H
#define TORTURE_MEMORY_H

#include "board.h"
#include <pthread.h>

enum { ARENAS = 4, ARENA_PAGES = 1024, ACTORS_MOST = 3, CONTENTS = 192, POPULAR = 4, OWN = 0x8000 };

/// What a page holds: a content, perhaps with one stamped word, and the number of the operation that made it so.
typedef uint64_t page_state;

static page_state state_of(uint64_t number, unsigned content, unsigned stamped) {
    return number << 32 | (uint64_t)stamped << 16 | content;
}

static uint64_t number_of(page_state state) { return state >> 32; }
static unsigned content_of(page_state state) { return state & 0xFFFF; }
/// The stamped word plus one; 0 for none.
static unsigned stamped_of(page_state state) { return state >> 16 & 0xFFFF; }

/// Neighbouring pages that were mapped together.
struct arena {
    char *memory;
    size_t pages;
    /// Those who read without owning hold it; the owner does where addresses or rights change.
    pthread_rwlock_t lock;
    _Atomic page_state begun[ARENA_PAGES], done[ARENA_PAGES];
};

/// A thread with memory of its own. What it does follows from its seed alone.
struct actor {
    uint64_t random, identity;
    unsigned flags, operations_left, depth;
    struct watch watch;
    int socket[2], pagemap;
    char *scratch;
    /// What it did last, for people.
    const char *latest[3];
    struct arena arenas[ARENAS];
    pthread_t thread;
};

/// Threads that own memory.
static size_t actor_count = 1;

static uint64_t next(struct actor *actor) { return mixed(actor->random++); }
static size_t below(struct actor *actor, size_t bound) { return (size_t)((next(actor) >> 33) % bound); }
static int once_in(struct actor *actor, size_t times) { return below(actor, times) == 0; }

/// What the words of a content are made of: all processes have the same shared contents; zeros have 0.
static uint64_t key_of(const struct actor *actor, unsigned content) {
    if (content == 0) return 0;
    return mixed(content < OWN ? content : actor->identity ^ content);
}

static uint64_t base_word(uint64_t key, size_t word) { return key == 0 ? 0 : mixed(key + word); }

/// No other page, and no other operation on this one, has this word.
static uint64_t stamp(const struct actor *actor, const struct arena *arena, size_t page, page_state state) {
    uint64_t where = (uint64_t)(arena - actor->arenas) << 16 | page;
    return mixed(mixed(actor->identity ^ where << 32) + number_of(state));
}

static uint64_t word_of(
    const struct actor *actor, const struct arena *arena, size_t page, page_state state, size_t word) {
    if (stamped_of(state) == word + 1) return stamp(actor, arena, page, state);
    return base_word(key_of(actor, content_of(state)), word);
}

static volatile uint64_t *words_of(const struct arena *arena, size_t page) {
    return (volatile uint64_t *)(arena->memory + page * PAGE);
}

__attribute__((noreturn, cold)) static void report_wrong(
    const struct actor *actor, const struct arena *arena, size_t page, size_t word, uint64_t value, page_state state,
    const char *when) {
    size_t alike = WORDS;
    for (size_t i = 0; i < WORDS; i++) alike -= words_of(arena, page)[i] != word_of(actor, arena, page, state, i);
    uint64_t again = words_of(arena, page)[word];
    give_up(WRONG,
            "%s: process %d, arena %td, page %zu, word %zu: 0x%016llx, a moment later 0x%016llx, instead of 0x%016llx "
            "(operation %llu, content %u, stamp in word %d); %zu words are right",
            when, (int)getpid(), arena - actor->arenas, page, word, (unsigned long long)value,
            (unsigned long long)again, (unsigned long long)word_of(actor, arena, page, state, word),
            (unsigned long long)number_of(state), content_of(state), (int)stamped_of(state) - 1, alike);
}

/// Looks at every word of a page that nobody else writes to.
static void check_page(struct actor *actor, struct arena *arena, size_t page, const char *when) {
    page_state state = atomic_load(&arena->done[page]);
    uint64_t key = key_of(actor, content_of(state));
    const volatile uint64_t *words = words_of(arena, page);
    size_t stamped = stamped_of(state);
    for (size_t word = 0; word < WORDS; word++) {
        uint64_t value = words[word];
        if (value == base_word(key, word) && word + 1 != stamped) continue;
        if (word + 1 == stamped && value == stamp(actor, arena, page, state)) continue;
        report_wrong(actor, arena, page, word, value, state, when);
    }
    lap(&actor->watch, READING);
}

static void check_pages(struct actor *actor, struct arena *arena, size_t first, size_t end, const char *when) {
    for (size_t page = first; page < end; page++) check_page(actor, arena, page, when);
    count(PAGES_VERIFIED, end - first);
}

static void check_everything(struct actor *actor, const char *when) {
    begin(&actor->watch);
    for (size_t i = 0; i < ARENAS; i++) check_pages(actor, &actor->arenas[i], 0, actor->arenas[i].pages, when);
}

/// Looks at some words of a page of another thread.
static void read_page(const struct actor *actor, struct arena *arena, size_t page, size_t first, size_t looks) {
    for (size_t word = first; word < first + looks; word++) {
        page_state before = atomic_load(&arena->done[page]);
        uint64_t value = words_of(arena, page)[word];
        page_state after = atomic_load(&arena->begun[page]);
        if (number_of(after) > number_of(before) + 1) continue;
        if (value == word_of(actor, arena, page, before, word)) continue;
        if (value == word_of(actor, arena, page, after, word)) continue;
        report_wrong(actor, arena, page, word, value, before, "a reader");
    }
}

static page_state next_state(struct arena *arena, size_t page, unsigned content, unsigned stamped) {
    return state_of(number_of(atomic_load(&arena->done[page])) + 1, content, stamped);
}

/// Pages that lie over a file at this moment, by the kernel's word.
static size_t count_merged(struct actor *actor, struct arena *arena, size_t first, size_t pages) {
    uint64_t entries[ARENA_PAGES];
    off_t offset = (off_t)(((uintptr_t)arena->memory / PAGE + first) * 8);
    if (pread(actor->pagemap, entries, pages * 8, offset) != (ssize_t)(pages * 8)) {
        give_up(ERRORS, "pagemap cannot be read: %s", strerror(errno));
    }
    size_t merged = 0;
    for (size_t i = 0; i < pages; i++) merged += entries[i] >> 63 & entries[i] >> 61 & 1;
    return merged;
}

#endif
