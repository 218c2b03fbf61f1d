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

/// What pthread_atfork calls, which itself is linked statically and wants the start files of a library. Other libcs than
/// glibc lack it: then the library must load all the same.
__attribute__((weak)) int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);
__attribute__((weak)) const char *gnu_get_libc_version(void);

/// Whether the program's libc is glibc, which alone gives constructors the environment.
static inline int lm_libc_is_glibc(void) { return gnu_get_libc_version != 0 && __register_atfork != 0; }

static inline void lm_watch_forks(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    if (__register_atfork) __register_atfork(prepare, parent, child, 0);
}

/// Whether the program has more rights than whoever started it (AT_SECURE).
static inline int lm_has_gained_rights(void) { return getauxval(AT_SECURE) != 0; }

static inline void lm_set_errno(int error) { *__errno_location() = error; }

/// The definition of a name that comes after the calling library's (RTLD_NEXT).
static inline void *lm_next_symbol(const char *name) { return dlsym((void *)-1l, name); }

/// Whether a function is of the libc that this library is linked with.
static inline int lm_is_of_libc(const void *function) {
    struct lm_symbol_home home = {0, 0, 0, 0}, libc_home = {0, 0, 0, 0};
    if (!function || !lm_find_symbol(function, &home)) return 0;
    if (!lm_find_symbol((const void *)&__errno_location, &libc_home)) return 0;
    return home.base == libc_home.base;
}

/// The library that the program's own malloc comes from is libc.
static inline int lm_malloc_is_of_libc(void) { return lm_is_of_libc(dlsym((void *)0, "malloc")); }

/// Calls a function of up to six words that answers -1 with errno: its answer, or minus the error number.
static inline long lm_call_next(void *function, long a, long b, long c, long d, long e, long f) {
    long result = ((long (*)(long, long, long, long, long, long))function)(a, b, c, d, e, f);
    return result == -1 ? -(long)*__errno_location() : result;
}

/// As ``lm_call_next``, for a function of three words that answers an int.
static inline int lm_call_next_int(void *function, long a, long b, long c) {
    int result = ((int (*)(long, long, long))function)(a, b, c);
    return result == -1 ? -*__errno_location() : result;
}

/// As ``lm_call_next_int``, for a function of five words.
static inline int lm_call_next_int_5(void *function, long a, long b, long c, long d, long e) {
    int result = ((int (*)(long, long, long, long, long))function)(a, b, c, d, e);
    return result == -1 ? -*__errno_location() : result;
}

/// As ``lm_call_next``, for syscall().
static inline long lm_call_next_syscall(void *function, long n, long a, long b, long c, long d, long e, long f) {
    long result = ((long (*)(long, long, long, long, long, long, long))function)(n, a, b, c, d, e, f);
    return result == -1 ? -(long)*__errno_location() : result;
}

/// What the calling thread is at, in a call of its program.
struct lm_call_state {
    /// 1 while a call that was made by number (syscall) is carried out.
    int is_by_number;
    /// The number of the call that is being made by another library's function of that name, plus 1; 0 for none.
    long passed_on;
};

/// That of the calling thread. The library is loaded with its program, so that there is room for it from the start.
extern __thread struct lm_call_state lm_this_call __attribute__((visibility("hidden"), tls_model("initial-exec")));

/// Sets ``lm_call_state/is_by_number`` of the calling thread, and answers what it was.
static inline int lm_exchange_by_number(int value) {
    int before = lm_this_call.is_by_number;
    lm_this_call.is_by_number = value;
    return before;
}
static inline int lm_is_by_number(void) { return lm_this_call.is_by_number; }

/// Sets ``lm_call_state/passed_on`` of the calling thread, and answers what it was.
static inline long lm_exchange_passed_on(long value) {
    long before = lm_this_call.passed_on;
    lm_this_call.passed_on = value;
    return before;
}
static inline long lm_passed_on(void) { return lm_this_call.passed_on; }

/// glibc's count of the threads that keep a process alive: whoever makes it 0 calls exit(). 0 where there is none.
static inline uint32_t *lm_thread_count(void) { return (uint32_t *)dlsym((void *)0, "__nptl_nthreads"); }

/// The end of the stack that a program gives to threads that it creates with these attributes; 0 where libc makes one.
static inline uintptr_t lm_end_of_given_stack(uintptr_t attributes) {
    void *start = 0;
    size_t size = 0;
    if (!attributes || pthread_attr_getstack((const pthread_attr_t *)attributes, &start, &size) != 0) return 0;
    return (uintptr_t)start + size;
}

/// Whether mutexes of these attributes are marked by the kernel when a thread ends that holds them.
static inline int lm_is_robust(uintptr_t attributes) {
    int kind = PTHREAD_MUTEX_STALLED;
    if (!attributes || pthread_mutexattr_getrobust((const pthread_mutexattr_t *)attributes, &kind) != 0) return 0;
    return kind == PTHREAD_MUTEX_ROBUST;
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
