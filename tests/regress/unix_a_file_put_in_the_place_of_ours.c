/* wrap: bind chmod syscall */
/* In a directory that others may write to, one of them put another file at the path between
 * bind(2) and the change of its mode. That file got our mode, and our close removed it. And in a
 * chroot without /proc a listener with a mode that the umask forbids failed with errno 95. */
#include "forward.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FCHMODAT2 = 452, PRIVATE = 0600, PUBLIC = 0666, BITS = 07777 };

static const char *const paths[] = {"unix://{path}", "unixgram://{path}", NULL};

static const char *path_of(const char *address)
{
    return strstr(address, "//") + 2;
}

/* ---- What happens between our calls of the system ---- */

static void (*after_bind)(void);
static void (*before_chmod)(void);
static bool no_proc;
static bool no_fchmodat2;

static void strike(void (**act)(void))
{
    void (*once)(void) = *act;

    *act = NULL;
    if (once != NULL) {
        once();
    }
}

int __real_bind(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *name, socklen_t size)
{
    int result = __real_bind(fd, name, size);

    strike(&after_bind);
    return result;
}

int __real_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode)
{
    if (no_proc && strncmp(path, "/proc/", strlen("/proc/")) == 0) {
        errno = ENOENT;
        return -1;
    }
    if (mode == PUBLIC) {
        strike(&before_chmod);
    }
    return __real_chmod(path, mode);
}

long __wrap_syscall(long number, ...)
{
    va_list list;

    if (number == FCHMODAT2 && no_fchmodat2) {
        errno = ENOSYS;
        return -1;
    }
    va_start(list, number);
    long result = forward_syscall(number, list);

    va_end(list);
    return result;
}

static bool knows_fchmodat2(void)
{
    return __real_syscall(FCHMODAT2, -1, "", 0L, (long)AT_EMPTY_PATH) != 0 && errno != ENOSYS;
}

/* ---- The file of somebody else ---- */

enum kind { SOCKET, FILE_OF_BYTES, LINK, KINDS };

static struct victim {
    char path[ADDRESS_MAX];
    char other[ADDRESS_MAX]; /* what a link points to */
    const char *ours;        /* the path of our listener */
    int fd;
    struct stat status;
} victim;

static void make_victim(enum kind kind, const char *ours)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    mode_t mask = umask(0777 & ~PRIVATE);

    victim.ours = ours;
    snprintf(victim.path, sizeof victim.path, "%s.victim", ours);
    snprintf(victim.other, sizeof victim.other, "%s.other", ours);
    if (kind == SOCKET) {
        victim.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        strcpy(name.sun_path, victim.path);
        assert_int_equal(__real_bind(victim.fd, (struct sockaddr *)&name, sizeof name), 0);
        assert_int_equal(listen(victim.fd, 1), 0);
    } else {
        const char *path = kind == LINK ? victim.other : victim.path;

        victim.fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, PRIVATE);
        assert_true(victim.fd >= 0);
        assert_int_equal(kind == LINK ? symlink(victim.other, victim.path) : 0, 0);
    }
    umask(mask);
    assert_int_equal(lstat(victim.path, &victim.status), 0);
}

static void unmake_victim(void)
{
    close(victim.fd);
    unlink(victim.path);
    unlink(victim.ours);
    unlink(victim.other);
}

/* Where the victim is, if it is anywhere. */
static const char *find_victim(struct stat *status)
{
    const char *const places[] = {victim.ours, victim.path};

    for (size_t i = 0; i < COUNT(places); i++) {
        if (lstat(places[i], status) == 0 && status->st_ino == victim.status.st_ino) {
            return places[i];
        }
    }
    return NULL;
}

static void put_it_there(void)
{
    rename(victim.path, victim.ours);
}

static void take_ours_away(void)
{
    rename(victim.ours, victim.path);
}

static net_socket *listen_publicly(const char *address)
{
    char whole[ADDRESS_MAX];
    mode_t mask = umask(022);

    with_options(whole, address, "mode=0666");
    net_socket *listener = net_listen(whole);

    umask(mask);
    return listener;
}

static void a_file_that_was_put_there_is_left_alone(void **state)
{
    static const char *const names[] = {"a socket", "a file", "a link"};

    for (int i = 0; i < KINDS * 2; i++) {
        const char *address = template_of(state);
        const char *place;
        struct stat status = {0};
        struct stat linked = {0};
        bool after = i % 2 == 0;

        make_victim((enum kind)(i / 2), path_of(address));
        *(after ? &after_bind : &before_chmod) = put_it_there;
        net_socket *listener = listen_publicly(address);

        assert_true(after_bind == NULL && before_chmod == NULL);
        if (after) {
            assert_null(listener);
            assert_int_equal(net_error(), NET_INUSE);
            assert_says("another process");
        }
        net_close(listener, NET_NOW);
        place = find_victim(&status);
        print_message("%s, %s: %s, mode %o\n", names[i / 2],
                      after ? "after the bind" : "before the chmod",
                      place == NULL ? "removed" : "still there", status.st_mode & BITS);
        assert_true(place == victim.ours);
        assert_int_equal(status.st_mode, victim.status.st_mode);
        if (i / 2 == LINK) {
            assert_int_equal(stat(victim.other, &linked), 0);
            assert_int_equal(linked.st_mode & BITS, PRIVATE);
        }
        unmake_victim();
    }
}

static void a_file_that_was_taken_away_is_told(void **state)
{
    const char *address = template_of(state);

    snprintf(victim.path, sizeof victim.path, "%s.away", path_of(address));
    victim.ours = path_of(address);
    after_bind = take_ours_away;
    assert_null(listen_publicly(address));
    assert_int_equal(net_error(), NET_INUSE);
    assert_int_equal(unlink(victim.path), 0);
    net_close(assert_socket(net_listen(address)), NET_NOW);
}

/* ---- A hostile process ---- */

/* Exchanges the two files again and again. It ends with this process. */
static pid_t start_hostile(void)
{
    pid_t child = fork();

    if (child == 0) {
        alarm(60);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            renameat2(AT_FDCWD, victim.path, AT_FDCWD, victim.ours, RENAME_EXCHANGE);
        }
    }
    return child;
}

struct score {
    int rounds;
    int refused;
    int widened;
    int removed;
};

/* The hostile process is stopped before the close: to remove a file just after we have looked whose
 * it is, it could as well remove it itself. */
static void play_round(const char *address, pid_t hostile, struct score *score)
{
    struct stat status = {0};
    net_socket *listener = listen_publicly(address);

    score->rounds++;
    score->refused += listener == NULL ? 1 : 0;
    kill(hostile, SIGSTOP);
    waitpid(hostile, NULL, WUNTRACED);
    net_close(listener, NET_NOW);
    const char *place = find_victim(&status);

    if (place == NULL) {
        score->removed++;
    } else if ((status.st_mode & BITS) != PRIVATE) {
        score->widened++;
    }
    unmake_victim();
    make_victim(SOCKET, path_of(address));
    kill(hostile, SIGCONT);
}

static void a_hostile_process_gains_nothing(void **state)
{
    enum { ROUNDS = 3000, MOST_MS = 1000 };
    const char *address = template_of(state);
    double start = now_ms();
    struct score score = {0};

    make_victim(SOCKET, path_of(address));
    pid_t hostile = start_hostile();

    assert_true(hostile > 0);
    while (score.rounds < ROUNDS && elapsed_ms(start) < MOST_MS) {
        play_round(address, hostile, &score);
    }
    kill(hostile, SIGKILL);
    waitpid(hostile, NULL, 0);
    unmake_victim();
    print_message("%d listeners, %d refused; the other's file: %d times 0666, %d times removed\n",
                  score.rounds, score.refused, score.widened, score.removed);
    assert_int_equal(score.widened, 0);
    assert_int_equal(score.removed, 0);
}

/* ---- Systems that lack something ---- */

static void expect_mode(const char *address, mode_t mask, mode_t mode)
{
    char whole[ADDRESS_MAX];
    struct stat status;
    mode_t before = umask(mask);

    snprintf(whole, sizeof whole, "%s?mode=%o", address, mode);
    net_socket *listener = net_listen(whole);

    umask(before);
    assert_non_null(listener);
    assert_int_equal(stat(path_of(address), &status), 0);
    assert_int_equal(status.st_mode & BITS, mode);
    net_close(listener, NET_NOW);
    assert_int_equal(lstat(path_of(address), &status), -1);
}

static void the_mode_is_kept_or_refused(void **state)
{
    struct stat status;

    no_proc = true;
    if (knows_fchmodat2()) {
        expect_mode(template_of(state), 022, PUBLIC);
    }
    no_fchmodat2 = true;
    expect_mode(template_of(state), 022, PRIVATE);
    expect_mode(template_of(state), 0, PUBLIC);
    const char *address = template_of(state);

    make_victim(SOCKET, path_of(address));
    close(victim.fd); /* a stale file, which is replaced */
    put_it_there();
    net_socket *listener = listen_publicly(address);

    print_message("without both: %s\n", listener == NULL ? net_error_text() : "it listens");
    no_proc = false;
    no_fchmodat2 = false;
    assert_null(listener);
    assert_int_equal(net_error(), NET_UNSUPPORTED);
    assert_says("Linux 6.6");
    assert_int_equal(lstat(path_of(address), &status), -1);
}

enum { SKIPPED = 77 };

static int listen_in_a_chroot(void *argument)
{
    struct stat status = {0};
    const char *scheme = argument;
    char directory[] = "/tmp/netfacade-root-XXXXXX";
    char address[ADDRESS_MAX];
    int code = 0;

    if (geteuid() != 0 || mkdtemp(directory) == NULL) {
        return SKIPPED;
    }
    int root = open("/", O_PATH | O_CLOEXEC);

    if (root < 0 || chroot(directory) != 0 || chdir("/") != 0) {
        code = SKIPPED;
    } else {
        snprintf(address, sizeof address, "%s:///socket", scheme);
        net_socket *listener = listen_publicly(address);

        if (listener == NULL) {
            code = net_error() == NET_UNSUPPORTED && !knows_fchmodat2() ? SKIPPED : 1;
        } else if (stat("/socket", &status) != 0 || (status.st_mode & BITS) != PUBLIC) {
            code = 2;
        }
        net_close(listener, NET_NOW);
        code = fchdir(root) != 0 || chroot(".") != 0 ? 3 : code;
    }
    return rmdir(directory) != 0 && code == 0 ? 4 : code;
}

static void a_chroot_has_it_too(void **state)
{
    char scheme[] = "unixgram";

    if (strncmp(template_of(state), "unix:", strlen("unix:")) == 0) {
        scheme[strlen("unix")] = '\0';
    }
    int code = in_child(listen_in_a_chroot, scheme);

    if (code == SKIPPED) {
        print_message("skipped: no chroot, or Linux before 6.6\n");
        skip();
    }
    assert_int_equal(code, 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_file_that_was_put_there_is_left_alone),
        TEST(a_file_that_was_taken_away_is_told),
        TEST(a_hostile_process_gains_nothing),
        TEST(the_mode_is_kept_or_refused),
        TEST(a_chroot_has_it_too),
    };

    return run_over(paths, tests);
}
