/* The futex(2) system call of Linux. Another system would need its own file with these two
 * functions. */
#define _GNU_SOURCE
#include "os/futex.h"
#include "os/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NANOSECONDS = 1000000000 };

void nf_futex_wait(_Atomic uint32_t *word, uint32_t seen, net_deadline deadline)
{
    struct timespec until = {0, 0};
    struct timespec *limit = NULL;

    if (deadline != NET_FOREVER) {
        net_deadline since = deadline > NF_EPOCH ? deadline - NF_EPOCH : 0;

        until.tv_sec = (time_t)(since / NANOSECONDS);
        until.tv_nsec = (long)(since % NANOSECONDS);
        limit = &until;
    }
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen, limit, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

void nf_futex_wake(_Atomic uint32_t *word, int count)
{
    int saved = errno;

    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
    errno = saved;
}
