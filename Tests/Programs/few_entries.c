/// Loaded into a program before it starts, takes its map entries until FEW_ENTRIES of them are left.
#include "common.h"

__attribute__((constructor)) static void take(void) {
    const char *left = getenv("FEW_ENTRIES");
    if (left != NULL) take_map_entries(strtoul(left, NULL, 10));
}
