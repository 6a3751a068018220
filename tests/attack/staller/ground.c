/* Attacks on the whole process: what the system takes from it. */
#define _GNU_SOURCE
#include "trial.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static void limit_descriptors(rlim_t most)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Nothing is opened before the limit is as low as the highest descriptor in use. */
static void fill_table(void)
{
    int highest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = highest;

    limit_descriptors((rlim_t)highest + 1);
    while (fd >= 0) {
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    assert_int_equal(errno, EMFILE);
}

static void refuse_calls(const int calls[2], int error)
{
    for (int i = 0; i < 2 && calls[i] != 0; i++) {
        assert_true(refuse_call(calls[i], ANY_ARGUMENT, error));
    }
}

void attack_ground(const struct attack *attack)
{
    switch (attack->kind) {
    case TABLE_FULL:
        fill_table();
        break;
    case NO_TABLE:
        limit_descriptors(0);
        break;
    case FILTERED:
        refuse_calls(attack->calls, attack->error);
        break;
    default:
        break;
    }
}
