/* The system lets an interface be called almost anything: a name with an escape sequence in it
 * reached net_get, net_endpoint_text and sentences, and one with a bracket or a question mark made
 * an address that means another. Such an interface is printed by its number. */
#include "safe_text.h"
#include "support.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const strange[] = {"e\x1b[31m", "a]b", "c?d", "e&f", "\xe2\x80\xaeg", "h\xff"};

/* A pair of interfaces of which one has the name, and an address on it. False: not here. */
static bool lay_wire(const char *name)
{
    char command[512];

    snprintf(command, sizeof command,
             "{ ip link add name '%s' type veth peer name end && ip link set dev end up && "
             "ip link set dev '%s' addrgenmode none && ip link set dev '%s' up && "
             "ip addr add fe80::1/64 dev '%s' nodad; } >/dev/null 2>&1",
             name, name, name, name);
    return system(command) == 0; /* NOLINT(cert-env33-c): names of this file */
}

static void take_wire(void)
{
    assert_int_equal(system("ip link del dev end"), 0); /* NOLINT(cert-env33-c) */
}

static void assert_property(net_socket *socket, const char *name, const char *expected)
{
    char text[ADDRESS_MAX];

    assert_ok(net_get(socket, name, text, sizeof text));
    assert_true(is_safe_text(text));
    assert_string_equal(text, expected);
}

static void talk(const char *scheme, unsigned index)
{
    char address[ADDRESS_MAX];
    char expected[ADDRESS_MAX];
    struct pair pair;
    net_endpoint endpoint;

    snprintf(address, sizeof address, "%s://[fe80::1%%%u]:0?device=%u", scheme, index, index);
    dial_pair(address, &pair);
    snprintf(expected, sizeof expected, "fe80::1%%%u", index);
    assert_property(pair.listener, "local-host", expected);
    assert_property(pair.client, "peer-host", expected);
    assert_property(pair.server, "peer-host", expected);
    snprintf(expected, sizeof expected, "%u", index);
    assert_property(pair.listener, "device", expected);
    dial_address(pair.listener, address);
    assert_count(net_resolve(address, &endpoint, 1, soon()), 1);
    assert_ok(net_endpoint_text(&endpoint, expected, sizeof expected));
    assert_string_equal(expected, strstr(address, "//") + 2);
    assert_code(net_shutdown(pair.listener), NET_MISUSE);
    assert_says(address);
    close_pair(&pair);
}

static void it_is_printed_by_its_number(void **state)
{
    int done = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(strange) && has_own_network(); i++) {
        if (lay_wire(strange[i])) {
            unsigned index = if_nametoindex(strange[i]);

            talk("tcp", index);
            talk("udp", index);
            take_wire();
            done++;
        }
    }
    if (done == 0) {
        print_message("skipped: no network of its own, or no ip(8)\n");
        skip();
    }
    print_message("%d interfaces were reached by their numbers\n", done);
}

int main(void)
{
    static const struct test tests[] = {TEST(it_is_printed_by_its_number)};

    return run_once(tests);
}
