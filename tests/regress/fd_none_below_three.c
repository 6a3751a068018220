/* wrap: getaddrinfo */
/* In a program that runs with its standard descriptors closed, the first descriptors of the
 * library were 0, 1 and 2. What the program printed was sent to a peer, or changed a poller's
 * eventfd. Each child here has them closed, and looks after each step whether one is open. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STANDARD = 3, NUMBERS = 64 /* that a process at its limit may have */ };

/* What the child found, for the parent to print. */
static struct findings {
    _Atomic int looks; /* the threads of a lookup look, too */
    _Atomic int low;   /* how often a standard descriptor was open */
    char first[64];
    double slowest; /* ms */
} * found;

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void look(const char *after)
{
    int low = 0;

    for (int fd = 0; fd < STANDARD; fd++) {
        low += is_open(fd) ? 1 : 0;
    }
    found->looks++;
    if (low > 0 && found->low == 0) {
        snprintf(found->first, sizeof found->first, "%s", after);
    }
    found->low += low;
}

static void close_standard(void)
{
    for (int fd = 0; fd < STANDARD; fd++) {
        close(fd);
    }
}

/* Only this many more descriptors above the standard ones can be opened. At least one standard
 * descriptor is closed. */
static void leave_room(int count)
{
    static int last = -1; /* the highest number, from when the process is at its limit */
    const struct rlimit limit = {.rlim_cur = NUMBERS, .rlim_max = NUMBERS};

    if (last < 0) {
        setrlimit(RLIMIT_NOFILE, &limit);
        int low = open("/dev/null", O_RDONLY | O_CLOEXEC);

        for (int fd = low; fd >= 0; fd = fcntl(low, F_DUPFD_CLOEXEC, STANDARD)) {
            last = fd > last ? fd : last;
        }
        close(low);
    }
    while (count > 0) {
        close(last);
        last--;
        count--;
    }
}

/* Runs a child with these findings, and prints them. It returns 0. */
static void check_child(int (*body)(void *argument), void *argument, const char *name)
{
    found = mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(found != MAP_FAILED);
    int code = in_child(body, argument);

    print_message("%s: %d looks, %d times a standard descriptor%s%s, slowest call %.0f ms\n", name,
                  found->looks, found->low, found->low > 0 ? ", first after " : "", found->first,
                  found->slowest);
    assert_int_equal(found->low, 0);
    assert_int_equal(code, 0);
    munmap(found, sizeof *found);
    found = NULL;
}

static void check_on(int (*body)(void *argument), const char *template)
{
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "%s", template);
    check_child(body, address, template);
}

/* ---- The verbs of every wire ---- */

static int talk(net_socket *from, net_socket *to)
{
    char word[8];

    if (net_send(from, "word", 4, soon()) != 4) {
        return 1;
    }
    return net_recv(to, word, sizeof word, soon()) == 4 ? 0 : 1;
}

static int by_poller(net_socket *client, net_socket *server)
{
    net_event event;
    net_poller *poller = net_poller_open();

    look("poller open");
    if (poller == NULL ||
        net_poller_watch(poller, server, NET_READABLE, NULL, net_after(60000)) != 0) {
        return 1;
    }
    look("poller watch");
    if (net_poller_fd(poller) < STANDARD) {
        return 2;
    }
    look("poller fd");
    if (net_send(client, "word", 4, soon()) != 4 ||
        net_poller_wait(poller, &event, 1, soon()) != 1) {
        return 3;
    }
    look("poller wait");
    net_poller_close(poller);
    return 0;
}

static int use_a_wire(void *argument)
{
    char address[ADDRESS_MAX];
    char text[ADDRESS_MAX];

    close_standard();
    net_socket *listener = net_listen(argument);

    look("listen");
    if (listener == NULL || net_get(listener, "local", text, sizeof text) < 0) {
        return 10;
    }
    dial_address(listener, address);
    net_socket *client = net_connect(address, soon());

    look("connect");
    bool says_hi = !is_stream(argument) && !is_encrypted(argument);

    if (client == NULL || (says_hi && net_send(client, "hi", 2, soon()) != 2)) {
        return 11;
    }
    net_socket *server = net_accept(listener, soon());

    look("accept");
    if (server == NULL || (says_hi && net_recv(server, text, sizeof text, soon()) != 2)) {
        return 12;
    }
    if (talk(client, server) != 0 || talk(server, client) != 0) {
        return 13;
    }
    look("send and receive");
    int code = by_poller(client, server);

    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
    look("close");
    return code == 0 ? 0 : 20 + code;
}

static void a_wire_has_none(void **state)
{
    check_on(use_a_wire, template_of(state));
}

/* ---- Dials that take time ---- */

int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);

/* The thread that dials waits for this one. */
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    (void)node;
    if (found != NULL) {
        look("a lookup began");
    }
    return look_up_loopback(__real_getaddrinfo, service, hints, list);
}

static int dial_slowly(void *argument)
{
    net_event event;
    struct black_hole *hole = argument;

    close_standard();
    net_socket *socket = net_connect(hole->address, NET_NOW);

    look("connect that goes on");
    net_poller *poller = net_poller_open();

    if (net_poller_watch(poller, socket, NET_READABLE, NULL, NET_FOREVER) != 0) {
        return 1;
    }
    net_poller_wait(poller, &event, 1, net_after(20));
    look("poller wait for a dial");
    net_close(socket, NET_NOW);
    net_poller_close(poller);
    return 0;
}

static int dial_by_name(void *argument)
{
    char address[ADDRESS_MAX];
    char port[8];

    (void)argument;
    close_standard();
    net_socket *listener = net_listen("tcp://127.0.0.1:0");

    net_get(listener, "port", port, sizeof port);
    snprintf(address, sizeof address, "tcp://a.name.example:%s", port);
    net_socket *socket = net_connect(address, soon());

    look("connect by a name");
    if (socket == NULL) {
        return 1;
    }
    net_close(socket, NET_NOW);
    net_close(listener, NET_NOW);
    return 0;
}

static void a_slow_dial_has_none(void **state)
{
    struct black_hole hole;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    check_child(dial_slowly, &hole, "a dial that goes on");
    close_black_hole(&hole);
}

static void a_look_up_has_none(void **state)
{
    (void)state;
    check_child(dial_by_name, NULL, "a dial by name");
}

/* ---- Descriptors that the program gives ---- */

static int adopt_the_input(void *argument)
{
    int pair[2];
    char word[8];
    int code = 0;

    (void)argument;
    close_standard();
    /* The pair gets 0 and 1. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 || pair[0] != 0) {
        return 1;
    }
    net_socket *socket = net_connect("fd://0", NET_NOW);

    if (socket == NULL || net_fd(socket) != 0 || is_open(2)) {
        code = 2;
    } else if (write(pair[1], "word", 4) != 4 || net_recv(socket, word, sizeof word, soon()) != 4) {
        code = 3;
    } else if (net_release(socket) != 0) {
        code = 4;
    }
    close_standard();
    look("release");
    return code;
}

static void an_adopted_one_keeps_its_number(void **state)
{
    (void)state;
    check_child(adopt_the_input, NULL, "fd://0");
}

/* ---- No number above is free ---- */

static bool is_limit(net_socket *socket)
{
    return socket == NULL && net_error() == NET_LIMIT;
}

static int open_at_the_limit(void *argument)
{
    (void)argument;
    close_standard();
    for (int room = 0; room <= 1; room++) { /* one is enough for the socket, not for its wake */
        leave_room(room);
        if (!is_limit(net_listen("tcp://127.0.0.1:0"))) {
            return 1;
        }
        look("listen at the limit");
        if (room == 0 && !is_limit(net_connect("tcp://127.0.0.1:1", soon()))) {
            return 2;
        }
        look("connect at the limit");
        if (net_poller_open() != NULL || net_error() != NET_LIMIT) {
            return 3;
        }
        look("poller open at the limit");
    }
    /* No number above 2 may be opened at all. */
    struct rlimit least = {.rlim_cur = STANDARD, .rlim_max = STANDARD};

    setrlimit(RLIMIT_NOFILE, &least);
    int code = is_limit(net_listen("udp://127.0.0.1:0")) ? 0 : 4;

    look("listen without numbers");
    return code;
}

static void at_the_limit_it_is_the_limit(void **state)
{
    (void)state;
    check_child(open_at_the_limit, NULL, "at the limit");
}

static bool open_standard(void)
{
    int fd = -1;

    while (fd < STANDARD - 1) {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            return false;
        }
    }
    return true;
}

/* The callers wait in the queue meanwhile, and none is lost. A first one is accepted, so that the
 * library has seen that a number below is free. When the last one comes, none is any more, and the
 * one number above is enough. */
static int accept_at_the_limit(void *argument)
{
    enum { CALLERS = 4 };
    net_socket *callers[CALLERS];
    net_socket *listener = net_listen(argument);
    char address[ADDRESS_MAX];
    char word[8];

    dial_address(listener, address);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = net_connect(address, soon());
        if (callers[i] == NULL || net_send(callers[i], "word", 4, soon()) != 4) {
            return 1;
        }
    }
    close_standard();
    net_close(net_accept(listener, soon()), NET_NOW);
    look("accept");
    leave_room(0);
    for (int i = 0; i < CALLERS; i++) {
        double start = now_ms();

        if (!is_limit(net_accept(listener, i % 2 == 0 ? soon() : NET_NOW))) {
            return 2;
        }
        if (elapsed_ms(start) > found->slowest) {
            found->slowest = elapsed_ms(start);
        }
        look("accept at the limit");
    }
    leave_room(1);
    for (int i = 1; i < CALLERS; i++) {
        bool is_last = i == CALLERS - 1;

        if (is_last && !open_standard()) {
            return 3;
        }
        net_socket *server = net_accept(listener, soon());

        if (server == NULL || net_recv(server, word, sizeof word, soon()) != 4 ||
            net_close(server, NET_NOW) != 0) {
            return 4;
        }
        if (!is_last) {
            look("accept again");
        }
    }
    return 0;
}

static void an_accept_at_the_limit_loses_nobody(void **state)
{
    check_on(accept_at_the_limit, template_of(state));
}

int main(void)
{
    static const struct test once[] = {
        TEST(a_slow_dial_has_none),
        TEST(a_look_up_has_none),
        TEST(an_adopted_one_keeps_its_number),
        TEST(at_the_limit_it_is_the_limit),
    };
    static const struct test wires[] = {TEST(a_wire_has_none)};
    static const struct test listeners[] = {TEST(an_accept_at_the_limit_loses_nobody)};
    static const char *const accepting[] = {"tcp://127.0.0.1:0", "unix://@", NULL};

    return run_once(once) + run_over(all_templates, wires) + run_over(accepting, listeners);
}
