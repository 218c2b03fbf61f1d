/// What Linux promises of memory holds for merged memory too: one case a run, named on the command line. A case makes
/// memory in which each page has a twin, waits until the kernel says that the pages lie over a file, does what programs
/// do, and looks at every byte. Prints `ok` and ends with 0, or says in one line what is wrong.
#include "common.h"
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { PAGES = 1024, HALF = PAGES / 2, SECONDS = 60 };

/// Contents of this process alone.
static uint64_t seed;

static uint64_t content_of(size_t page) { return seed + page % HALF; }

static void fill(char *memory, size_t first, size_t end) {
    for (size_t page = first; page < end; page++) fill_page(memory + page * PAGE, content_of(page));
}

static void expect_content(const char *memory, size_t first, size_t end, const char *when) {
    for (size_t page = first; page < end; page++) {
        size_t wrong = first_wrong_byte(memory + page * PAGE, content_of(page));
        if (wrong < PAGE) fail("%s: page %zu is wrong at byte %zu", when, page, wrong);
    }
}

static void expect_zeros(const char *memory, size_t first, size_t end, const char *when) {
    for (size_t page = first; page < end; page++) {
        if (!is_zero_page(memory + page * PAGE)) fail("%s: page %zu does not hold zeros", when, page);
    }
}

static void wait_merged(const char *memory) { wait_for_merged(memory, PAGES, PAGES * 98 / 100, SECONDS); }

/// Memory of which each page is merged.
static char *merged_memory(void) {
    char *memory = map_pages(PAGES);
    fill(memory, 0, PAGES);
    mark(memory, PAGES);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "merged");
    return memory;
}

static void expect_unmerged(const char *memory, const char *when) {
    size_t merged = pages_over_files(memory, PAGES);
    if (merged != 0) fail("%s: %zu pages are still merged", when, merged);
}

/// Discards pages and fills them: what was written where it lies over a frame merges again only then.
static void fill_anew(char *memory, size_t first, size_t end) {
    if (madvise(memory + first * PAGE, (end - first) * PAGE, MADV_DONTNEED) != 0) fail("MADV_DONTNEED: %s", strerror(errno));
    fill(memory, first, end);
}

static void writes(void) {
    char *memory = merged_memory();
    for (size_t page = 0; page < HALF; page++) {
        uint64_t *words = (uint64_t *)(memory + page * PAGE);
        words[page % WORDS] ^= 1;
        expect_content(memory, page + HALF, page + HALF + 1, "the twin of a written page");
        if (first_wrong_byte(words, content_of(page)) / 8 != page % WORDS) fail("the write to page %zu is lost", page);
        words[page % WORDS] ^= 1;
    }
    expect_content(memory, 0, PAGES, "written back");
    fill_anew(memory, 0, HALF);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "merged again");
}

static void dontneed(void) {
    char *memory = merged_memory();
    if (madvise(memory, HALF / 2 * PAGE, MADV_DONTNEED) != 0) fail("MADV_DONTNEED: %s", strerror(errno));
    expect_zeros(memory, 0, HALF / 2, "after MADV_DONTNEED");
    expect_content(memory, HALF / 2, PAGES, "beside MADV_DONTNEED");
    if (posix_madvise(memory + HALF * PAGE, PAGE, POSIX_MADV_DONTNEED) != 0) fail("POSIX_MADV_DONTNEED");
    expect_content(memory, HALF / 2, PAGES, "after POSIX_MADV_DONTNEED, which gives nothing back in glibc");
    fill(memory, 0, HALF / 2);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "filled again");
}

static void freed(void) {
    char *memory = merged_memory();
    if (madvise(memory, HALF * PAGE, MADV_FREE) != 0) fail("MADV_FREE: %s", strerror(errno));
    for (size_t page = 0; page < HALF; page++) {
        const char *bytes = memory + page * PAGE;
        // Freed pages may keep their content until memory is short.
        if (!is_zero_page(bytes) && first_wrong_byte(bytes, content_of(page)) < PAGE) {
            fail("after MADV_FREE page %zu holds neither zeros nor its content", page);
        }
    }
    expect_content(memory, HALF, PAGES, "beside MADV_FREE");
    fill(memory, 0, HALF);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "filled again");
}

static void grow(void) {
    char *memory = merged_memory();
    char *larger = mremap(memory, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
    if (larger == MAP_FAILED) fail("mremap: %s", strerror(errno));
    expect_content(larger, 0, PAGES, "after growing");
    expect_zeros(larger, PAGES, 2 * PAGES, "the growth");
    fill(larger, PAGES, 2 * PAGES);
    char *smaller = mremap(larger, 2 * PAGES * PAGE, PAGES * PAGE, 0);
    if (smaller != larger) fail("shrinking moved or failed");
    expect_content(smaller, 0, PAGES, "after shrinking");
    wait_merged(smaller);
    expect_content(smaller, 0, PAGES, "merged after shrinking");
}

static int is_mapped(char *memory) {
    unsigned char resident;
    return mincore(memory, PAGE, &resident) == 0;
}

static void move(void) {
    char *memory = merged_memory();
    char *place = map_pages(PAGES);
    char *moved = mremap(memory, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    if (moved != place) fail("mremap: %s", strerror(errno));
    expect_content(moved, 0, PAGES, "moved");
    for (size_t page = 0; page < PAGES; page++) {
        if (is_mapped(memory + page * PAGE)) fail("the old place of page %zu is still mapped", page);
    }
    wait_merged(moved);
    expect_content(moved, 0, PAGES, "merged after the move");
    // Half of it, away and back.
    char *half = mremap(moved, HALF * PAGE, HALF * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, memory);
    if (half != memory) fail("mremap of a half: %s", strerror(errno));
    expect_content(half, 0, HALF, "the moved half");
    expect_content(moved, HALF, PAGES, "the half that stayed");
}

/// Memory of which only a part is marked, and none has a twin, moves as a whole or not at all.
static void move_parts(void) {
    char *memory = map_pages(PAGES), *place = map_pages(PAGES);
    for (size_t page = 0; page < PAGES; page++) fill_page(memory + page * PAGE, seed + page);
    mark(memory + HALF * PAGE, HALF);
    // Long enough to be scanned.
    pause_milliseconds(1500);
    char *moved = mremap(memory, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    if (moved == MAP_FAILED && errno != EFAULT) fail("mremap: %s", strerror(errno));
    char *now_at = moved == MAP_FAILED ? memory : place;
    if (moved != MAP_FAILED && moved != place) fail("mremap to another place");
    for (size_t page = 0; page < PAGES; page++) {
        if (!is_mapped(now_at + page * PAGE)) fail("page %zu is not mapped after mremap", page);
        if (first_wrong_byte(now_at + page * PAGE, seed + page) < PAGE) fail("page %zu is wrong after mremap", page);
    }
}

static size_t locked_kibibytes(void) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    size_t locked = 0;
    while (file != NULL && fgets(line, sizeof line, file)) (void)sscanf(line, "VmLck: %zu", &locked);
    if (file != NULL) fclose(file);
    return locked;
}

static void locked(void) {
    char *memory = merged_memory();
    size_t before = locked_kibibytes();
    if (mlock(memory, HALF * PAGE) != 0) fail("mlock: %s", strerror(errno));
    if (locked_kibibytes() != before + HALF * PAGE / 1024) fail("mlock locked %zu KiB", locked_kibibytes() - before);
    if (pages_over_files(memory, HALF) != 0) fail("locked pages are still merged");
    expect_content(memory, 0, PAGES, "locked");
    if (munlock(memory, HALF * PAGE) != 0) fail("munlock: %s", strerror(errno));
    expect_content(memory, 0, PAGES, "unlocked");
    if (mlockall(MCL_CURRENT) == 0) {
        expect_content(memory, 0, PAGES, "all locked");
        expect_unmerged(memory, "mlockall");
        if (munlockall() != 0) fail("munlockall: %s", strerror(errno));
    }
    expect_content(memory, 0, PAGES, "all unlocked");
}

static void unmergeable(void) {
    char *memory = merged_memory();
    if (madvise(memory, PAGES * PAGE, MADV_UNMERGEABLE) != 0) fail("MADV_UNMERGEABLE: %s", strerror(errno));
    expect_unmerged(memory, "MADV_UNMERGEABLE");
    expect_content(memory, 0, PAGES, "unmerged");
    pause_milliseconds(1500);
    expect_unmerged(memory, "long after MADV_UNMERGEABLE");
    mark(memory, PAGES);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "marked again");
}

static void expect_child(pid_t child, const char *what) {
    int status = 0;
    if (waitpid(child, &status, 0) != child) fail("%s: waitpid: %s", what, strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("%s: the child ended with status 0x%x", what, status);
}

/// The child has the memory, and is merged for itself.
static void forked(void) {
    char *memory = merged_memory();
    char *other = map_pages(PAGES);
    pid_t child = fork();
    if (child < 0) fail("fork: %s", strerror(errno));
    if (child == 0) {
        expect_content(memory, 0, PAGES, "in the child");
        seed += 1000000;
        fill_anew(memory, 0, PAGES);
        fill(other, 0, PAGES);
        mark(other, PAGES);
        wait_merged(memory);
        wait_merged(other);
        expect_content(memory, 0, PAGES, "merged in the child");
        expect_content(other, 0, PAGES, "newly marked in the child");
        _exit(0);
    }
    expect_content(memory, 0, PAGES, "in the parent");
    fill_anew(memory, 0, HALF);
    expect_child(child, "fork");
    expect_content(memory, 0, PAGES, "in the parent, after the child");
    wait_merged(memory);
    // Many short children while the parent writes.
    for (int round = 0; round < 100; round++) {
        child = fork();
        if (child == 0) {
            expect_content(memory, 0, PAGES, "in a short child");
            _exit(0);
        }
        fill(memory, (size_t)round, (size_t)round + 1);
        expect_child(child, "short child");
    }
    expect_content(memory, 0, PAGES, "after many children");
}

static char *const no_arguments[] = {"true", NULL};

static void spawned(void) {
    extern char **environ;
    char *memory = map_pages(PAGES);
    fill(memory, 0, PAGES);
    mark(memory, PAGES);
    for (int round = 0; round < 300; round++) {
        pid_t child;
        if (round % 2 == 0) {
            child = vfork();
            if (child == 0) {
                execv("/bin/true", no_arguments);
                _exit(1);
            }
        } else if (posix_spawn(&child, "/bin/true", NULL, NULL, no_arguments, environ) != 0) {
            fail("posix_spawn");
        }
        expect_child(child, "a spawned program");
        fill_anew(memory, (size_t)round, (size_t)round + 1);
    }
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "after many programs");
    // A merged program that becomes another one.
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "semantics", "unmergeable", NULL);
        _exit(1);
    }
    expect_child(child, "the same program again");
    expect_content(memory, 0, PAGES, "after the same program again");
}

/// Memory that comes and goes while it is merged, at the same address too.
static void unmapped(void) {
    void *place = NULL;
    size_t same = 0;
    for (int round = 0; round < 200; round++) {
        char *memory = mmap(place, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) fail("mmap: %s", strerror(errno));
        same += memory == place;
        expect_zeros(memory, 0, PAGES, "new memory");
        seed += HALF;
        fill(memory, 0, PAGES);
        mark(memory, PAGES);
        pause_milliseconds((long)(mixed((uint64_t)round) % 25));
        expect_content(memory, 0, PAGES, "before munmap");
        if (round % 3 == 0 && munmap(memory + HALF / 2 * PAGE, HALF * PAGE) != 0) fail("munmap of a part");
        if (round % 3 == 0) expect_content(memory, 0, HALF / 2, "beside munmap");
        if (munmap(memory, PAGES * PAGE) != 0) fail("munmap: %s", strerror(errno));
        place = memory;
    }
    if (same == 0) fail("never the same address again: the case shows nothing");
    char *memory = mmap(place, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (memory != place) fail("mmap at the old place: %s", strerror(errno));
    seed += HALF;
    fill(memory, 0, PAGES);
    mark(memory, PAGES);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "at the old place");
}

static sigjmp_buf fault;
static void on_fault(int signal) { siglongjmp(fault, signal); }

static int faults(volatile char *byte, int writes) {
    if (sigsetjmp(fault, 1) != 0) return 1;
    if (writes) {
        *byte = 1;
    } else {
        (void)*byte;
    }
    return 0;
}

static void protected(void) {
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    char *memory = merged_memory();
    if (mprotect(memory, HALF * PAGE, PROT_READ) != 0) fail("mprotect: %s", strerror(errno));
    expect_content(memory, 0, PAGES, "read only");
    for (size_t page = 0; page < HALF; page++) {
        if (!faults(memory + page * PAGE, 1)) fail("page %zu can be written, after PROT_READ", page);
    }
    if (mprotect(memory, HALF * PAGE, PROT_NONE) != 0) fail("mprotect: %s", strerror(errno));
    for (size_t page = 0; page < HALF; page++) {
        if (!faults(memory + page * PAGE, 0)) fail("page %zu can be read, after PROT_NONE", page);
    }
    pause_milliseconds(500);
    if (mprotect(memory, HALF * PAGE, PROT_READ | PROT_WRITE) != 0) fail("mprotect: %s", strerror(errno));
    expect_content(memory, 0, PAGES, "read and write again");
    seed += HALF;
    fill_anew(memory, 0, PAGES);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "merged again");
}

static void mapped_over(void) {
    char *memory = merged_memory();
    for (int round = 0; round < 50; round++) {
        char *middle = memory + HALF / 2 * PAGE;
        char *mapped =
            mmap(middle, HALF * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (mapped != middle) fail("mmap: %s", strerror(errno));
        expect_zeros(memory, HALF / 2, HALF / 2 + HALF, "mapped over");
        expect_content(memory, 0, HALF / 2, "before what was mapped over");
        expect_content(memory, HALF / 2 + HALF, PAGES, "after what was mapped over");
        fill(memory, HALF / 2, HALF / 2 + HALF);
        mark(memory, PAGES);
        pause_milliseconds((long)(mixed((uint64_t)round) % 40));
        expect_content(memory, 0, PAGES, "filled again");
    }
    wait_merged(memory);
    int file = open("/proc/self/exe", O_RDONLY);
    char bytes[PAGE];
    if (file < 0 || pread(file, bytes, PAGE, 0) != PAGE) fail("the program's file cannot be read");
    if (mmap(memory, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) != memory) fail("mmap of a file");
    pause_milliseconds(1000);
    if (memcmp(memory, bytes, PAGE) != 0) fail("a file mapped over merged memory is wrong");
    expect_content(memory, 1, PAGES, "beside a mapped file");
}

/// Closes every descriptor and takes their numbers for files of its own, over and over.
static void closing(void) {
    char *memory = map_pages(PAGES);
    mark(memory, PAGES);
    double end = now() + 5;
    for (int round = 0; now() < end; round++) {
        seed += round % 50 == 0 ? HALF : 0;
        fill_anew(memory, 0, PAGES);
        for (int number = 3; number < 1024; number++) close(number);
        for (int number = 0; number < 64; number++) {
            int file = open("/proc/self/exe", O_RDONLY);
            if (file < 3 || file > 3 + 63) fail("open gave %d: descriptors of others are in this table", file);
        }
        expect_content(memory, 0, PAGES, "with descriptors closed");
    }
    for (int number = 3; number < 1024; number++) close(number);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "merged, descriptors closed");
}

static volatile sig_atomic_t ticks;
static char *ticked;
static uint64_t ticked_contents[HALF];

static void on_tick(int signal) {
    (void)signal;
    size_t page = (size_t)ticks % HALF;
    ticked_contents[page] = seed + (uint64_t)ticks / HALF % 3 * HALF + page;
    fill_page(ticked + page * PAGE, ticked_contents[page]);
    ticks = ticks + 1;
}

/// A handler of signals that writes to memory while it is merged.
static void signalled(void) {
    ticked = merged_memory();
    for (size_t page = 0; page < HALF; page++) ticked_contents[page] = content_of(page);
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 500}, {0, 500}}, off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    for (double end = now() + 5; now() < end;) {
        if (madvise(ticked + HALF * PAGE, HALF * PAGE, MADV_MERGEABLE) != 0) fail("MADV_MERGEABLE under signals");
        char *memory = map_pages(16);
        mark(memory, 16);
        munmap(memory, 16 * PAGE);
        expect_content(ticked, HALF, PAGES, "beside the handler's pages");
    }
    setitimer(ITIMER_REAL, &off, NULL);
    if (ticks < 500) fail("only %d signals came", (int)ticks);
    for (size_t page = 0; page < HALF; page++) {
        size_t wrong = first_wrong_byte(ticked + page * PAGE, ticked_contents[page]);
        if (wrong < PAGE) fail("page %zu, written by the handler, is wrong at byte %zu", page, wrong);
    }
}

/// What madvise answers is what Linux answers.
static void answers(void) {
    char *memory = map_pages(8);
    munmap(memory + 4 * PAGE, PAGE);
    if (mprotect(memory + 4 * PAGE, PAGE, PROT_READ) != -1 || errno != ENOMEM) fail("mprotect of a gap is not ENOMEM");
    if (madvise(memory, 8 * PAGE, MADV_MERGEABLE) != -1 || errno != ENOMEM) fail("a gap is not ENOMEM");
    if (madvise(memory + 1, PAGE, MADV_MERGEABLE) != -1 || errno != EINVAL) fail("a crooked address is not EINVAL");
    if (madvise(memory, 0, MADV_MERGEABLE) != 0) fail("an empty range is not 0");
    if (madvise(memory, 1, MADV_MERGEABLE) != 0) fail("a length within a page is not 0");
    if (madvise(memory, (size_t)-1, MADV_MERGEABLE) != -1 || errno != EINVAL) fail("an endless range is not EINVAL");
    if (madvise(memory, PAGE, 12345) != -1 || errno != EINVAL) fail("an unknown advice is not EINVAL");
    char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    errno = 0;
    if (madvise(shared, PAGE, MADV_MERGEABLE) != 0 || errno != 0) fail("shared memory is not passed over silently");
    void *allocated = aligned_alloc(PAGE, 64 * PAGE);
    if (madvise(allocated, 64 * PAGE, MADV_MERGEABLE) != 0) fail("allocated memory is not passed over silently");
    free(allocated);
    if (munmap(memory + 1, PAGE) != -1 || errno != EINVAL) fail("munmap of a crooked address is not EINVAL");
    if (mremap(memory, 0, PAGE, 0) != MAP_FAILED || errno != EINVAL) fail("mremap of nothing is not EINVAL");
    if (mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED || errno != EINVAL) {
        fail("mmap of nothing is not EINVAL");
    }
}

/// prctl(PR_SET_MEMORY_MERGE): memory merges without a madvise.
static void any(void) {
    if (prctl(67, 1, 0, 0, 0) != 0) fail("PR_SET_MEMORY_MERGE: %s", strerror(errno));
    if (prctl(67, 1, 1, 0, 0) != -1 || errno != EINVAL) fail("PR_SET_MEMORY_MERGE with further arguments");
    char *memory = map_pages(PAGES);
    fill(memory, 0, PAGES);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "merged without madvise");
    int on = prctl(68, 0, 0, 0, 0);
    if (on != 1) fail("PR_GET_MEMORY_MERGE says %d after PR_SET_MEMORY_MERGE 1", on);
    if (prctl(67, 0, 0, 0, 0) != 0) fail("PR_SET_MEMORY_MERGE 0: %s", strerror(errno));
    expect_unmerged(memory, "PR_SET_MEMORY_MERGE 0");
    expect_content(memory, 0, PAGES, "no longer merged");
    if ((on = prctl(68, 0, 0, 0, 0)) != 0) fail("PR_GET_MEMORY_MERGE says %d after PR_SET_MEMORY_MERGE 0", on);
}

/// A core has the content of merged memory, also of pages that were never written since, when private pages of files
/// (bit 2 of coredump_filter) are asked for.
static void core(void) {
    char pattern[256] = "", place[] = "/tmp/samepage-core-XXXXXX";
    int file = open("/proc/sys/kernel/core_pattern", O_RDONLY);
    if (file < 0 || read(file, pattern, sizeof pattern - 1) <= 0) fail("no core_pattern");
    close(file);
    pattern[strcspn(pattern, "\n")] = 0;
    // Where a core goes to a program or to a place of its own there is nothing to look at.
    if (pattern[0] == '|' || strchr(pattern, '/') != NULL || strchr(pattern, '%') != NULL) return;
    struct rlimit limit;
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max != RLIM_INFINITY || setrlimit(RLIMIT_CORE, &limit) != 0) return;
    if (mkdtemp(place) == NULL || chdir(place) != 0) fail("%s: %s", place, strerror(errno));
    file = open("/proc/self/coredump_filter", O_WRONLY);
    if (file < 0 || write(file, "0x37", 4) != 4) fail("coredump_filter: %s", strerror(errno));
    close(file);
    char *memory = merged_memory();
    pid_t child = fork();
    if (child == 0) abort();
    int status;
    if (waitpid(child, &status, 0) != child || !WCOREDUMP(status)) fail("no core was written");
    char command[512], name[300];
    snprintf(command, sizeof command, "ls %s | head -n 1", place);
    FILE *list = popen(command, "r");
    if (list == NULL || fscanf(list, "%299s", name) != 1) fail("the core is not where it should be");
    pclose(list);
    file = open(name, O_RDONLY);
    off_t size = lseek(file, 0, SEEK_END);
    char *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
    size_t found = 0;
    for (off_t offset = 0; offset + PAGE <= size; offset += 8) {
        uint64_t first;
        memcpy(&first, bytes + offset, 8);
        if (first != content_word(content_of(found), 0)) continue;
        if (first_wrong_byte(bytes + offset, content_of(found)) == PAGE && ++found == HALF) break;
    }
    unlink(name);
    rmdir(place);
    if (found < HALF) fail("the core has %zu of %d pages", found, HALF);
    expect_content(memory, 0, PAGES, "in the parent of what dumped core");
}

/// What is kept from children is not touched there by anyone.
static void kept_from_children(void) {
    char *kept = map_pages(PAGES);
    char *passed = map_pages(PAGES);
    fill(kept, 0, PAGES);
    fill(passed, 0, PAGES);
    if (madvise(kept, PAGES * PAGE, MADV_DONTFORK) != 0) fail("MADV_DONTFORK: %s", strerror(errno));
    mark(kept, PAGES);
    mark(passed, PAGES);
    wait_merged(kept);
    wait_merged(passed);
    pid_t child = fork();
    if (child < 0) fail("fork: %s", strerror(errno));
    if (child == 0) {
        if (is_mapped(kept)) fail("the child has what was kept from it");
        seed += 2000000;
        fill_anew(passed, 0, PAGES);
        wait_merged(passed);
        expect_content(passed, 0, PAGES, "in the child");
        _exit(0);
    }
    expect_child(child, "child without a part");
    expect_content(kept, 0, PAGES, "in the parent");
}

/// A call that unmaps its target and then fails leaves a gap, which stays one.
static void failing_late(void) {
    char *memory = merged_memory();
    int pipes[2];
    if (pipe(pipes) != 0) fail("pipe: %s", strerror(errno));
    char *gap = memory + 64 * PAGE;
    if (mmap(gap, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, pipes[0], 0) != MAP_FAILED)
        fail("a pipe could be mapped");
    int was_mapped = is_mapped(gap);
    int result = madvise(gap, PAGE, MADV_DONTNEED);
    if (!was_mapped && (result == 0 || errno != ENOMEM)) fail("MADV_DONTNEED of a gap: %s", strerror(errno));
    if (is_mapped(gap) != was_mapped) fail("MADV_DONTNEED has mapped something into a gap");
    expect_content(memory, 0, 64, "before the gap");
    expect_content(memory, 128, PAGES, "after the gap");
    fill(memory, 0, 64);
    fill(memory, 128, PAGES);
    pause_milliseconds(500);
    expect_content(memory, 0, 64, "before the gap, later");
    expect_content(memory, 128, PAGES, "after the gap, later");
}

/// Memory that is unmerged and read-only stays read-only when it is given back.
static void read_only(void) {
    char *memory = merged_memory();
    // A file opened for direct I/O: pages written since their merge stay where they are.
    char name[] = "/tmp/samepage-semantics-XXXXXX";
    int file = mkstemp(name);
    if (file < 0) fail("mkstemp: %s", strerror(errno));
    close(file);
    file = open(name, O_RDWR | O_DIRECT);
    unlink(name);
    memory[5] ^= 1;
    if (madvise(memory, PAGES * PAGE, MADV_UNMERGEABLE) != 0) fail("MADV_UNMERGEABLE: %s", strerror(errno));
    if (mprotect(memory, PAGE, PROT_READ) != 0) fail("mprotect: %s", strerror(errno));
    if (madvise(memory, PAGE, MADV_DONTNEED) != 0) fail("MADV_DONTNEED: %s", strerror(errno));
    expect_zeros(memory, 0, 1, "given back");
    signal(SIGSEGV, on_fault);
    if (!faults(memory, 1)) fail("memory that is read-only could be written");
    expect_content(memory, 1, PAGES, "the others");
    if (file >= 0) close(file);
}

/// mlockall counts what the program has, not what merging needs.
static void everything_locked(void) {
    char *memory = merged_memory();
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &limit);
    size_t before = locked_kibibytes();
    if (mlockall(MCL_CURRENT) != 0) fail("mlockall: %s", strerror(errno));
    size_t locked = locked_kibibytes() - before;
    if (locked > 48 * 1024) fail("mlockall locked %zu KiB", locked);
    expect_content(memory, 0, PAGES, "locked");
    expect_unmerged(memory, "locked");
    if (munlockall() != 0) fail("munlockall: %s", strerror(errno));
    fill_anew(memory, 0, PAGES);
    wait_merged(memory);
    expect_content(memory, 0, PAGES, "merged after munlockall");
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"writes", writes},
    {"dontneed", dontneed},
    {"free", freed},
    {"grow", grow},
    {"move", move},
    {"move-parts", move_parts},
    {"mlock", locked},
    {"fork", forked},
    {"spawn", spawned},
    {"munmap", unmapped},
    {"mprotect", protected},
    {"fixed", mapped_over},
    {"unmergeable", unmergeable},
    {"closing", closing},
    {"signals", signalled},
    {"answers", answers},
    {"any", any},
    {"core", core},
    {"dontfork", kept_from_children},
    {"failing", failing_late},
    {"readonly", read_only},
    {"mlockall", everything_locked},
};

int main(int count, char **arguments) {
    seed = mixed((uint64_t)getpid() ^ (uint64_t)time(NULL) << 32) >> 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (count == 2 && strcmp(arguments[1], cases[i].name) == 0) {
            cases[i].run();
            printf("ok\n");
            return 0;
        }
    }
    fail("no such case");
}
