/* An adoption that failed on a later option left the earlier ones set on the caller's
 * descriptor, and one without a descriptor for its wake left IP_PKTINFO on. */
#include "foreign.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NAMES = 128, SIZE_MOST = 32 };

/* Every option that the system prints, and the flags. */
struct look {
    int flags;
    int descriptor_flags;
    struct {
        socklen_t size;
        char value[SIZE_MOST];
    } option[5][NAMES];
};

static const int levels[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP};

enum { SO_MEMINFO_ = 55, SO_PEERPIDFD_ = 77 };

/* All but those that change by themselves, open a descriptor, or read more than they write. */
static bool is_stable(int level, int name)
{
    static const int tcp[] = {TCP_INFO, TCP_TIMESTAMP, TCP_CC_INFO, TCP_ZEROCOPY_RECEIVE};
    static const int socket[] = {SO_ERROR, SO_MEMINFO_, SO_PEERPIDFD_};
    static const int ip[] = {IP_MTU, IP_MSFILTER, MCAST_MSFILTER, IPV6_MTU, IPV6_PATHMTU};
    const int *list = level == IPPROTO_TCP ? tcp : level == SOL_SOCKET ? socket : ip;
    size_t count = level == IPPROTO_TCP  ? COUNT(tcp)
                   : level == SOL_SOCKET ? COUNT(socket)
                                         : COUNT(ip);

    for (size_t i = 0; i < count; i++) {
        if (list[i] == name) {
            return false;
        }
    }
    return true;
}

static void look_at(int fd, struct look *look)
{
    memset(look, 0, sizeof *look);
    look->flags = fcntl(fd, F_GETFL);
    look->descriptor_flags = fcntl(fd, F_GETFD);
    for (size_t i = 0; i < COUNT(levels); i++) {
        for (int name = 0; name < NAMES; name++) {
            socklen_t size = SIZE_MOST;
            char value[SIZE_MOST] = {0};

            if (is_stable(levels[i], name) && getsockopt(fd, levels[i], name, value, &size) == 0) {
                look->option[i][name].size = size;
                memcpy(look->option[i][name].value, value, sizeof value);
            }
        }
    }
}

/* How many things differ. */
static int compare(const struct look *before, const struct look *after, const char *address)
{
    int changed = before->flags != after->flags ? 1 : 0;

    changed += before->descriptor_flags != after->descriptor_flags ? 1 : 0;
    for (size_t i = 0; i < COUNT(levels); i++) {
        for (int name = 0; name < NAMES; name++) {
            if (memcmp(&before->option[i][name], &after->option[i][name],
                       sizeof before->option[i][name]) != 0) {
                print_message("%s: option %d/%d has changed\n", address, levels[i], name);
                changed++;
            }
        }
    }
    return changed;
}

typedef net_socket *open_call(const char *address);

static net_socket *dial(const char *address)
{
    return net_connect(address, soon());
}

static int changes(open_call *call, int fd, const char *options, int code)
{
    static struct look before;
    static struct look after;
    char address[ADDRESS_MAX];

    foreign_address(fd, options, address);
    look_at(fd, &before);
    assert_no_socket(call(address), code);
    look_at(fd, &after);
    return compare(&before, &after, address);
}

/* The process may open no other descriptor meanwhile. */
static int changes_without_descriptors(open_call *call, int fd, const char *options)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int changed = changes(call, fd, options, NET_LIMIT);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return changed;
}

#define IP_ONES    "dscp=7&device=lo&sndbuf=50000&rcvbuf=50001"
#define TCP_ONES   "?nodelay=on&keepalive=7s&user-timeout=9s&congestion=reno&" IP_ONES
#define UDP_ONES   "?broadcast=on&ttl=7&fragment=off&multicast-loop=off&interface=lo&" IP_ONES
#define UNIX_ONES  "?sndbuf=50000&rcvbuf=50001"
#define THEN_FAILS "&sockopt=SOL_SOCKET/SO_RCVLOWAT/3,1/9999/1"

static void try_all(open_call *call, int fd, const char *template, int *changed)
{
    bool stream = is_stream(template);
    const char *all = is_unix(template) ? UNIX_ONES : stream ? TCP_ONES : UDP_ONES;
    char options[ADDRESS_MAX];

    snprintf(options, sizeof options, "%s%s", all, THEN_FAILS);
    *changed += changes(call, fd, options, NET_UNSUPPORTED);
    if (stream && !is_unix(template)) {
        *changed += changes(call, fd, "?keepalive=7s&congestion=nosuch", NET_ADDRESS);
    }
    if (stream && call == net_listen) {
        *changed += changes(call, fd, "?backlog=2&sockopt=1/9999/1", NET_UNSUPPORTED);
    }
    *changed += changes_without_descriptors(call, fd, all);
}

static void the_callers_descriptor_stays_as_it_was(void **state)
{
    const char *template = template_of(state);
    net_socket *listener = assert_socket(net_listen(template));
    int listening = foreign_listener(template);
    int connected = foreign_dial(listener);
    int changed = 0;

    try_all(net_listen, listening, template, &changed);
    try_all(dial, connected, template, &changed);
    print_message("%s: %d options changed by failures\n", template, changed);

    /* What the caller has set is kept, too. */
    int size = 30000;
    int priority = 3; /* dscp sets it, too */

    assert_int_equal(setsockopt(connected, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(setsockopt(connected, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority), 0);
    try_all(dial, connected, template, &changed);
    assert_int_equal(changed, 0);
    close(listening);
    close(connected);
    net_close(listener, NET_NOW);
}

static void a_pipe_stays_as_it_was(void **state)
{
    int ends[2];
    char address[ADDRESS_MAX];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(changes_without_descriptors(dial, ends[0], ""), 0);
    assert_int_equal(changes(dial, ends[0], "?sndbuf=1", NET_ADDRESS), 0);
    net_close(assert_socket(dial(foreign_address(ends[0], "", address))), NET_NOW);
    close(ends[1]);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "tcp://[::1]:0", "tcp://*:0",
                                            "udp://127.0.0.1:0", "udp://[::1]:0", "udp://*:0",
                                            "unix://@",          "unixgram://@",  NULL};
    static const struct test tests[] = {
        TEST(the_callers_descriptor_stays_as_it_was),
    };
    static const struct test pipes[] = {
        TEST(a_pipe_stays_as_it_was),
    };

    return run_over(templates, tests) + run_once(pipes);
}
