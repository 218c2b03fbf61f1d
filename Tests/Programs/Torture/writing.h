/// How bytes get into memory: by stores, through the kernel, and through pinned pages.
#ifndef TORTURE_WRITING_H
#define TORTURE_WRITING_H

#include "memory.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum flags { BY_PINS = 1, ANY = 2, OFTEN_FORKS = 4, EXECS_ITSELF = 8, MEETS = 16 };

/// Pages written at once through pins.
enum { SLOW_PAGES = 8 };

/// Memory that is missing until a helper brings it: a copy from it stops in the middle, its destination pinned.
static struct {
    int descriptor;
    char *memory, *parcel;
    /// Nanoseconds; below 0 where nothing is to be brought.
    _Atomic int delay;
    pthread_mutex_t lock;
} slow = {.descriptor = -1, .delay = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static void *bring_slowly(void *nothing) {
    (void)nothing;
    for (;;) {
        struct pollfd file = {slow.descriptor, POLLIN, 0};
        struct uffd_msg message;
        if (poll(&file, 1, -1) <= 0 || read(slow.descriptor, &message, sizeof message) != sizeof message) continue;
        int delay = atomic_load(&slow.delay);
        // A wait that a signal interrupts is told twice.
        if (delay < 0) continue;
        struct timespec time = {0, delay};
        nanosleep(&time, NULL);
        atomic_store(&slow.delay, -1);
        struct uffdio_copy copy = {
            .dst = (uintptr_t)slow.memory, .src = (uintptr_t)slow.parcel, .len = SLOW_PAGES * PAGE};
        if (ioctl(slow.descriptor, UFFDIO_COPY, &copy) != 0) give_up(ERRORS, "UFFDIO_COPY: %s", strerror(errno));
    }
}

/// Where userfaultfd is permitted.
static void open_slow_source(void) {
    slow.descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (slow.descriptor < 0) give_up(ERRORS, "userfaultfd: %s", strerror(errno));
    size_t bytes = SLOW_PAGES * PAGE;
    struct uffdio_api api = {.api = UFFD_API};
    slow.parcel = map_pages(SLOW_PAGES);
    slow.memory = map_pages(SLOW_PAGES);
    struct uffdio_register range = {.range = {(uintptr_t)slow.memory, bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    pthread_t helper;
    if (ioctl(slow.descriptor, UFFDIO_API, &api) != 0 || madvise(slow.memory, bytes, MADV_DONTFORK) != 0 ||
        ioctl(slow.descriptor, UFFDIO_REGISTER, &range) != 0 ||
        pthread_create(&helper, NULL, bring_slowly, NULL) != 0) {
        give_up(ERRORS, "no slow source: %s", strerror(errno));
    }
}

static void make_page(struct actor *actor, char *bytes, unsigned content) {
    uint64_t key = key_of(actor, content);
    uint64_t *words = (uint64_t *)bytes;
    for (size_t word = 0; word < WORDS; word++) words[word] = base_word(key, word);
}

/// Bytes of the scratch page or of a word, by the kernel's hand.
static void copy_by_kernel(struct actor *actor, void *to, const void *from, size_t bytes, int by_pins) {
    if (by_pins) {
        struct iovec source = {(void *)(uintptr_t)from, bytes}, target = {to, bytes};
        if (process_vm_writev(getpid(), &source, 1, &target, 1, 0) != (ssize_t)bytes) {
            give_up(ERRORS, "process_vm_writev: %s", strerror(errno));
        }
        return;
    }
    if (write(actor->socket[0], from, bytes) != (ssize_t)bytes) give_up(ERRORS, "write: %s", strerror(errno));
    for (size_t done = 0; done < bytes;) {
        ssize_t got = read(actor->socket[1], (char *)to + done, bytes - done);
        if (got <= 0) give_up(ERRORS, "read into memory: %s", strerror(errno));
        done += (size_t)got;
    }
}

/// Gives a page another content.
static void fill(struct actor *actor, struct arena *arena, size_t page, unsigned content) {
    page_state state = next_state(arena, page, content, 0);
    size_t way = below(actor, 6);
    char *bytes = arena->memory + page * PAGE;
    if (way < 3) make_page(actor, actor->scratch, content);
    uint64_t key = key_of(actor, content);
    begin(&actor->watch);
    atomic_store(&arena->begun[page], state);
    if (way == 0) {
        copy_by_kernel(actor, bytes, actor->scratch, PAGE, 0);
    } else if (way == 1) {
        copy_by_kernel(actor, bytes, actor->scratch, PAGE, actor->flags & BY_PINS);
    } else if (way == 2) {
        memcpy(bytes, actor->scratch, PAGE);
    } else {
        volatile uint64_t *words = words_of(arena, page);
        for (size_t word = 0; word < WORDS; word++) words[word] = base_word(key, word);
    }
    atomic_store(&arena->done[page], state);
    lap(&actor->watch, WRITING);
    count(WRITES, 1);
}

/// Writes one word: a stamp, or what the content says.
static void put_word(struct actor *actor, struct arena *arena, size_t page, size_t word, int stamps, size_t way) {
    unsigned content = content_of(atomic_load(&arena->done[page]));
    page_state state = next_state(arena, page, content, stamps ? (unsigned)word + 1 : 0);
    uint64_t value = word_of(actor, arena, page, state, word);
    atomic_store(&arena->begun[page], state);
    if (way == 0) {
        copy_by_kernel(actor, (void *)(uintptr_t)&words_of(arena, page)[word], &value, 8, 0);
    } else if (way == 1 && actor->flags & BY_PINS) {
        copy_by_kernel(actor, (void *)(uintptr_t)&words_of(arena, page)[word], &value, 8, 1);
    } else {
        words_of(arena, page)[word] = value;
    }
    atomic_store(&arena->done[page], state);
    lap(&actor->watch, WRITING);
}

#endif
