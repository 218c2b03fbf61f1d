#ifndef SAMEPAGE_LM_ATOMIC_H
#define SAMEPAGE_LM_ATOMIC_H

#include <stdint.h>

/// Atomic access to words that threads share: futex words, and flags that are read without a lock.

static inline uint32_t lm_atomic_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

static inline void lm_atomic_store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

/// Returns the value before.
static inline uint32_t lm_atomic_exchange(uint32_t *word, uint32_t value) {
    return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
}

/// Adds (wrapping) and returns the value before.
static inline uint32_t lm_atomic_add(uint32_t *word, uint32_t value) {
    return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
}

/// Whether the word had the expected value and has the new one now.
static inline int lm_atomic_replace(uint32_t *word, uint32_t expected, uint32_t value) {
    return __atomic_compare_exchange_n(word, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/// As ``lm_atomic_load``, for a word as wide as an address.
static inline uintptr_t lm_atomic_load_wide(const uintptr_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

/// As ``lm_atomic_store``, for a word as wide as an address.
static inline void lm_atomic_store_wide(uintptr_t *word, uintptr_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/// A number that tells the calling thread from all others: its thread pointer. Costs no system call; a child of vfork has
/// that of the thread it stands for.
static inline uintptr_t lm_this_thread(void) { return (uintptr_t)__builtin_thread_pointer(); }

/// For loops that wait for another thread without a system call.
static inline void lm_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

#endif
