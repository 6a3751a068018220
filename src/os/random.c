/* getrandom(2). Up to 256 bytes are never returned in part. */
#define _GNU_SOURCE
#include "os/random.h"
#include "os/cause.h"

#include <errno.h>
#include <sys/random.h>

int nf_random(void *buffer, size_t size)
{
    ssize_t got;

    do {
        got = getrandom(buffer, size, 0);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)size ? 0 : nf_fail_errno(got < 0 ? errno : EIO);
}
