/* wrap: listen */
/* The files of unix sockets: when a file is made, replaced, left alone or removed, and which users
 * may connect. Several listeners that start at once are in starters.c. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const paths[] = {"unix://{path}", "unixgram://{path}", NULL};

/* ---- A system that fails on demand ---- */

static int fail_with; /* the errno of the next listen; 0: it works */

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog)
{
    errno = fail_with;
    return fail_with != 0 ? -1 : __real_listen(fd, backlog);
}

/* ---- Files ---- */

static const char *path_of(const char *address)
{
    return strstr(address, "//") + 2;
}

static struct stat look_at(const char *path)
{
    struct stat there = {0};

    assert_int_equal(lstat(path, &there), 0);
    return there;
}

static bool is_there(const char *path)
{
    struct stat there;

    return lstat(path, &there) == 0;
}

/* Bind a socket without the library. Return the descriptor. */
static int bind_raw(const char *path, int type, bool listens)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(name.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    if (listens) {
        assert_int_equal(listen(fd, 1), 0);
    }
    return fd;
}

static void expect_reachable(net_socket *listener)
{
    net_socket *client;
    net_socket *server;

    dial_again(listener, &client, &server);
    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
}

static void expect_in_use(const char *address)
{
    assert_no_socket(net_listen(address), NET_INUSE);
    assert_blames("listen", address);
    assert_says("in use");
}

/* Make an address whose path has `size` bytes, in the directory of the test. */
static void make_address(const char *address, size_t size, char *whole)
{
    size_t have = strlen(path_of(address));

    assert_true(size > have);
    sprintf(whole, "%s%.*s", address, (int)(size - have),
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxx"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxx");
}

static void a_path_has_at_most_107_bytes(void **state)
{
    static const size_t sizes[] = {106, 107, 108, 109, 150};
    char whole[ADDRESS_MAX];

    for (size_t i = 0; i < COUNT(sizes); i++) {
        make_address(template_of(state), sizes[i], whole);
        if (sizes[i] > 107) {
            assert_no_socket(net_listen(whole), NET_ADDRESS);
            assert_says("108");
            assert_no_socket(net_connect(whole, soon()), NET_ADDRESS);
            assert_false(is_there(path_of(whole)));
            continue;
        }
        net_socket *listener = assert_socket(net_listen(whole));
        char text[ADDRESS_MAX];

        assert_true(S_ISSOCK(look_at(path_of(whole)).st_mode));
        assert_ok(net_get(listener, "local", text, sizeof text));
        assert_string_equal(text, whole);
        expect_reachable(listener);
        net_close(listener, NET_NOW);
        assert_false(is_there(path_of(whole)));
    }
}

/* The limit counts the bytes of the path, not the characters of the address. */
static void an_encoded_byte_counts_once(void **state)
{
    char whole[ADDRESS_MAX];

    make_address(template_of(state), 106, whole);
    strcat(whole, "%3F");
    net_socket *listener = assert_socket(net_listen(whole));

    expect_reachable(listener);
    net_close(listener, NET_NOW);
    strcat(whole, "%3F");
    assert_no_socket(net_listen(whole), NET_ADDRESS);
}

static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

static void a_stale_file_is_replaced(void **state)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        const char *address = template_of(state);

        close(bind_raw(path_of(address), types[i], types[i] != SOCK_DGRAM));
        assert_true(is_there(path_of(address)));
        net_socket *listener = assert_socket(net_listen(address));

        expect_reachable(listener);
        net_close(listener, NET_NOW);
        assert_false(is_there(path_of(address)));
    }
}

/* The listener takes the last descriptor, so whether the file is stale cannot be told. */
static void without_a_descriptor_to_ask_with_it_is_a_limit(void **state)
{
    const char *address = template_of(state);
    struct rlimit before;

    close(bind_raw(path_of(address), SOCK_STREAM, true));
    int next = dup(0);

    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit one = {.rlim_cur = (rlim_t)(next + 1), .rlim_max = before.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &one), 0);
    net_socket *listener = net_listen(address);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_no_socket(listener, NET_LIMIT);
    net_close(assert_socket(net_listen(address)), NET_NOW);
}

/* Also a file whose owner does not listen yet. The file does not change. */
static void a_live_file_is_in_use(void **state)
{
    for (size_t i = 0; i < 2 * COUNT(types); i++) {
        const char *address = template_of(state);
        int type = types[i / 2];
        int owner = bind_raw(path_of(address), type, i % 2 == 1 && type != SOCK_DGRAM);
        struct stat before = look_at(path_of(address));

        expect_in_use(address);
        expect_in_use(address);
        assert_int_equal(look_at(path_of(address)).st_ino, before.st_ino);
        close(owner);
        net_close(assert_socket(net_listen(address)), NET_NOW);
    }
    const char *address = template_of(state);
    net_socket *listener = assert_socket(net_listen(address));

    expect_in_use(address);
    expect_reachable(listener);
    net_close(listener, NET_NOW);
}

/* A listener with a full backlog is alive. */
static void a_full_backlog_is_no_stale_file(void **state)
{
    const char *address = template_of(state);
    int owner = bind_raw(path_of(address), SOCK_STREAM, true);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int callers[8];
    int count = 0;

    strcpy(name.sun_path, path_of(address));
    for (int fd = -1; count < (int)COUNT(callers); count++) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        callers[count] = fd;
        if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
            assert_int_equal(errno, EAGAIN);
            count++;
            break;
        }
    }
    expect_in_use(address);
    for (int i = 0; i < count; i++) {
        close(callers[i]);
    }
    close(owner);
    unlink(path_of(address));
}

static void make_other_file(const char *path, int kind)
{
    char target[ADDRESS_MAX];
    int fd = -1;

    snprintf(target, sizeof target, "%s.target", path);
    switch (kind) {
    case 0:
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        assert_int_equal(write(fd, "kept", 4), 4);
        close(fd);
        break;
    case 1:
        assert_int_equal(mkdir(path, 0755), 0);
        break;
    case 2:
        assert_int_equal(mkfifo(path, 0644), 0);
        break;
    case 3: /* the target does not exist */
        assert_int_equal(symlink(target, path), 0);
        break;
    default: /* the target is a stale socket */
        close(bind_raw(target, SOCK_STREAM, true));
        assert_int_equal(symlink(target, path), 0);
    }
}

static void any_other_file_is_never_touched(void **state)
{
    enum { KINDS = 5 };

    for (int kind = 0; kind < KINDS; kind++) {
        const char *address = template_of(state);
        const char *path = path_of(address);
        char target[ADDRESS_MAX];

        snprintf(target, sizeof target, "%s.target", path);
        make_other_file(path, kind);
        struct stat before = look_at(path);

        expect_in_use(address);
        struct stat after = look_at(path);

        assert_int_equal(after.st_ino, before.st_ino);
        assert_int_equal(after.st_mode, before.st_mode);
        assert_int_equal(after.st_size, before.st_size);
        assert_int_equal(is_there(target), kind == 4);
        remove(target);
        assert_int_equal(remove(path), 0);
    }
}

static void a_close_removes_its_own_file_only(void **state)
{
    const char *address = template_of(state);
    net_socket *first = assert_socket(net_listen(address));

    assert_int_equal(unlink(path_of(address)), 0);
    net_socket *second = assert_socket(net_listen(address));

    net_close(first, NET_NOW);
    assert_true(is_there(path_of(address)));
    expect_reachable(second);
    assert_int_equal(unlink(path_of(address)), 0);
    make_other_file(path_of(address), 0);
    net_close(second, NET_NOW);
    assert_int_equal(look_at(path_of(address)).st_size, 4);
    assert_int_equal(unlink(path_of(address)), 0);
}

static int close_both(void *argument)
{
    struct pair *pair = argument;

    return net_close(pair->listener, NET_NOW) != 0 || net_close(pair->server, NET_NOW) != 0 ? 1 : 0;
}

static void nobody_but_the_maker_removes_a_file(void **state)
{
    const char *address = template_of(state);
    struct pair pair;

    dial_pair(address, &pair);
    assert_int_equal(in_child(close_both, &pair), 0);
    assert_true(is_there(path_of(address)));
    net_close(pair.server, NET_NOW);
    net_close(pair.client, NET_NOW);
    assert_true(is_there(path_of(address)));
    expect_reachable(pair.listener);
    net_close(pair.listener, NET_NOW);
    assert_false(is_there(path_of(address)));
}

static void a_file_stays_where_that_was_asked_for(void **state)
{
    const char *address = template_of(state);
    char whole[ADDRESS_MAX];
    char text[8];

    snprintf(whole, sizeof whole, "%s?unlink=off", address);
    for (int i = 0; i < 2; i++) { /* the second one replaces the file that the first one left */
        net_socket *listener = assert_socket(net_listen(whole));

        assert_ok(net_get(listener, "unlink", text, sizeof text));
        assert_string_equal(text, "off");
        expect_reachable(listener);
        net_close(listener, NET_NOW);
        assert_true(is_there(path_of(address)));
    }
    net_close(assert_socket(net_listen(address)), NET_NOW);
    assert_false(is_there(path_of(address)));
}

/* That the mode cannot be set is in regress/unix_a_file_put_in_the_place_of_ours.c. */
static void a_listener_that_fails_leaves_no_file(void **state)
{
    char whole[ADDRESS_MAX];

    if (is_stream(template_of(state))) {
        const char *address = template_of(state);

        fail_with = EIO;
        assert_no_socket(net_listen(address), NET_SYSTEM);
        fail_with = 0;
        assert_false(is_there(path_of(address)));
    }
    snprintf(whole, sizeof whole, "%s/no/such/directory", template_of(state));
    assert_no_socket(net_listen(whole), NET_SYSTEM);
    assert_says("No such file or directory");
}

static void a_file_has_the_mode_that_was_asked_for(void **state)
{
    static const struct {
        const char *option;
        mode_t mode;
    } cases[] = {{"", 0600}, {"?mode=0660", 0660}, {"?mode=666", 0666}, {"?mode=0", 0}};
    static const mode_t masks[] = {0, 022, 077, 0777};

    for (size_t i = 0; i < COUNT(cases) * COUNT(masks); i++) {
        const char *address = template_of(state);
        char whole[ADDRESS_MAX];
        mode_t mask = umask(masks[i % COUNT(masks)]);

        snprintf(whole, sizeof whole, "%s%s", address, cases[i / COUNT(masks)].option);
        net_socket *listener = net_listen(whole);

        umask(mask);
        assert_non_null(listener);
        assert_int_equal(look_at(path_of(address)).st_mode & 07777, cases[i / COUNT(masks)].mode);
        net_close(listener, NET_NOW);
    }
}

struct looker {
    const char *path;
    _Atomic mode_t seen; /* all modes that the file ever had */
    _Atomic long looks;
    _Atomic bool stop;
    pthread_t thread;
};

static void *look_on(void *argument)
{
    struct looker *looker = argument;
    struct stat there;

    while (!looker->stop) {
        if (lstat(looker->path, &there) == 0) {
            looker->seen |= there.st_mode & 07777;
            looker->looks++;
        }
    }
    return NULL;
}

static void a_file_never_has_a_wider_mode(void **state)
{
    static const struct {
        const char *option;
        mode_t mode;
        mode_t mask;
    } cases[] = {{"", 0600, 0}, {"?mode=0640", 0640, 077}, {"?mode=0640", 0640, 0}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *address = template_of(state);
        struct looker looker = {.path = path_of(address)};
        char whole[ADDRESS_MAX];
        mode_t mask = umask(cases[i].mask);
        bool failed = false;
        double since = now_ms();

        snprintf(whole, sizeof whole, "%s%s", address, cases[i].option);
        pthread_create(&looker.thread, NULL, look_on, &looker);
        for (int j = 0; (j < 300 || looker.looks < 300) && elapsed_ms(since) < 1500; j++) {
            net_socket *listener = net_listen(whole);

            failed = failed || listener == NULL;
            net_close(listener, NET_NOW);
        }
        looker.stop = true;
        pthread_join(looker.thread, NULL);
        umask(mask);
        assert_false(failed);
        assert_int_equal(looker.seen & ~cases[i].mode, 0);
    }
}

/* ---- Files of another user ---- */

enum { NOBODY = 65534, NOT_ROOT = 77 };

/* In a directory where the user nobody may not make files. */
static int try_as_nobody(void *argument)
{
    const char *address = argument;
    char other[ADDRESS_MAX];

    snprintf(other, sizeof other, "%s.other", address);
    if (geteuid() != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
        return NOT_ROOT;
    }
    if (net_connect(address, soon()) != NULL || net_error() != NET_DENIED ||
        strstr(net_error_text(), "denied") == NULL) {
        return 1;
    }
    if (net_listen(address) != NULL || net_error() != NET_INUSE) {
        return 2;
    }
    return net_listen(other) == NULL && net_error() == NET_DENIED ? 0 : 3;
}

static void permissions_are_kept(void **state)
{
    const char *address = template_of(state);
    char directory[ADDRESS_MAX];
    net_socket *listener = assert_socket(net_listen(address));

    snprintf(directory, sizeof directory, "%s", path_of(address));
    *strrchr(directory, '/') = '\0';
    assert_int_equal(chmod(directory, 0755), 0);
    int result = in_child(try_as_nobody, (char *)(uintptr_t)address);

    assert_true(result == 0 || result == NOT_ROOT);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_path_has_at_most_107_bytes),
        TEST(an_encoded_byte_counts_once),
        TEST(a_stale_file_is_replaced),
        TEST(without_a_descriptor_to_ask_with_it_is_a_limit),
        TEST(a_live_file_is_in_use),
        TEST(a_full_backlog_is_no_stale_file),
        TEST(any_other_file_is_never_touched),
        TEST(a_close_removes_its_own_file_only),
        TEST(nobody_but_the_maker_removes_a_file),
        TEST(a_file_stays_where_that_was_asked_for),
        TEST(a_listener_that_fails_leaves_no_file),
        TEST(a_file_has_the_mode_that_was_asked_for),
        TEST(a_file_never_has_a_wider_mode),
        TEST(permissions_are_kept),
    };

    return run_over(paths, tests);
}
