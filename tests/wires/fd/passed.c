/* systemd:// adopts the sockets that a service manager passed, as sd_listen_fds(3) describes. Each
 * test is such a manager: it opens sockets and starts a child, which gets them as descriptors 3, 4
 * and so on. The environment variables name that child. */
#include "foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PASSED_MOST = 4, FIRST = 3, ASIDE = 100 };

static const char *own_path;

/* The variables that the manager sets; NULL: not set. */
struct variables {
    const char *process; /* "": the child's own */
    const char *count;
    const char *names;
};

static void set(const char *name, const char *value)
{
    if (value != NULL) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
}

/* Move the descriptors to their places, and execute the program of the child. */
static int become(const int *fds, int count, const struct variables *variables, const char *role)
{
    char process[16];

    for (int i = 0; i < count; i++) {
        if (dup2(fds[i], ASIDE + i) < 0) {
            return 90;
        }
    }
    for (int i = 0; i < count; i++) {
        if (dup2(ASIDE + i, FIRST + i) < 0) {
            return 91;
        }
        close(ASIDE + i);
    }
    snprintf(process, sizeof process, "%d", (int)getpid());
    set("LISTEN_PID",
        variables->process != NULL && *variables->process == '\0' ? process : variables->process);
    set("LISTEN_FDS", variables->count);
    set("LISTEN_FDNAMES", variables->names);
    execl(own_path, own_path, role, (char *)NULL);
    return 92;
}

/* Run a child in this role. The exit status is 0, or the child has printed the line that failed. */
static int run_as(const char *role, const int *fds, int count, const struct variables *variables)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        _exit(become(fds, count, variables, role));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

/* ---- What the children do ---- */

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s; %s\n", __LINE__, #condition, net_error_text());          \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static bool is_refused(const char *address, int code, const char *text)
{
    net_socket *listener = net_listen(address);

    return listener == NULL && net_error() == code && strstr(net_error_text(), text) != NULL;
}

/* The names are web, web, dgram and other: two streams, a datagram socket and a connection. */
static int take_all(void)
{
    char buffer[8];

    for (int fd = FIRST; fd < FIRST + PASSED_MOST; fd++) {
        MUST(fcntl(fd, F_GETFD) == 0);
    }
    MUST(is_refused("systemd://web/2", NET_ADDRESS, "there are 2"));
    MUST(is_refused("systemd://wep", NET_ADDRESS, "the nearest is 'web'"));
    MUST(is_refused("systemd://", NET_ADDRESS, "LISTEN_FDNAMES"));
    MUST(is_refused("systemd://other", NET_MISUSE, "is connected"));
    MUST(is_refused("systemd://web?peers=1", NET_ADDRESS, "peers"));
    MUST(net_connect("systemd://web", NET_NOW) == NULL && net_error() == NET_MISUSE);
    net_socket *second = net_listen("systemd://web/1");
    net_socket *first = net_listen("systemd://web?nodelay=off");
    net_socket *datagrams = net_listen("systemd://dgram/0");
    net_socket *connection = net_connect("systemd://other", soon());

    MUST(second != NULL && net_fd(second) == 4);
    MUST(first != NULL && net_fd(first) == 3);
    MUST(datagrams != NULL && net_fd(datagrams) == 5);
    MUST(connection != NULL && net_fd(connection) == 6);
    MUST(net_send(connection, "taken", 5, soon()) == 5);
    MUST(net_recv(connection, buffer, sizeof buffer, soon()) == NET_EOF);
    MUST(is_refused("systemd://web", NET_INUSE, "adopted before"));
    MUST(is_refused("systemd://web/0", NET_INUSE, "adopted before"));
    net_close(first, NET_NOW);
    net_close(second, NET_NOW);
    net_close(datagrams, NET_NOW);
    net_close(connection, NET_NOW);
    MUST(is_refused("systemd://web/1", NET_INUSE, "adopted before")); /* they stay set */
    MUST(strcmp(getenv("LISTEN_FDS"), "4") == 0);
    return 0;
}

/* The first adoption makes all of them close-on-exec. A failed one does not. */
static int look_at_flags(void)
{
    MUST(is_refused("systemd://other", NET_MISUSE, "is connected"));
    for (int fd = FIRST; fd < FIRST + PASSED_MOST; fd++) {
        MUST(fcntl(fd, F_GETFD) == 0);
    }
    net_socket *listener = net_listen("systemd://web/1");

    MUST(listener != NULL);
    for (int fd = FIRST; fd < FIRST + PASSED_MOST; fd++) {
        MUST(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    }
    net_close(listener, NET_NOW);
    MUST(fcntl(FIRST, F_GETFD) == FD_CLOEXEC);
    return 0;
}

static int take_unnamed(void)
{
    net_socket *first = net_listen("systemd://unknown");
    net_socket *second = net_listen("systemd://unknown/1");

    MUST(first != NULL && net_fd(first) == 3);
    MUST(second != NULL && net_fd(second) == 4);
    MUST(is_refused("systemd://unknow", NET_ADDRESS, "the nearest is 'unknown'"));
    net_close(first, NET_NOW);
    net_close(second, NET_NOW);
    return 0;
}

/* A name may look like a name with an index. */
static int take_odd_names(void)
{
    net_socket *slashed = net_listen("systemd://a/b/1");
    net_socket *plain = net_listen("systemd://a/b");

    MUST(slashed != NULL && net_fd(slashed) == 4);
    MUST(plain != NULL && net_fd(plain) == 3);
    net_close(slashed, NET_NOW);
    net_close(plain, NET_NOW);
    return 0;
}

static int take_in_a_fork(void *argument)
{
    (void)argument;
    return is_refused("systemd://web", NET_ADDRESS, "another process") ? 0 : 1;
}

static int fork_first(void)
{
    MUST(in_child(take_in_a_fork, NULL) == 0);
    net_socket *listener = net_listen("systemd://web");

    MUST(listener != NULL);
    net_close(listener, NET_NOW);
    return 0;
}

enum { RACERS = 8 };

static void *race(void *argument)
{
    net_socket **listener = argument;

    *listener = net_listen("systemd://web/1");
    return NULL;
}

static int take_at_once(void)
{
    pthread_t thread[RACERS];
    net_socket *listener[RACERS];
    int taken = 0;

    for (int i = 0; i < RACERS; i++) {
        MUST(pthread_create(&thread[i], NULL, race, &listener[i]) == 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(thread[i], NULL);
        taken += listener[i] != NULL;
    }
    MUST(taken == 1);
    MUST(fcntl(4, F_GETFD) == FD_CLOEXEC);
    for (int i = 0; i < RACERS; i++) {
        net_close(listener[i], NET_NOW);
    }
    return 0;
}

static int find_nothing(void)
{
    const char *text = getenv("EXPECTED");

    MUST(is_refused("systemd://web", NET_ADDRESS, text));
    for (int fd = FIRST; fd < FIRST + 2; fd++) {
        MUST(fcntl(fd, F_GETFD) == 0);
    }
    return 0;
}

static const struct {
    const char *name;
    int (*play)(void);
} roles[] = {
    {"take_all", take_all},         {"look_at_flags", look_at_flags},
    {"take_unnamed", take_unnamed}, {"take_odd_names", take_odd_names},
    {"fork_first", fork_first},     {"take_at_once", take_at_once},
    {"find_nothing", find_nothing},
};

static int play(const char *name)
{
    for (size_t i = 0; i < COUNT(roles); i++) {
        if (strcmp(roles[i].name, name) == 0) {
            return roles[i].play();
        }
    }
    return 93;
}

/* ---- The managers ---- */

/* Two listeners, a datagram socket, and a connection whose other end is `*peer`. */
static void open_all(int fds[PASSED_MOST], int *listener, int *peer)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;

    fds[0] = foreign_listener("tcp://127.0.0.1:0");
    fds[1] = foreign_listener("tcp://[::1]:0");
    fds[2] = foreign_bound("udp://127.0.0.1:0");
    *listener = foreign_listener("tcp://127.0.0.1:0");
    assert_int_equal(getsockname(*listener, (struct sockaddr *)&name, &length), 0);
    fds[3] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[3], (struct sockaddr *)&name, length), 0);
    *peer = accept(*listener, NULL, NULL);
    assert_true(*peer >= 0);
}

static void run_with_all(const char *role, int expected)
{
    static const struct variables variables = {"", "4", "web:web:dgram:other"};
    int fds[PASSED_MOST];
    int listener = -1;
    int peer = -1;
    char buffer[8];

    open_all(fds, &listener, &peer);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    assert_int_equal(run_as(role, fds, PASSED_MOST, &variables), 0);
    for (int i = 0; i < PASSED_MOST; i++) {
        close(fds[i]);
    }
    assert_int_equal(recv(peer, buffer, sizeof buffer, MSG_WAITALL), expected);
    close(peer);
    close(listener);
}

static void the_passed_sockets_are_found_by_name(void **state)
{
    (void)state;
    run_with_all("take_all", 5);
}

static void all_are_closed_at_an_exec_once_one_is_adopted(void **state)
{
    (void)state;
    run_with_all("look_at_flags", 0);
}

static void a_fork_has_nothing_passed_to_it(void **state)
{
    (void)state;
    run_with_all("fork_first", 0);
}

static void one_of_many_threads_adopts(void **state)
{
    (void)state;
    run_with_all("take_at_once", 0);
}

static void run_with_two(const char *role, const struct variables *variables)
{
    int fds[2] = {foreign_listener("tcp://127.0.0.1:0"), foreign_listener("tcp://127.0.0.1:0")};

    assert_int_equal(run_as(role, fds, 2, variables), 0);
    close(fds[0]);
    close(fds[1]);
}

static void without_names_each_is_unknown(void **state)
{
    static const struct variables variables = {"", "2", NULL};

    (void)state;
    run_with_two("take_unnamed", &variables);
}

static void a_name_may_have_slashes(void **state)
{
    static const struct variables variables = {"", "2", "a/b:a/b/1"};

    (void)state;
    run_with_two("take_odd_names", &variables);
}

static void an_environment_that_is_not_ours_gives_nothing(void **state)
{
    static const struct {
        struct variables variables;
        const char *expected;
    } bad[] = {
        {{NULL, NULL, NULL}, "no socket was passed"},
        {{NULL, "2", "web:web"}, "no socket was passed"},
        {{"", NULL, "web:web"}, "no socket was passed"},
        {{"1", "2", "web:web"}, "LISTEN_PID is '1'"},
        {{"me", "2", "web:web"}, "LISTEN_PID is 'me'"},
        {{"", "two", "web:web"}, "LISTEN_FDS is 'two'"},
        {{"", "0", "web:web"}, "LISTEN_FDS is '0'"},
        {{"", "-1", "web:web"}, "LISTEN_FDS is '-1'"},
        {{"", "2000000000", NULL}, "LISTEN_FDS is '2000000000'"},
        {{"", "2", "web"}, "LISTEN_FDNAMES has 1"},
        {{"", "2", "web:web:web"}, "LISTEN_FDNAMES has 3"},
        {{"", "2", "ftp:mail"}, "is called 'web'"},
        {{"", "2", "website:webs"}, "the nearest is 'webs'"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        setenv("EXPECTED", bad[i].expected, 1);
        run_with_two("find_nothing", &bad[i].variables);
    }
    unsetenv("EXPECTED");
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(the_passed_sockets_are_found_by_name),
        TEST(all_are_closed_at_an_exec_once_one_is_adopted),
        TEST(a_fork_has_nothing_passed_to_it),
        TEST(one_of_many_threads_adopts),
        TEST(without_names_each_is_unknown),
        TEST(a_name_may_have_slashes),
        TEST(an_environment_that_is_not_ours_gives_nothing),
    };

    own_path = argv[0];
    return argc > 1 ? play(argv[1]) : run_once(tests);
}
