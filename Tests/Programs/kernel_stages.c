/// The memory of one process of the KSM stages of the Linux Test Project, commanded by lines on standard input; one
/// line of answer each. All of it is one byte, but for the last page if it is told so. Ends with the input, and with
/// exit status 0 only if every byte was right whenever it was looked at.
///
///     map MEBIBYTES UNIT   so many MiB in areas of UNIT MiB, each marked MADV_MERGEABLE, nothing written    ok
///     fill BYTE [LAST]     writes every byte; LAST is the very last one                                      ok
///     keep                 from now on what is written over is not discarded first                           ok
///     verify               reads every byte                                                                  ok, or wrong PAGE
#include "common.h"

static char **areas;
static size_t area_count, area_bytes;
static char byte, last;
static int keeps;

/// The first page with a wrong byte; the number of pages when all are right.
static size_t first_wrong_page(void) {
    char page[PAGE], end[PAGE];
    memset(page, byte, PAGE);
    memcpy(end, page, PAGE);
    end[PAGE - 1] = last;
    size_t pages = area_bytes / PAGE;
    for (size_t area = 0; area < area_count; area++) {
        for (size_t place = 0; place < pages; place++) {
            int is_last = area == area_count - 1 && place == pages - 1;
            if (memcmp(areas[area] + place * PAGE, is_last ? end : page, PAGE) != 0) return area * pages + place;
        }
    }
    return area_count * pages;
}

static void map(size_t mebibytes, size_t unit) {
    area_bytes = unit << 20;
    area_count = mebibytes / unit;
    areas = calloc(area_count, sizeof *areas);
    for (size_t area = 0; area < area_count; area++) {
        areas[area] = map_pages(area_bytes / PAGE);
        mark(areas[area], area_bytes / PAGE);
    }
}

static void fill(char wanted, char wanted_last) {
    byte = wanted;
    last = wanted_last;
    for (size_t area = 0; area < area_count; area++) {
        // Pages that were merged and are written where they lie merge again under Samepage if writes are trapped; those that
        // are discarded first always do.
        if (!keeps) madvise(areas[area], area_bytes, MADV_DONTNEED);
        memset(areas[area], byte, area_bytes);
    }
    if (last != byte) areas[area_count - 1][area_bytes - 1] = last;
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready %d\n", getpid());
    char line[64];
    int status = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t mebibytes, unit;
        char wanted, wanted_last;
        int given = 0;
        if (sscanf(line, "map %zu %zu", &mebibytes, &unit) == 2) {
            map(mebibytes, unit);
            printf("ok\n");
        } else if ((given = sscanf(line, "fill %c %c", &wanted, &wanted_last)) >= 1) {
            fill(wanted, given == 2 ? wanted_last : wanted);
            printf("ok\n");
        } else if (strcmp(line, "keep\n") == 0) {
            keeps = 1;
            printf("ok\n");
        } else if (strcmp(line, "verify\n") == 0) {
            size_t wrong = first_wrong_page();
            if (wrong == area_count * (area_bytes / PAGE)) {
                printf("ok\n");
            } else {
                printf("wrong %zu\n", wrong);
                status = 1;
            }
        } else {
            printf("unknown\n");
            status = 1;
        }
    }
    return status;
}
