#ifndef SAMEPAGE_LM_THREAD_H
#define SAMEPAGE_LM_THREAD_H

#include "LMSystemCall.h"
#include <semaphore.h>
#include <time.h>

/// glibc 2.30 and newer; declared here because its header shows it to _GNU_SOURCE only.
int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *deadline);

/// Waits for a semaphore at most so long, by the monotonic clock; 0 when it was there.
static inline int lm_wait(sem_t *semaphore, uint64_t nanoseconds) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    uint64_t total = (uint64_t)deadline.tv_nsec + nanoseconds;
    deadline.tv_sec += (time_t)(total / 1000000000u);
    deadline.tv_nsec = (long)(total % 1000000000u);
    return sem_clockwait(semaphore, CLOCK_MONOTONIC, &deadline);
}

/// Names the calling thread (PR_SET_NAME), at most 15 bytes.
static inline void lm_name_thread(const char *name) { lm_system_call(SYS_prctl, 15, (long)name, 0, 0, 0, 0); }

/// Ends the calling thread, and nothing of libc runs for it.
_Noreturn static inline void lm_end_thread(int status) {
    while (1) lm_system_call(SYS_exit, status, 0, 0, 0, 0, 0);
}

/// Starts a thread that libc does not know: creating one of libc's allocates memory in the calling thread, which may map some.
/// The body makes system calls of ours only, and uses nothing of libc's that is a thread's own. Returns the thread's
/// number, or minus the error number. The calls and flags are those of libc.
///
/// - Parameters:
///   - stack_end: The end of its stack, of which the last 256 bytes are its thread pointer's.
///   - number: Gets its number; 0 when it has ended.
static inline long lm_start_own_thread(void (*body)(void), uintptr_t stack_end, uint32_t *number) {
    uintptr_t *own = (uintptr_t *)(stack_end - 256);
    own[0] = (uintptr_t)own;
    const unsigned long flags = 0x3D0F00;
#if defined(__x86_64__)
    register uintptr_t fifth __asm__("r8") = (uintptr_t)own;
    register uint32_t *fourth __asm__("r10") = number;
    long result = SYS_clone;
    __asm__ volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "call *%[body]\n\t"
        "mov %[end], %%eax\n\t"
        "xor %%edi, %%edi\n\t"
        "syscall\n\t"
        "hlt\n"
        "1:"
        : "+a"(result)
        : "D"(flags), "S"((uintptr_t)own & ~(uintptr_t)15), "d"(number), "r"(fourth), "r"(fifth), [body] "r"(body),
          [end] "i"(SYS_exit)
        : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register unsigned long first __asm__("x0") = flags;
    register uintptr_t second __asm__("x1") = (uintptr_t)own & ~(uintptr_t)15;
    register uint32_t *third __asm__("x2") = number;
    register uintptr_t fourth __asm__("x3") = (uintptr_t)own;
    register uint32_t *fifth __asm__("x4") = number;
    register long call __asm__("x8") = SYS_clone;
    __asm__ volatile(
        "svc 0\n\t"
        "cbnz x0, 1f\n\t"
        "blr %[body]\n\t"
        "mov x0, xzr\n\t"
        "mov x8, %[end]\n\t"
        "svc 0\n\t"
        "brk 1\n"
        "1:"
        : "+r"(first)
        : "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(call), [body] "r"(body), [end] "i"(SYS_exit)
        : "memory");
    return (long)first;
#else
    return -LM_ENOSYS;
#endif
}

/// How the first thread of a process stands.
struct lm_first_thread {
    /// It has ended, while others run on.
    int is_gone;
    /// The status that it ended with.
    int status;
};

/// Reads it from the open file /proc/self/stat.
static inline struct lm_first_thread lm_read_first_thread(int file) {
    struct lm_first_thread result = {0, 0};
    char line[1024];
    long size = lm_system_call(SYS_pread64, file, (long)line, sizeof line, 0, 0, 0);
    // The state follows the name, which ends with the last bracket; the last field is the code of the end, with the status
    // in its second byte.
    long place = size, code = 0;
    while (place > 0 && line[place - 1] != ')') place--;
    if (place <= 0 || place + 1 >= size) return result;
    result.is_gone = line[place + 1] == 'Z' || line[place + 1] == 'X';
    for (place = size; place > 0 && line[place - 1] != ' ';) place--;
    for (; place < size && line[place] >= '0' && line[place] <= '9'; place++) code = code * 10 + line[place] - '0';
    result.status = code >> 8 & 255;
    return result;
}

/// The parent's number; 0 where it is in another namespace of processes.
static inline int lm_parent_id(void) { return (int)lm_system_call(SYS_getppid, 0, 0, 0, 0, 0, 0); }

/// The calling thread gets the priority of ordinary ones, if it inherited a higher: real-time policies, negative nice values.
static inline void lm_take_normal_priority(void) {
    int parameter = 0;
    long policy = lm_system_call(SYS_sched_getscheduler, 0, 0, 0, 0, 0, 0);
    // SCHED_RESET_ON_FORK may be set, too.
    long kind = policy & 0xff;
    // SCHED_FIFO, SCHED_RR, SCHED_DEADLINE.
    if (policy >= 0 && (kind == 1 || kind == 2 || kind == 6))
        lm_system_call(SYS_sched_setscheduler, 0, 0, (long)&parameter, 0, 0, 0);
    // 20 minus the nice value.
    if (lm_system_call(SYS_getpriority, 0, 0, 0, 0, 0, 0) > 20) lm_system_call(SYS_setpriority, 0, 0, 0, 0, 0, 0);
}

#endif
