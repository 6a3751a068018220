/* valgrind: skip, a filter of system calls would hold for valgrind, too */
/* On a host without IPv6 a dial of localhost, where nobody listens, was NET_LIMIT, "no local
 * port is free", or NET_UNSUPPORTED or NET_DENIED. 127.0.0.1 has refused: that is the answer. So is
 * NET_UNREACHABLE for an IPv6 address, also of a message, which was NET_SYSTEM. A listener on every
 * interface serves IPv4. */
#include "sandbox.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* ---- Hosts ---- */

/* IPv6 is there, and no interface has it. */
static bool switch_off(void)
{
    FILE *file = fopen("/proc/sys/net/ipv6/conf/all/disable_ipv6", "we");
    bool done = file != NULL && fputs("1\n", file) >= 0;

    return file != NULL && fclose(file) == 0 && done;
}

/* A sandbox, or a system without the protocol: socket(2) fails for the family. */
static bool refuse_sockets(int error)
{
    return refuse_call(SYS_socket, AF_INET6, error);
}

struct host {
    const char *name;
    int error; /* of socket(2) for IPv6; 0: IPv6 is switched off */
};

/* ---- What a program sees there, in a child: how many answers are wrong ---- */

enum { SKIPPED = 77 };

static int expect(const char *call, int code, int expected)
{
    bool is_right = code == expected;

    printf("%s%s: %s\n", is_right ? "" : "WRONG: ", call, code < 0 ? net_error_text() : "done");
    return is_right ? 0 : 1;
}

static int dial(const char *address, int expected)
{
    net_socket *socket = net_connect(address, soon());
    int wrong = expect(address, socket == NULL ? net_error() : 0, expected);

    net_close(socket, NET_NOW);
    socket = net_connect(address, NET_NOW);
    char byte;
    int code = socket == NULL ? net_error() : (int)net_recv(socket, &byte, 1, soon());

    wrong += expect(address, code, expected);
    net_close(socket, NET_NOW);
    return wrong;
}

/* A listener on every interface has IPv4 callers, and a message to IPv6 does not go. */
static int listen_everywhere(const char *address)
{
    net_socket *listener = net_listen(address);
    char dialed[ADDRESS_MAX];
    net_message message = {.data = dialed, .size = 1};
    int64_t port = 0;
    int wrong = expect(address, listener == NULL ? net_error() : 0, 0);

    if (listener == NULL) {
        return wrong;
    }
    net_get_number(listener, "port", &port);
    snprintf(dialed, sizeof dialed, "%.3s://127.0.0.1:%d", address, (int)port);
    net_socket *caller = net_connect(dialed, soon());

    wrong += expect(dialed, caller == NULL ? net_error() : 0, 0);
    if (!is_stream(address) && net_resolve("udp://[::1]:9", &message.endpoint, 1, soon()) == 1) {
        int sent = net_send_messages(listener, &message, 1, soon());

        wrong += expect("send to [::1]:9", sent, NET_UNREACHABLE);
    }
    net_close(caller, NET_NOW);
    net_close(listener, NET_NOW);
    return wrong;
}

/* Without the protocol a listener of IPv6 alone says so. Where it is switched off, addresses may
 * come later, and only one that the host would have to have is refused. */
static int listen_on_ipv6(const char *address, int expected)
{
    net_socket *listener = net_listen(address);
    int wrong = expect(address, listener == NULL ? net_error() : 0, expected);

    if (listener == NULL && strstr(net_error_text(), "IPv6") == NULL) {
        printf("WRONG: it does not say IPv6\n");
        wrong++;
    }
    net_close(listener, NET_NOW);
    return wrong;
}

static int look_around(void *argument)
{
    const struct host *host = argument;

    if (host->error == 0 ? !switch_off() : !refuse_sockets(host->error)) {
        return SKIPPED;
    }
    int wrong = dial("tcp://localhost:9", NET_REFUSED);

    wrong += dial("tcp://[::1]:9", NET_UNREACHABLE);
    wrong += dial("tcp://[2001:db8::1]:9", NET_UNREACHABLE);
    wrong += dial("udp://[::1]:9", NET_UNREACHABLE);
    wrong += listen_everywhere("tcp://*:0");
    wrong += listen_everywhere("udp://*:0");
    wrong += listen_on_ipv6("tcp://[::1]:0", host->error == 0 ? NET_ADDRESS : NET_UNSUPPORTED);
    wrong += listen_on_ipv6("tcp://*:0?family=6", host->error == 0 ? 0 : NET_UNSUPPORTED);
    fflush(stdout);
    return wrong;
}

static void without_ipv6_ipv4_answers(void **state)
{
    static const struct host hosts[] = {
        {"refused", EACCES}, {"forbidden", EPERM}, {"absent", EAFNOSUPPORT}, {"switched off", 0}};
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct host host = hosts[i];
        int found = has_own_network() || host.error != 0 ? in_child(look_around, &host) : SKIPPED;

        print_message("%s: %s%d wrong answers\n", host.name,
                      found == SKIPPED ? "skipped, not permitted here: " : "",
                      found == SKIPPED ? 0 : found);
        wrong += found == SKIPPED ? 0 : found;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(without_ipv6_ipv4_answers),
    };

    return run_once(tests);
}
