#ifndef SAMEPAGE_LM_LOADER_H
#define SAMEPAGE_LM_LOADER_H

#include "LMProgram.h"

/// What the loader shows to debuggers: the libraries of the program, in their order.

/// The public part of struct link_map.
struct lm_loaded {
    uintptr_t base;
    const char *name;
    void *dynamic;
    struct lm_loaded *next, *previous;
};

/// struct r_debug.
struct lm_loader_state {
    int version;
    struct lm_loaded *first;
};

__attribute__((weak)) extern struct lm_loader_state lm_loader_view __asm__("_r_debug");

static inline int lm_contains(const char *text, const char *part) {
    for (; *text; text++) {
        size_t length = 0;
        while (part[length] && text[length] == part[length]) length++;
        if (!part[length]) return 1;
    }
    return 0;
}

/// Whether a library of the program has a name with this part in it.
static inline int lm_is_loaded(const char *part) {
    if (&lm_loader_view == 0) return 0;
    for (struct lm_loaded *each = lm_loader_view.first; each; each = each->next)
        if (each->name && lm_contains(each->name, part)) return 1;
    return 0;
}

/// Takes the name of the library that holds an address off the loader's list: a run-time that insists on being the first
/// library passes over it then, as over the program itself.
static inline void lm_hide_name(const void *address) {
    struct lm_symbol_home home = {0, 0, 0, 0};
    if (&lm_loader_view == 0 || !lm_find_symbol(address, &home)) return;
    for (struct lm_loaded *each = lm_loader_view.first; each; each = each->next)
        if (each->base == (uintptr_t)home.base) each->name = "";
}

#endif
