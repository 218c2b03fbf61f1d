/// Loaded into a program before it starts: at SIGUSR1 takes all the map entries that it has left, and says so in a line on
/// standard error; what comes free it takes, too. At SIGUSR2 gives them back.
#include "common.h"
#include <pthread.h>
#include <signal.h>

enum { LAST = 64 };

static volatile sig_atomic_t are_wanted;
static char *memory, *last[LAST];
static size_t size;

/// Maps a page of its own file: no mapping joins it.
static void *map_shared_page(void) { return mmap(NULL, PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); }

static void take_rest(void) {
    for (size_t i = 0; i < LAST; i++) {
        if (last[i] != NULL) continue;
        char *page = map_shared_page();
        if (page == MAP_FAILED) return;
        last[i] = page;
    }
}

static void take(void) {
    char text[32] = "";
    int file = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0) fail("max_map_count cannot be read");
    close(file);
    size = (strtoul(text, NULL, 10) + 2) * PAGE;
    memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail("mmap: %s", strerror(errno));
    // Each page that differs from its neighbours takes two.
    for (size_t place = PAGE; place < size && mprotect(memory + place, PAGE, PROT_READ) == 0; place += 2 * PAGE) {}
    take_rest();
}

static void give_back(void) {
    for (size_t i = 0; i < LAST; i++) {
        if (last[i] != NULL && munmap(last[i], PAGE) != 0) fail("munmap: %s", strerror(errno));
        last[i] = NULL;
    }
    if (munmap(memory, size) != 0) fail("munmap: %s", strerror(errno));
}

static void note(int number) { are_wanted = number == SIGUSR1; }

static void *take_what_is_wanted(void *unused) {
    for (int are_taken = 0;; pause_milliseconds(1)) {
        int were_taken = are_taken;
        are_taken = are_wanted;
        if (are_taken && !were_taken) {
            take();
            dprintf(2, "no map entries left\n");
        } else if (are_taken) {
            take_rest();
        } else if (were_taken) {
            give_back();
        }
    }
    return unused;
}

__attribute__((constructor)) static void start(void) {
    pthread_t thread;
    signal(SIGUSR1, note);
    signal(SIGUSR2, note);
    if (pthread_create(&thread, NULL, take_what_is_wanted, NULL) != 0) fail("no thread");
}
