// daemon: --rewritten-pages trap
// Merged memory is rewritten in every way there is, becomes equal again, and merges again without being discarded: by
// stores, a device (O_DIRECT), another process, a forked child. No byte may be lost, and nobody may wait for ever.
#include "case.h"
enum { pages = 256, contents = 8, rounds = 4 };

static char path[] = "trap.XXXXXX"; // in the current folder
static char *data;

static void *store(void *start) {
    rewrite(start, pages / 4);
    return NULL;
}

static void read_directly(char *start) {
    int file = open(path, O_RDONLY | O_DIRECT);
    if (file < 0) return;
    if (pread(file, start, pages / 4 * PAGE, 0) != (ssize_t)(pages / 4 * PAGE)) wrong("pread with O_DIRECT: %s", strerror(errno));
    close(file);
    if (memcmp(start, data, pages / 4 * PAGE)) wrong("a read with O_DIRECT left other bytes than it read");
}

static void write_from_outside(char *start) {
    pid_t parent = getpid(), child = fork();
    if (!child) {
        struct iovec from = {data, pages / 4 * PAGE}, to = {start, pages / 4 * PAGE};
        _exit(process_vm_writev(parent, &from, 1, &to, 1, 0) != (ssize_t)from.iov_len);
    }
    int status = status_of(child, 20);
    if (status != 0 && status != 1 << 8) wrong("a child that writes to its parent's memory did not end");
    if (status == 0 && memcmp(start, data, pages / 4 * PAGE)) wrong("process_vm_writev left other bytes than it wrote");
}

static void write_in_child(char *memory) {
    pid_t child = fork();
    if (!child) {
        rewrite(memory, pages);
        _exit(wrong_pages(memory, pages, contents) != 0);
    }
    rewrite(memory, pages / 8);
    if (status_of(child, 20) != 0) wrong("a forked child that wrote to merged memory did not end well");
}

int main(void) {
    char *memory = region(pages, contents);
    data = map_pages(pages / 4);
    fill(data, pages / 4, contents);
    int file = mkstemp(path);
    if (write(file, data, pages / 4 * PAGE) != (ssize_t)(pages / 4 * PAGE)) skip("%s: %s", path, strerror(errno));
    fsync(file);
    close(file);
    for (int round = 0; round < rounds; round++) {
        merged_or_plain(memory, pages);
        pthread_t threads[4];
        switch (round) {
        case 0:
            for (int i = 0; i < 4; i++) pthread_create(threads + i, NULL, store, memory + i * (pages / 4) * PAGE);
            for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
            break;
        case 1:
            memset(memory, 1, pages / 4 * PAGE);
            read_directly(memory);
            read_directly(memory + pages / 2 * PAGE);
            break;
        case 2: write_from_outside(memory + pages / 4 * PAGE); break;
        case 3: write_in_child(memory); break;
        }
        if (wrong_pages(memory, pages, contents)) wrong("round %d: %zu wrong pages", round, wrong_pages(memory, pages, contents));
    }
    merged_or_plain(memory, pages);
    // All of it is anonymous memory again.
    if (madvise(memory, pages * PAGE, MADV_UNMERGEABLE) && under_samepage()) wrong("MADV_UNMERGEABLE: %s", strerror(errno));
    size_t left = frames_in(memory, pages);
    if (left) wrong("%zu pages are frames after MADV_UNMERGEABLE", left);
    unlink(path);
    return 0;
}
