/* Addresses converted between our form and the system's. */
#include "netfacade.h"
#include "os/address.h"
#include "os/sockaddr.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct nf_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    struct nf_addr addr = {.family = NF_IPV4, .port = port, .ip = {a, b, c, d}};

    return addr;
}

static struct nf_addr v6(const char *text, uint32_t scope, uint16_t port)
{
    struct nf_addr addr = {.family = NF_IPV6, .port = port, .scope = scope};

    assert_int_equal(inet_pton(AF_INET6, text, addr.ip), 1);
    return addr;
}

static void assert_round_trip(const struct nf_addr *addr, bool on_v6, sa_family_t family)
{
    union nf_sockaddr name;
    struct nf_addr back;
    socklen_t length = nf_to_sockaddr(addr, on_v6, &name);

    assert_int_equal(name.any.sa_family, family);
    assert_int_equal(length, family == AF_INET ? sizeof name.v4 : sizeof name.v6);
    memset(&back, 0xff, sizeof back);
    nf_from_sockaddr(&name, sizeof name, &back);
    assert_memory_equal(&back, addr, sizeof back);
}

/* An IPv4 address is IPv4 on every kind of socket. */
static void addresses_survive_the_way_there_and_back(void **state)
{
    struct nf_addr addrs[] = {v4(127, 0, 0, 1, 80), v4(255, 255, 255, 255, 65535),
                              v6("::1", 0, 80),     v6("2001:db8::1", 0, 1),
                              v6("fe80::1", 7, 9),  v6("ff02::1", 7, 9)};

    (void)state;
    for (size_t i = 0; i < sizeof addrs / sizeof addrs[0]; i++) {
        bool is_v4 = addrs[i].family == NF_IPV4;

        assert_round_trip(&addrs[i], true, AF_INET6);
        if (is_v4) {
            assert_round_trip(&addrs[i], false, AF_INET);
        }
    }
}

static void a_mapped_address_is_the_one_it_stands_for(void **state)
{
    struct nf_addr plain = v4(10, 1, 2, 3, 4);
    struct nf_addr addr;
    struct in6_addr in6;

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6), 1);
    nf_from_in6(&in6, 9, &addr);
    addr.port = 4;
    assert_true(nf_addr_equal(&addr, &plain));
}

/* A scope counts only with an address that has a meaning on one link. */
static void a_scope_that_means_nothing_is_dropped(void **state)
{
    union nf_sockaddr name = {.v6 = {.sin6_family = AF_INET6, .sin6_scope_id = 3}};
    struct nf_addr addr;

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &name.v6.sin6_addr), 1);
    nf_from_sockaddr(&name, sizeof name, &addr);
    assert_int_equal(addr.scope, 0);
    assert_int_equal(inet_pton(AF_INET6, "fe80::1", &name.v6.sin6_addr), 1);
    nf_from_sockaddr(&name, sizeof name, &addr);
    assert_int_equal(addr.scope, 3);
}

static void an_unknown_family_is_nowhere(void **state)
{
    union nf_sockaddr name = {.any = {.sa_family = AF_APPLETALK}};
    struct nf_addr addr;
    struct nf_addr nowhere = {0};

    (void)state;
    memset(&addr, 0xff, sizeof addr);
    nf_from_sockaddr(&name, sizeof name, &addr);
    assert_memory_equal(&addr, &nowhere, sizeof addr);
}

static void wildcards_and_links_are_known(void **state)
{
    struct nf_addr everywhere = {.family = NF_EVERYWHERE};
    struct nf_addr any4 = v4(0, 0, 0, 0, 80);
    struct nf_addr any6 = v6("::", 0, 80);
    struct nf_addr one4 = v4(0, 0, 0, 1, 0);
    static const char *const local[] = {"fe80::1", "febf::1", "ff01::1", "ff02::1", "ff12::1"};
    static const char *const wide[] = {"fec0::1", "fd00::1", "ff05::1", "ff0e::1", "::1", "::"};

    (void)state;
    assert_true(nf_addr_is_wildcard(&everywhere));
    assert_true(nf_addr_is_wildcard(&any4));
    assert_true(nf_addr_is_wildcard(&any6));
    assert_false(nf_addr_is_wildcard(&one4));
    assert_false(nf_addr_is_link_local(&one4));
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        struct nf_addr addr = v6(local[i], 0, 0);

        assert_true(nf_addr_is_link_local(&addr));
    }
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        struct nf_addr addr = v6(wide[i], 0, 0);

        assert_false(nf_addr_is_link_local(&addr));
    }
}

static void groups_are_known(void **state)
{
    static const char *const groups[] = {"ff00::", "ff02::1", "ff15::1", "ffff::1"};
    static const char *const hosts[] = {"::", "::1", "fe80::1", "feff::1", "efff::1", "e000::1"};
    struct nf_addr everywhere = {.family = NF_EVERYWHERE};
    struct nf_addr name = {.family = NF_NOWHERE, .port = 80};

    (void)state;
    assert_false(nf_addr_is_group(&everywhere));
    assert_false(nf_addr_is_group(&name));
    for (unsigned i = 0; i < 256; i++) {
        struct nf_addr addr = v4((uint8_t)i, 0, 0, 1, 80);

        assert_int_equal(nf_addr_is_group(&addr), i >= 224 && i <= 239);
    }
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        struct nf_addr addr = v6(groups[i], 0, 0);

        assert_true(nf_addr_is_group(&addr));
    }
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct nf_addr addr = v6(hosts[i], 0, 0);

        assert_false(nf_addr_is_group(&addr));
    }
}

static void zones_have_names_and_numbers(void **state)
{
    char name[NF_ZONE_MAX];
    uint32_t index = 0;

    (void)state;
    assert_int_equal(nf_zone_index("lo", &index), 0);
    assert_int_not_equal(index, 0);
    nf_zone_name(index, name);
    assert_string_equal(name, "lo");
    assert_int_equal(nf_zone_index("no-such-if", &index), NET_ADDRESS);
    nf_zone_name(UINT32_MAX, name);
    assert_string_equal(name, "4294967295");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_survive_the_way_there_and_back),
        cmocka_unit_test(a_mapped_address_is_the_one_it_stands_for),
        cmocka_unit_test(a_scope_that_means_nothing_is_dropped),
        cmocka_unit_test(an_unknown_family_is_nowhere),
        cmocka_unit_test(wildcards_and_links_are_known),
        cmocka_unit_test(groups_are_known),
        cmocka_unit_test(zones_have_names_and_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
