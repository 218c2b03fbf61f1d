#ifndef SAMEPAGE_LM_SYSTEM_CALL_H
#define SAMEPAGE_LM_SYSTEM_CALL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/// Error numbers, the same on x86-64 and arm64.
enum {
    LM_EPERM = 1,
    LM_ENOENT = 2,
    LM_EBADF = 9,
    LM_EINTR = 4,
    LM_EAGAIN = 11,
    LM_ENOMEM = 12,
    LM_EACCES = 13,
    LM_EFAULT = 14,
    LM_EBUSY = 16,
    LM_EEXIST = 17,
    LM_EINVAL = 22,
    LM_ENOTTY = 25,
    LM_ENOSYS = 38,
};

/// Any system call: its result, or minus the error number.
static inline long lm_system_call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
#else
#error "Samepage knows the system call instruction of x86-64 and arm64 only"
#endif
}

/// Direction, size, type and number of an ioctl, as both architectures lay them out.
#define LM_IO(type, number) (((uint32_t)(type) << 8) | (uint32_t)(number))
#define LM_IOR(type, number, size) (0x80000000u | ((uint32_t)(size) << 16) | LM_IO(type, number))
#define LM_IOWR(type, number, size) (0xC0000000u | ((uint32_t)(size) << 16) | LM_IO(type, number))

/// ioctl with one argument.
static inline int lm_ioctl(int descriptor, uint32_t request, const void *argument) {
    return (int)lm_system_call(SYS_ioctl, descriptor, request, (long)argument, 0, 0, 0);
}

/// Lets others run.
static inline void lm_yield(void) { lm_system_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0); }

#endif
