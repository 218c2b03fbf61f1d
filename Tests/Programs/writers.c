/// Threads that write to memory while it is merged, by stores and through the kernel, and miss no write of theirs.
///
///     writers SECONDS
///
/// Each page belongs to one thread, which knows what it wrote there last and looks at every byte before it writes
/// again. Contents come from a small set, so that pages are equal again and again. Prints `ok WRITES MERGED` (times
/// that a page was found to lie over a file before it was written), or what was lost.
#include "common.h"
#include <pthread.h>
#include <sys/socket.h>

enum { PAGES = 2048, THREADS = 4, CONTENTS = 64 };

static char *memory;
static double end;

struct result {
    size_t thread, writes, merged;
};

static int is_over_file(int pagemap, const char *page) {
    uint64_t entry;
    if (pread(pagemap, &entry, 8, (off_t)((uintptr_t)page / PAGE * 8)) != 8) fail("pagemap cannot be read");
    return (int)(entry >> 63 & entry >> 61 & 1);
}

static void *run(void *argument) {
    struct result *result = argument;
    uint64_t state = mixed(result->thread + 1);
    uint64_t *contents = calloc(PAGES, sizeof *contents);
    char *scratch = malloc(PAGE);
    int ends[2], pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (contents == NULL || scratch == NULL || pagemap < 0) fail("no memory");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair: %s", strerror(errno));
    while (now() < end) {
        // Some pages are written often, others rest long enough to be merged.
        state = mixed(state);
        size_t range = state & 7 ? PAGES / 64 : PAGES;
        size_t page = (state >> 8) % range / THREADS * THREADS + result->thread;
        char *bytes = memory + page * PAGE;
        uint64_t content = 1 + (state >> 40) % CONTENTS;
        if (contents[page] != 0) {
            size_t wrong = first_wrong_byte(bytes, contents[page]);
            if (wrong < PAGE) fail("page %zu lost a write: byte %zu is wrong", page, wrong);
            result->merged += (size_t)is_over_file(pagemap, bytes);
        }
        if (state >> 32 & 1) {
            fill_page(scratch, content);
            if (write(ends[0], scratch, PAGE) != PAGE) fail("write: %s", strerror(errno));
            for (size_t done = 0; done < PAGE;) {
                ssize_t count = read(ends[1], bytes + done, PAGE - done);
                if (count <= 0) fail("read into page %zu: %s", page, strerror(errno));
                done += (size_t)count;
            }
        } else if (state >> 33 & 1) {
            fill_page(scratch, content);
            memcpy(bytes, scratch, PAGE);
        } else {
            fill_page(bytes, content);
        }
        contents[page] = content;
        result->writes++;
        if ((state >> 34 & 3) == 0) pause_milliseconds(1);
    }
    for (size_t page = result->thread; page < PAGES; page += THREADS) {
        size_t wrong = contents[page] ? first_wrong_byte(memory + page * PAGE, contents[page]) : PAGE;
        if (wrong < PAGE) fail("at the end page %zu is wrong at byte %zu", page, wrong);
    }
    return NULL;
}

int main(int count, char **arguments) {
    end = now() + (count == 2 ? atof(arguments[1]) : 5);
    memory = map_pages(PAGES);
    mark(memory, PAGES);
    struct result results[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        results[i] = (struct result){.thread = i};
        if (pthread_create(&threads[i], NULL, run, &results[i]) != 0) fail("no thread");
    }
    size_t writes = 0, merged = 0;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        writes += results[i].writes;
        merged += results[i].merged;
    }
    printf("ok %zu %zu\n", writes, merged);
    return 0;
}
