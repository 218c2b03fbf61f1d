/// Writes by others: another process, the disk, a file system's server; and pages lent to a pipe.
#ifndef TORTURE_OTHERS_H
#define TORTURE_OTHERS_H

// First, for what it asks of libc.
#include "acts.h"

#include "../../Support/CTortureWriters/include/TWDirect.h"
#include "../../Support/CTortureWriters/include/TWFuse.h"
#include "../../Support/CTortureWriters/include/TWServeWrites.h"
#include <libgen.h>

/// Pages that a child writes at once, that a file gives at once, and that a pipe holds.
enum { CHILD_PAGES = 256, FILE_PAGES = 64, PIPE_PAGES = 16, LIBRARY_PAGES = CONTENTS + CHILD_PAGES };

/// What writes for this process; below 0 where it cannot be had.
static struct {
    /// All shared contents in order: page i is content 1 + i % CONTENTS. Files hold them too.
    char *library;
    /// The child, what it writes, and who uses it.
    int child;
    char *parcel;
    pthread_mutex_t lock;
    int disk;
    struct tw_fuse fuse;
} others = {.child = -1, .disk = -1, .fuse = {-1, -1}, .lock = PTHREAD_MUTEX_INITIALIZER};

static char *map_shared(size_t pages) {
    void *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) give_up(ERRORS, "no memory: %s", strerror(errno));
    return memory;
}

/// Before there are threads. What is missing is told once, on the standard error.
static void open_others(struct actor *actor, const char *board) {
    char path[256];
    int pair[2];
    pid_t parent = getpid();
    others.library = map_shared(LIBRARY_PAGES);
    others.parcel = map_shared(CHILD_PAGES);
    for (size_t i = 0; i < LIBRARY_PAGES; i++) make_page(actor, others.library + i * PAGE, 1 + (unsigned)(i % CONTENTS));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) give_up(ERRORS, "socketpair: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) give_up(ERRORS, "fork: %s", strerror(errno));
    if (child == 0) {
        close(pair[0]);
        tw_serve_writes(pair[1], parent, others.parcel, CHILD_PAGES * PAGE);
    }
    close(pair[1]);
    others.child = pair[0];
    snprintf(path, sizeof path, "%s", board);
    others.disk = tw_direct_file(dirname(path));
    long written = others.disk;
    if (written >= 0) written = tw_direct_write(others.disk, others.library, LIBRARY_PAGES * PAGE, 0);
    if (written != LIBRARY_PAGES * (long)PAGE) {
        fprintf(stderr, "no reads with O_DIRECT: %s\n", strerror((int)-written));
        if (others.disk >= 0) close(others.disk);
        others.disk = -1;
    }
    int error = tw_fuse_start(&others.fuse, others.library, LIBRARY_PAGES * PAGE, 4000000);
    if (error != 0) fprintf(stderr, "no reads of a FUSE file: %s\n", strerror(-error));
}

/// A read by a thread with a table of descriptors of its own, in which hardly any is left.
struct lonely_read {
    struct run run;
    size_t start;
    long got;
};

static void *read_alone(void *argument) {
    struct lonely_read *read = argument;
    if (syscall(SYS_close_range, others.disk + 1, ~0U, 2 /* CLOSE_RANGE_UNSHARE */) != 0) {
        give_up(ERRORS, "close_range: %s", strerror(errno));
    }
    read->got = tw_direct_read(others.disk, (uintptr_t)address_of(read->run), bytes_of(read->run), read->start * PAGE);
    return NULL;
}

static long read_in_own_table(struct run run, size_t start) {
    struct lonely_read read = {run, start, -1};
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_alone, &read) != 0) give_up(ERRORS, "no thread");
    pthread_join(thread, NULL);
    return read.got;
}

static long write_by_child(struct run run, size_t start, size_t stall) {
    pthread_mutex_lock(&others.lock);
    memcpy(others.parcel, others.library + start * PAGE, bytes_of(run));
    long done = tw_ask_for_write(others.child, (uintptr_t)address_of(run), bytes_of(run), stall);
    pthread_mutex_unlock(&others.lock);
    return done;
}

enum way { BY_CHILD, BY_DISK, BY_DISK_ALONE, BY_FILE, WAYS };

static long write_in_way(enum way way, struct run run, size_t start, size_t stall) {
    switch (way) {
    case BY_CHILD: count(CHILD_WRITES, 1); return write_by_child(run, start, stall);
    case BY_DISK:
        count(DIRECT_READS, 1);
        return tw_direct_read(others.disk, (uintptr_t)address_of(run), bytes_of(run), start * PAGE);
    case BY_DISK_ALONE: count(DIRECT_READS, 1); return read_in_own_table(run, start);
    default:
        count(FILE_READS, 1);
        return tw_fuse_read(&others.fuse, (uintptr_t)address_of(run), bytes_of(run), start * PAGE);
    }
}

/// Pages with twins, fresh or lying where others had merged, are written by somebody else, about when they merge.
static void write_by_others(struct actor *actor) {
    enum way way = (enum way)below(actor, WAYS);
    struct run run = pick_run(actor, way == BY_CHILD ? CHILD_PAGES : FILE_PAGES);
    size_t start = below(actor, CONTENTS), stall = once_in(actor, 2) ? below(actor, 6000000) : 0;
    size_t pause = below(actor, 60000);
    int discards = once_in(actor, 2);
    if (!(actor->flags & BY_PINS) || actor->depth > 0) return;
    if ((way == BY_DISK || way == BY_DISK_ALONE) && others.disk < 0) return;
    if (way == BY_FILE && others.fuse.server < 0) return;
    lay_out(actor, run, start, discards);
    sleep_microseconds(pause);
    size_t pages = run.end - run.first;
    for (size_t i = 0; i < pages; i++) {
        unsigned content = 1 + (unsigned)((start + i) % CONTENTS);
        atomic_store(&run.arena->begun[run.first + i], next_state(run.arena, run.first + i, content, 0));
    }
    long done = write_in_way(way, run, start, stall);
    if (done != (long)bytes_of(run)) give_up(ERRORS, "%ld instead of %zu bytes by way %d", done, bytes_of(run), way);
    for (size_t page = run.first; page < run.end; page++) {
        atomic_store(&run.arena->done[page], atomic_load(&run.arena->begun[page]));
    }
    // The time was the others'.
    begin(&actor->watch);
    check_pages(actor, run.arena, run.first, run.end, "written by others");
    count(WRITES, pages);
}

/// Lends pages to a pipe, and writes to them before somebody reads it.
static void lend(struct actor *actor) {
    struct run run = pick_run(actor, PIPE_PAGES);
    size_t start = below(actor, CONTENTS), pause = below(actor, 60000);
    int channel[2];
    char got[PAGE];
    // A page that a child has too is another one after a write, merged or not.
    if (!(actor->flags & BY_PINS) || actor->depth > 0 || actor_count > 1) return;
    if (pipe2(channel, O_CLOEXEC) != 0) give_up(ERRORS, "pipe: %s", strerror(errno));
    lay_out(actor, run, start, 0);
    struct iovec piece = {address_of(run), bytes_of(run)};
    if (vmsplice(channel[1], &piece, 1, 0) != (ssize_t)bytes_of(run)) give_up(ERRORS, "vmsplice: %s", strerror(errno));
    sleep_microseconds(pause);
    for (size_t page = run.first; page < run.end; page++) {
        fill(actor, run.arena, page, 1 + (unsigned)((start + page + 9) % CONTENTS));
    }
    for (size_t page = run.first; page < run.end; page++) {
        for (size_t done = 0; done < PAGE;) {
            ssize_t part = read(channel[0], got + done, PAGE - done);
            if (part <= 0) give_up(ERRORS, "read of lent pages: %s", strerror(errno));
            done += (size_t)part;
        }
        if (memcmp(got, address_of((struct run){run.arena, page, page + 1}), PAGE) != 0) {
            give_up(WRONG, "page %zu of %zu lent pages came as it was before the last write", page - run.first,
                    run.end - run.first);
        }
    }
    close(channel[0]);
    close(channel[1]);
    count(LOANS, 1);
}

#endif
