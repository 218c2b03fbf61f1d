/// Counts the pages of processes that hold what another page of them holds, byte for byte.
///
///     count_duplicates [--flags dc,hg] [--least BYTES] PID[:START-END] ...
///
/// Looks at private anonymous memory of at least BYTES (65536) that can be written and is neither heap nor stack, or at
/// START-END (decimal addresses) alone; with --flags only at mappings with all of these VmFlags. Only pages that take
/// memory count: not those never touched, not those over files or the kernel's page of zeros.
/// Answers `pages N zeros N duplicates N distinct N`: duplicates are pages that could be given back, zeros among them.
#include "common.h"
#include <inttypes.h>
#include <sys/ioctl.h>

struct page_region {
    uint64_t start, end, categories;
};

/// struct pm_scan_arg of linux/fs.h (Linux 6.7).
struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t inverted, mask, any_of_mask, return_mask;
};

enum { FILE_PAGE = 1 << 2, PRESENT = 1 << 3, ZERO_PAGE = 1 << 5 };

struct found {
    uint64_t hash, address;
    int process;
};

static struct process {
    int pid, memory, pagemap;
} processes[64];
static int process_count;

static struct found *all;
static size_t found_count, found_capacity;
static size_t zeros;

static uint64_t hash_of(const unsigned char *bytes) {
    uint64_t lanes[4] = {1, 2, 3, 4};
    for (size_t offset = 0; offset < PAGE; offset += 32) {
        for (int lane = 0; lane < 4; lane++) {
            uint64_t word;
            memcpy(&word, bytes + offset + lane * 8, 8);
            lanes[lane] = (lanes[lane] ^ word) * 0x9E3779B97F4A7C15u;
            lanes[lane] ^= lanes[lane] >> 29;
        }
    }
    return mixed(lanes[0] ^ mixed(lanes[1] ^ mixed(lanes[2] ^ mixed(lanes[3]))));
}

static void take(int process, uint64_t address, const unsigned char *bytes) {
    if (is_zero_page(bytes)) {
        zeros++;
        return;
    }
    if (found_count == found_capacity) {
        found_capacity = found_capacity ? found_capacity * 2 : 65536;
        all = realloc(all, found_capacity * sizeof *all);
        if (all == NULL) fail("no memory");
    }
    all[found_count++] = (struct found){hash_of(bytes), address, process};
}

static void take_pages(int process, uint64_t start, uint64_t end) {
    static unsigned char buffer[256 * PAGE] __attribute__((aligned(64)));
    while (start < end) {
        size_t size = end - start < sizeof buffer ? end - start : sizeof buffer;
        ssize_t done = pread(processes[process].memory, buffer, size, (off_t)start);
        if (done < PAGE) return;
        for (ssize_t offset = 0; offset + PAGE <= done; offset += PAGE) {
            take(process, start + (uint64_t)offset, buffer + offset);
        }
        start += (uint64_t)done / PAGE * PAGE;
    }
}

static void take_range(int process, uint64_t start, uint64_t end) {
    struct page_region regions[512];
    while (start < end) {
        struct scan scan = {.size = sizeof scan, .start = start, .end = end, .vec = (uintptr_t)regions, .vec_len = 512};
        // Present, and neither of a file nor the page of zeros.
        scan.inverted = FILE_PAGE | ZERO_PAGE;
        scan.mask = PRESENT | FILE_PAGE | ZERO_PAGE;
        scan.return_mask = PRESENT;
        int count = ioctl(processes[process].pagemap, 0xC0606610u, &scan);
        if (count < 0) fail("PAGEMAP_SCAN: %s", strerror(errno));
        for (int i = 0; i < count; i++) take_pages(process, regions[i].start, regions[i].end);
        if (scan.walk_end <= start) return;
        start = scan.walk_end;
    }
}

static int has_flags(const char *line, const char *wanted) {
    for (; *wanted != 0; wanted += wanted[2] == ',' ? 3 : 2) {
        char flag[4] = {' ', wanted[0], wanted[1], 0};
        if (strstr(line, flag) == NULL) return 0;
    }
    return 1;
}

/// Addresses, rights, inode and name in a line of smaps.
#define AREA "%" SCNx64 "-%" SCNx64 " %4s %*x %*s %" SCNu64 " %n"

static void take_process(int process, uint64_t least, const char *flags) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/smaps", processes[process].pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) fail("%s: %s", path, strerror(errno));
    uint64_t start = 0, end = 0;
    int fits = 0;
    while (fgets(line, sizeof line, file)) {
        uint64_t first, last, inode;
        char rights[5];
        int rest = 0;
        if (sscanf(line, AREA, &first, &last, rights, &inode, &rest) == 4) {
            start = first;
            end = last;
            // Named mappings of the program's own ([anon:...]) count, [heap], [stack] and the like do not.
            int named = line[rest] != 0 && strncmp(line + rest, "[anon:", 6) != 0;
            fits = inode == 0 && strcmp(rights, "rw-p") == 0 && !named && end - start >= least;
        } else if (fits && strncmp(line, "VmFlags:", 8) == 0) {
            if (!has_flags(line, " gd") && has_flags(line, flags)) take_range(process, start, end);
        }
    }
    fclose(file);
}

static int by_hash(const void *left, const void *right) {
    uint64_t a = ((const struct found *)left)->hash, b = ((const struct found *)right)->hash;
    return (a > b) - (a < b);
}

static int read_again(const struct found *page, unsigned char *bytes) {
    return pread(processes[page->process].memory, bytes, PAGE, (off_t)page->address) == PAGE;
}

/// Pages of one hash: every page that equals an earlier one could be given back.
static size_t duplicates_among(struct found *group, size_t count) {
    unsigned char first[PAGE], other[PAGE];
    size_t duplicates = 0;
    while (count > 1) {
        size_t left = 0;
        if (!read_again(&group[0], first)) return duplicates;
        for (size_t i = 1; i < count; i++) {
            if (!read_again(&group[i], other)) continue;
            if (memcmp(first, other, PAGE) == 0) {
                duplicates++;
            } else {
                group[left++] = group[i];
            }
        }
        count = left;
    }
    return duplicates;
}

int main(int count, char **arguments) {
    uint64_t least = 65536;
    const char *flags = "";
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--flags") == 0 && i + 1 < count) {
            flags = arguments[++i];
            continue;
        }
        if (strcmp(arguments[i], "--least") == 0 && i + 1 < count) {
            least = strtoull(arguments[++i], NULL, 10);
            continue;
        }
        if (process_count == 64) fail("more than 64 processes");
        struct process *process = &processes[process_count];
        uint64_t start = 0, end = 0;
        int fields = sscanf(arguments[i], "%d:%" SCNu64 "-%" SCNu64, &process->pid, &start, &end);
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/mem", process->pid);
        process->memory = open(path, O_RDONLY | O_CLOEXEC);
        snprintf(path, sizeof path, "/proc/%d/pagemap", process->pid);
        process->pagemap = open(path, O_RDONLY | O_CLOEXEC);
        if (process->memory < 0 || process->pagemap < 0) fail("%s: %s", path, strerror(errno));
        process_count++;
        if (fields == 3) {
            take_range(process_count - 1, start, end);
        } else if (fields == 1) {
            take_process(process_count - 1, least, flags);
        } else {
            fail("not a process: %s", arguments[i]);
        }
    }
    qsort(all, found_count, sizeof *all, by_hash);
    size_t duplicates = zeros;
    for (size_t start = 0; start < found_count;) {
        size_t end = start + 1;
        while (end < found_count && all[end].hash == all[start].hash) end++;
        duplicates += duplicates_among(all + start, end - start);
        start = end;
    }
    size_t pages = found_count + zeros;
    printf("pages %zu zeros %zu duplicates %zu distinct %zu\n", pages, zeros, duplicates, pages - duplicates);
    return 0;
}
