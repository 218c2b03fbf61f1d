/// The board: a shared file on which each program of the torture has a place for its numbers, so that they remain when
/// it is killed. A place is 128 words; the driver knows the same numbers (Tests/Torture/Processes/Board.swift).
#ifndef TORTURE_BOARD_H
#define TORTURE_BOARD_H

#include "../common.h"
#include <dirent.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { PLACE_WORDS = 128, TEXT = 64 };

enum field {
    /// Written by the driver: what is to be done, and the time for which the process was stopped.
    COMMAND,
    STOP_SEQUENCE,
    STOPPED_SINCE,
    STOPPED_TOTAL,
    /// Written by the program as it starts.
    ACTORS,
    RESTING,
    /// Sums over all programs that had the place.
    OPERATIONS,
    WRITES,
    PAGES_VERIFIED,
    PAGES_READ,
    MERGED_SEEN,
    SHARING_BROKEN,
    FORKS,
    EXECS,
    SPAWNS,
    ENDS,
    REFUSED,
    /// The longest time that something took, in nanoseconds, and what it was.
    LONGEST,
    LONGEST_WHAT,
    /// What must not happen.
    WRONG,
    HANGS,
    ERRORS,
    HAS_TEXT,
    /// How often others wrote.
    DIRECT_READS,
    FILE_READS,
    CHILD_WRITES,
    LOANS,
};

enum command { WORK, REST, END };

/// What took the time.
enum what { READING, WRITING, ADVISING, MAPPING, LOCKING, PROTECTING, FORKING, WHATS };
static const char *const what_names[WHATS] = {"read", "write", "madvise", "map", "lock", "mprotect", "fork"};

/// Nobody may make a program wait longer, in nanoseconds.
static const uint64_t longest_permitted = 1000000000;

static _Atomic uint64_t *place;

static void count(enum field field, uint64_t times) { atomic_fetch_add(&place[field], times); }

static enum command command(void) { return (enum command)atomic_load(&place[COMMAND]); }

static uint64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void open_board(const char *path, size_t number) {
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) fail("%s: %s", path, strerror(errno));
    size_t bytes = PLACE_WORDS * 8;
    void *board = mmap(NULL, (number + 1) * bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (board == MAP_FAILED) fail("%s: %s", path, strerror(errno));
    close(file);
    place = (_Atomic uint64_t *)board + number * PLACE_WORDS;
}

/// Says once for the place what went wrong.
__attribute__((format(printf, 2, 3))) static void found(enum field kind, const char *format, ...) {
    count(kind, 1);
    uint64_t none = 0;
    if (!atomic_compare_exchange_strong(&place[HAS_TEXT], &none, 1)) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf((char *)&place[TEXT], (PLACE_WORDS - TEXT) * 8, format, arguments);
    va_end(arguments);
    atomic_store(&place[HAS_TEXT], 2);
}

/// The same, and the end of the program: what it knows is not true any more.
#define give_up(kind, ...) (found(kind, __VA_ARGS__), _exit(3))

/// How long the driver has stopped this process until now, in nanoseconds.
static uint64_t stopped_until(uint64_t time) {
    for (;;) {
        uint64_t sequence = atomic_load(&place[STOP_SEQUENCE]);
        uint64_t since = atomic_load(&place[STOPPED_SINCE]), total = atomic_load(&place[STOPPED_TOTAL]);
        if (sequence % 2 == 0 && sequence == atomic_load(&place[STOP_SEQUENCE])) {
            return total + (since != 0 && time > since ? time - since : 0);
        }
        sched_yield();
    }
}

/// What a thread has had of the processors, in nanoseconds: time on one, and time waiting for one.
struct processor_time {
    uint64_t ran, waited;
};

/// Of a schedstat file; `false` where its thread has ended.
static int read_schedstat(int file, struct processor_time *time) {
    char text[96];
    unsigned long long ran, waited;
    ssize_t length = pread(file, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = 0;
    if (sscanf(text, "%llu %llu", &ran, &waited) != 2) return 0;
    *time = (struct processor_time){ran, waited};
    return 1;
}

/// The schedstat of the agent's thread; below 0 where none has been found.
static _Atomic int agent_schedstat = -1;

/// In a child: it has another agent, or none.
static void forget_agent(void) {
    int file = atomic_exchange(&agent_schedstat, -1);
    if (file >= 0) close(file);
}

// Opens a file by a system call of our own: the agent does not see it, and stays.
static inline int open_unseen(const char *path, int flags) {
#ifdef __x86_64__
    long result;
    register long mode asm("r10") = 0;
    asm volatile("syscall" : "=a"(result) : "a"(SYS_openat), "D"(AT_FDCWD), "S"(path), "d"(flags), "r"(mode) : "rcx", "r11", "memory");
    return result < 0 ? -1 : (int)result;
#else
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags);
#endif
}

/// Looks for the thread that has the agent's name, now and then.
static void look_for_agent(void) {
    static _Atomic uint64_t due;
    uint64_t now = nanoseconds(), planned = atomic_load(&due);
    if (now < planned || !atomic_compare_exchange_strong(&due, &planned, now + 5000000)) return;
    // By a call that the agent does not see: its thread would end for a program of one thread that looks.
    int folder = open_unseen("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *threads = folder < 0 ? NULL : fdopendir(folder);
    if (threads == NULL) give_up(ERRORS, "no threads: %s", strerror(errno));
    for (struct dirent *thread; (thread = readdir(threads)) != NULL;) {
        char path[64], name[16] = "";
        snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", thread->d_name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) continue;
        if (read(file, name, sizeof name - 1) < 0) name[0] = 0;
        close(file);
        if (strcmp(name, "samepage\n") != 0) continue;
        snprintf(path, sizeof path, "/proc/self/task/%.20s/schedstat", thread->d_name);
        file = open(path, O_RDONLY | O_CLOEXEC);
        int none = -1;
        if (file >= 0 && !atomic_compare_exchange_strong(&agent_schedstat, &none, file)) close(file);
    }
    closedir(threads);
}

/// What the agent's thread has had; zeros where there is none.
static struct processor_time agent_time(void) {
    struct processor_time time = {0, 0};
    if (atomic_load(&agent_schedstat) < 0) look_for_agent();
    int file = atomic_load(&agent_schedstat);
    // Not closed: others may be about to read it.
    if (file >= 0 && !read_schedstat(file, &time)) atomic_compare_exchange_strong(&agent_schedstat, &file, -1);
    return time;
}

/// Measures a thread: each lap begins where the last one ended. What the thread waited for a processor, or the agent's
/// thread, which does some things for it, and the time for which somebody had stopped the process, do not count.
struct watch {
    uint64_t start, delay, stopped;
    struct processor_time agent;
    int schedstat;
};

/// Nanoseconds that the thread has waited for a processor.
static uint64_t run_delay(const struct watch *watch) {
    struct processor_time time;
    if (!read_schedstat(watch->schedstat, &time)) give_up(ERRORS, "schedstat cannot be read: %s", strerror(errno));
    return time.waited;
}

/// From now on.
static void begin(struct watch *watch) {
    watch->delay = run_delay(watch);
    watch->agent = agent_time();
    watch->start = nanoseconds();
    watch->stopped = stopped_until(watch->start);
}

/// For the calling thread: again in each thread and in each child.
static void open_watch(struct watch *watch) {
    watch->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (watch->schedstat < 0) give_up(ERRORS, "no schedstat: %s", strerror(errno));
    begin(watch);
}

static void lap(struct watch *watch, enum what what) {
    uint64_t end = nanoseconds(), time = end - watch->start;
    if (time > 1000000) {
        uint64_t delay = run_delay(watch), stopped = stopped_until(end);
        struct processor_time agent = agent_time();
        uint64_t agent_waited = agent.waited > watch->agent.waited ? agent.waited - watch->agent.waited : 0;
        uint64_t agent_ran = agent.ran > watch->agent.ran ? agent.ran - watch->agent.ran : 0;
        uint64_t excuse = delay - watch->delay + agent_waited + stopped - watch->stopped;
        time = time > excuse ? time - excuse : 0;
        watch->delay = delay;
        watch->agent = agent;
        watch->stopped = stopped;
        uint64_t longest = atomic_load(&place[LONGEST]);
        while (time > longest && !atomic_compare_exchange_weak(&place[LONGEST], &longest, time)) {}
        if (time > longest) atomic_store(&place[LONGEST_WHAT], (uint64_t)what);
        if (time > longest_permitted) {
            found(HANGS,
                  "%s took %.3f s, without %.3f s of waiting for a processor (the agent's thread: %.3f s) or being stopped; "
                  "the agent's thread ran %.3f s meanwhile",
                  what_names[what], (double)time / 1e9, (double)excuse / 1e9, (double)agent_waited / 1e9,
                  (double)agent_ran / 1e9);
        }
        end = nanoseconds();
    }
    watch->start = end;
}

#endif
