#ifndef SAMEPAGE_LM_MAP_QUERY_H
#define SAMEPAGE_LM_MAP_QUERY_H

#include "LMSystemCall.h"

/// What the kernel says of one mapping (struct procmap_query).
struct lm_map_query {
    uint64_t size;
    uint64_t query_flags;
    uint64_t query_address;
    uint64_t start;
    uint64_t end;
    uint64_t flags;
    uint64_t page_size;
    uint64_t offset;
    uint64_t inode;
    uint32_t device_major;
    uint32_t device_minor;
    uint32_t name_size;
    uint32_t build_id_size;
    uint64_t name;
    uint64_t build_id;
};

enum {
    LM_MAP_IS_READABLE = 1,
    LM_MAP_IS_WRITABLE = 2,
    LM_MAP_IS_EXECUTABLE = 4,
    LM_MAP_IS_SHARED = 8,
};

/// PROCMAP_QUERY (Linux 6.11) on a descriptor of /proc/PID/maps: the mapping at an address or the next one, with the start of
/// its name (64 bytes, ended by a zero byte). 0, or minus the error number: ENOENT where there is none, ENOTTY on older kernels.
static inline int lm_query_map(int maps, uintptr_t address, struct lm_map_query *query, char name[64]) {
    struct lm_map_query fresh = {sizeof fresh, 0x10, address, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, (uint64_t)(uintptr_t)name, 0};
    name[0] = 0;
    *query = fresh;
    int result = lm_ioctl(maps, LM_IOWR('f', 17, sizeof *query), query);
    // The name is longer than that: it is not one that anyone looks for here.
    if (result != -36) return result;
    *query = fresh;
    query->name_size = 0;
    query->name = 0;
    name[0] = 0;
    return lm_ioctl(maps, LM_IOWR('f', 17, sizeof *query), query);
}

/// The name of the file of the mapping that begins and ends exactly there, by a link in /proc that needs no descriptor:
/// its length, at most `size`, or minus the error number: ENOENT where there is no such mapping of a file.
static inline long lm_mapped_name(uintptr_t start, uintptr_t end, char *name, size_t size) {
    char path[64] = "/proc/self/map_files/";
    char *place = path + 21;
    const uintptr_t ends[2] = {start, end};
    for (int number = 0; number < 2; number++) {
        int shift = 60;
        while (shift > 0 && ends[number] >> shift == 0) shift -= 4;
        for (; shift >= 0; shift -= 4) *place++ = "0123456789abcdef"[ends[number] >> shift & 15];
        if (number == 0) *place++ = '-';
    }
    *place = 0;
    return lm_system_call(SYS_readlinkat, -100, (long)path, (long)name, (long)size, 0, 0);
}

#endif
