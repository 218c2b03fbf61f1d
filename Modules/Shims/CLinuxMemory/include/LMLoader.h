#ifndef SAMEPAGE_LM_LOADER_H
#define SAMEPAGE_LM_LOADER_H

#include "LMProgram.h"
#include <elf.h>

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

/// Addresses of a library.
struct lm_extent {
    uintptr_t start, end;
};

/// Where the library that holds an address lies, by its program headers: dladdr would search all of its symbols each time. Empty
/// if it is not found.
static inline struct lm_extent lm_extent_around(uintptr_t inside) {
    struct lm_extent result = {0, 0};
    if (&lm_loader_view == 0) return result;
    for (struct lm_loaded *each = lm_loader_view.first; each; each = each->next)
        if (each->base <= inside && each->base > result.start) result.start = each->base;
    const Elf64_Ehdr *file = (const Elf64_Ehdr *)result.start;
    if (!file || file->e_ident[0] != 0x7f || file->e_ident[1] != 'E') return (struct lm_extent){0, 0};
    const Elf64_Phdr *part = (const Elf64_Phdr *)(result.start + file->e_phoff);
    for (int i = 0; i < file->e_phnum; i++) {
        uintptr_t end = result.start + part[i].p_vaddr + part[i].p_memsz;
        if (part[i].p_type == PT_LOAD && end > result.end) result.end = end;
    }
    return result;
}

/// Where libc lies.
static inline struct lm_extent lm_libc_extent(void) { return lm_extent_around((uintptr_t)&__errno_location); }

/// Takes the name of the library that holds an address off the loader's list: a run-time that insists on being the first
/// library passes over it then, as over the program itself.
static inline void lm_hide_name(const void *address) {
    struct lm_symbol_home home = {0, 0, 0, 0};
    if (&lm_loader_view == 0 || !lm_find_symbol(address, &home)) return;
    for (struct lm_loaded *each = lm_loader_view.first; each; each = each->next)
        if (each->base == (uintptr_t)home.base) each->name = "";
}

#endif
