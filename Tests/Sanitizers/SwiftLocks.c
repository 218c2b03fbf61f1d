/// For programs that are built with the thread sanitizer: shows it the locks of Swift's library.
///
/// `Synchronization.Mutex` takes a free lock by an atomic operation that is inlined, and which the sanitizer sees. One
/// that is not free is taken, and one that is waited for is released, by functions of the library, which is not built
/// for the sanitizer: what such a lock protects would be reported as a race. These functions stand in for those, call
/// them, and tell the sanitizer. Nothing is hidden: what no lock protects is reported as ever.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
SWIFT void tsan_lock_slow(uint32_t thread, SELF) __asm__(LOCK);
SWIFT bool tsan_try_lock_slow(SELF) __asm__(TRY);
SWIFT void tsan_unlock_slow(SELF) __asm__(UNLOCK);
static SWIFT void (*next_lock)(uint32_t, SELF);
static SWIFT bool (*next_try)(SELF);
static SWIFT void (*next_unlock)(SELF);
__attribute__((constructor)) static void find(void) {
    next_lock = dlsym(RTLD_NEXT, LOCK);
    next_try = dlsym(RTLD_NEXT, TRY);
    next_unlock = dlsym(RTLD_NEXT, UNLOCK);
}
SWIFT void tsan_lock_slow(uint32_t thread, SELF) {
    next_lock(thread, self);
    __tsan_acquire(self);
}
SWIFT bool tsan_try_lock_slow(SELF) {
    bool locked = next_try(self);
    if (locked) __tsan_acquire(self);
    return locked;
}
SWIFT void tsan_unlock_slow(SELF) {
    __tsan_release(self);
    next_unlock(self);
}
