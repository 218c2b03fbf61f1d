// A program unmaps, discards and protects whatever it does not know, as one that restores a checkpoint does: all but itself, its libraries and
// its memory. It goes on.
#include "case.h"
enum { pages = 256, contents = 8, most = 2000, ways = 3 };
static struct mapping {
    unsigned long start, end;
    char name[200];
} mappings[most];

static int read_maps(void) {
    static char text[1 << 18];
    int file = open("/proc/self/maps", O_RDONLY), count = 0;
    size_t size = 0;
    for (ssize_t more; (more = read(file, text + size, sizeof text - 1 - size)) > 0;) size += more;
    close(file);
    text[size] = 0;
    for (char *line = text, *end; count < most && (end = strchr(line, '\n')); line = end + 1, count++) {
        *end = 0;
        mappings[count].name[0] = 0;
        sscanf(line, "%lx-%lx %*s %*s %*s %*s %199s", &mappings[count].start, &mappings[count].end, mappings[count].name);
    }
    return count;
}

static bool overlaps(struct mapping *mapping, const void *memory, size_t size) {
    return mapping->start < (uintptr_t)memory + size && mapping->end > (uintptr_t)memory;
}
// What libc and the loader have mapped without a name lies beside their files; the thread's own data, too.
static bool is_known(struct mapping *all, int count, int place) {
    struct mapping *mapping = all + place;
    const char *known[] = {"libc.so", "ld-linux", "libpthread", "[stack]", "[heap]", "[v"};
    char own[200];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    own[length < 0 ? 0 : length] = 0;
    if (!strcmp(mapping->name, own)) return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(mapping->name, known[i])) return true;
    if (mapping->name[0]) return false;
    if (overlaps(mapping, (void *)pthread_self(), 1) || overlaps(mapping, stdout, 1)) return true;
    for (int i = place > 0 ? place - 1 : 0; i <= place + 1 && i < count; i++)
        if (all[i].name[0] && i != place && is_known(all, count, i) && (all[i].end == mapping->start || all[i].start == mapping->end)) return true;
    return false;
}

int main(void) {
    for (int way = 0; way < ways; way++) {
        char *memory = region(pages, contents);
        merged_or_plain(memory, pages);
        int count = read_maps();
        for (int i = 0; i < count; i++) {
            void *start = (void *)mappings[i].start;
            size_t size = mappings[i].end - mappings[i].start;
            if (is_known(mappings, count, i) || overlaps(mappings + i, memory, pages * PAGE)) continue;
            if (way == 0) madvise(start, size, MADV_DONTNEED);
            if (way == 1) mprotect(start, size, PROT_NONE);
            if (way == 2) munmap(start, size);
        }
        if (wrong_pages(memory, pages, contents)) wrong("way %d: content changed", way);
        rewrite(memory, pages / 2);
        madvise(memory, pages / 4 * PAGE, MADV_DONTNEED);
        for (size_t i = 0; i < pages / 4 * PAGE; i++)
            if (memory[i]) wrong("way %d: discarded memory is not zero", way);
        pid_t child = fork();
        if (!child) _exit(wrong_pages(memory + pages / 4 * PAGE, pages - pages / 4, contents) != 0);
        expect_exit("a child", status_of(child, 10), 0);
        munmap(memory, pages * PAGE);
    }
    return 0;
}
