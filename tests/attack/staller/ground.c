/* Attacks on the whole process: what the system takes from it. */
#define _GNU_SOURCE
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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
    unsigned int number = (unsigned)calls[0];
    unsigned int other = (unsigned)(calls[1] != 0 ? calls[1] : calls[0]);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = COUNT(filter), .filter = filter};

    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
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
