/// A process whose memory is to be merged, for measurements.
///
///     workload NAME MIB PROCESS
///
/// Fills MIB of memory, says "filled", then does what it is told on standard input, a line each, and answers by a line:
/// "mark" marks it (MADV_MERGEABLE), "write PERCENT" gives so many pages new content of their own, "verify" reads every byte.
///
/// NAME: `clones` every process the same; `unique` no page twice; `half` half of all pages are pairs at random places
/// within the process; `scatter` the same contents in every process, at places of its own; `runs` the same in runs of 64
/// pages; `zeros`; `fill` one byte everywhere.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static uint64_t *contents, random_state;
static unsigned char *memory;
static size_t pages;

/// SplitMix64.
static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

static uint64_t next_random(void) { return mix(random_state += 0x9E3779B97F4A7C15u); }

/// Content 0 is zeros, 1 is one byte everywhere, others are words that are nowhere else.
static uint64_t word(uint64_t content, size_t place) {
    if (content < 2) return content * 0x0101010101010101u;
    return mix(content * 512 + place);
}

static void fill(size_t page) {
    for (size_t place = 0; place < PAGE / 8; place++) {
        uint64_t value = word(contents[page], place);
        memcpy(memory + page * PAGE + place * 8, &value, 8);
    }
}

/// Puts runs of pages into random order.
static void shuffle(size_t run) {
    uint64_t kept[64];
    for (size_t left = pages / run; left > 1; left--) {
        uint64_t *one = contents + (left - 1) * run, *other = contents + next_random() % left * run;
        memcpy(kept, one, run * 8);
        memmove(one, other, run * 8);
        memcpy(other, kept, run * 8);
    }
}

static void choose(const char *name, uint64_t process) {
    uint64_t own = (process + 1) << 32;
    for (size_t page = 0; page < pages; page++) contents[page] = 2 + page;
    if (strcmp(name, "unique") == 0) {
        for (size_t page = 0; page < pages; page++) contents[page] = own + page;
    } else if (strcmp(name, "half") == 0) {
        for (size_t page = 0; page < pages; page++) contents[page] = own + (page < pages / 2 ? page / 2 : page);
        shuffle(1);
    } else if (strcmp(name, "scatter") == 0) {
        shuffle(1);
    } else if (strcmp(name, "runs") == 0) {
        shuffle(64);
    } else if (strcmp(name, "zeros") == 0 || strcmp(name, "fill") == 0) {
        for (size_t page = 0; page < pages; page++) contents[page] = name[0] == 'f';
    } else if (strcmp(name, "clones") != 0) {
        fprintf(stderr, "no workload is called %s\n", name);
        exit(64);
    }
}

static size_t wrong_pages(void) {
    size_t wrong = 0;
    for (size_t page = 0; page < pages; page++) {
        for (size_t place = 0; place < PAGE / 8; place++) {
            uint64_t value;
            memcpy(&value, memory + page * PAGE + place * 8, 8);
            if (value == word(contents[page], place)) continue;
            wrong++;
            break;
        }
    }
    return wrong;
}

int main(int count, char **words) {
    if (count != 4) return 64;
    pages = strtoul(words[2], NULL, 10) * 256 / 64 * 64;
    uint64_t process = strtoul(words[3], NULL, 10);
    random_state = process + 1;
    contents = malloc(pages * sizeof *contents);
    memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (contents == NULL || memory == MAP_FAILED) return 1;
    choose(words[1], process);
    for (size_t page = 0; page < pages; page++) fill(page);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("filled");
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned percent;
        if (strcmp(line, "mark\n") == 0) {
            if (madvise(memory, pages * PAGE, MADV_MERGEABLE) != 0) return 1;
            puts("ok");
        } else if (sscanf(line, "write %u", &percent) == 1) {
            for (size_t page = 0; page < pages; page++) {
                if (next_random() % 100 >= percent) continue;
                contents[page] = (process + 1) << 40 | next_random() >> 32;
                fill(page);
            }
            puts("ok");
        } else {
            printf("%zu wrong\n", wrong_pages());
        }
    }
    return 0;
}
