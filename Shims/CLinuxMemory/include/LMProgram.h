#ifndef SAMEPAGE_LM_PROGRAM_H
#define SAMEPAGE_LM_PROGRAM_H

#include "LMSystemCall.h"
#include <pthread.h>
#include <sys/auxv.h>

/// What a library that lives in the program of another takes from that program's libc, and calls that such a library
/// makes in the program's stead.

/// errno of the calling thread.
int *__errno_location(void);
void *dlsym(void *handle, const char *name);
_Noreturn void exit(int status);

/// What dladdr tells (Dl_info).
struct lm_symbol_home {
    const char *file;
    /// Where the library that holds the address is loaded.
    void *base;
    const char *symbol;
    void *symbol_address;
};

/// dladdr, under a name of its own: its header shows it to _GNU_SOURCE only.
int lm_find_symbol(const void *address, struct lm_symbol_home *home) __asm__("dladdr");

/// What pthread_atfork calls, which itself is linked statically and wants the start files of a library.
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);

/// Whether the program has more rights than whoever started it (AT_SECURE).
static inline int lm_has_gained_rights(void) { return getauxval(AT_SECURE) != 0; }

static inline void lm_set_errno(int error) { *__errno_location() = error; }

/// The definition of a name that comes after the calling library's (RTLD_NEXT).
static inline void *lm_next_symbol(const char *name) { return dlsym((void *)-1l, name); }

/// The library that the program's own malloc comes from is the libc that this library is linked with.
static inline int lm_malloc_is_of_libc(void) {
    struct lm_symbol_home malloc_home = {0, 0, 0, 0}, libc_home = {0, 0, 0, 0};
    void *function = dlsym((void *)0, "malloc");
    if (!function || !lm_find_symbol(function, &malloc_home)) return 0;
    if (!lm_find_symbol((const void *)&__errno_location, &libc_home)) return 0;
    return malloc_home.base == libc_home.base;
}

/// Starts a detached thread with a stack that is nobody else's; 0, or an error number: EINVAL where it is too small.
static inline int lm_start_thread(void *(*body)(void *), uintptr_t stack, size_t stack_size) {
    pthread_attr_t attributes;
    pthread_t thread;
    int result = pthread_attr_init(&attributes);
    if (result != 0) return result;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    result = pthread_attr_setstack(&attributes, (void *)stack, stack_size);
    if (result == 0) result = pthread_create(&thread, &attributes, body, 0);
    pthread_attr_destroy(&attributes);
    return result;
}

#endif
