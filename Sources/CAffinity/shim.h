#ifndef MARTLET_CAFFINITY_SHIM_H
#define MARTLET_CAFFINITY_SHIM_H

/* Glibc declares the affinity calls for _GNU_SOURCE only, which Swift's import of it does not define, and in terms of a
   mask that stops at 1,024 CPUs. The system calls themselves take a mask of any size. Both act on the calling thread. */

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Returns the number of bytes that the kernel wrote, or the negated errno. */
static inline long martlet_affinity_get(unsigned long *mask, size_t bytes) {
    long result = syscall(SYS_sched_getaffinity, 0, bytes, mask);
    return result < 0 ? -(long)errno : result;
}

/* Returns 0 or the negated errno. */
static inline long martlet_affinity_set(const unsigned long *mask, size_t bytes) {
    long result = syscall(SYS_sched_setaffinity, 0, bytes, mask);
    return result < 0 ? -(long)errno : result;
}

#endif
