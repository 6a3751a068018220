/* The local half of an endpoint was zero if our address was known without asking the system: on a
 * listener that is bound to one address, and on a dialed socket. */
#include "support.h"

#include "name/endpoint.h"

static void resolve(const char *address, struct nf_addr *addr)
{
    net_endpoint endpoint;

    assert_count(net_resolve(address, &endpoint, 1, NET_NOW), 1);
    nf_endpoint_remote(&endpoint, addr);
}

/* One datagram, sent from `there` to `here`. */
static void expect_endpoint(net_socket *socket, const struct nf_addr *here,
                            const struct nf_addr *there)
{
    char word[8];
    net_message message = {.data = word, .capacity = sizeof word};
    struct nf_addr addr;

    assert_count(net_recv_messages(socket, &message, 1, soon()), 1);
    nf_endpoint_local(&message.endpoint, &addr);
    assert_int_equal(addr.family, here->family);
    assert_memory_equal(addr.ip, here->ip, sizeof addr.ip);
    assert_int_equal(addr.port, 0);
    nf_endpoint_remote(&message.endpoint, &addr);
    assert_true(nf_addr_equal(&addr, there));
}

static void every_kind_of_socket_tells_its_own_address(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    struct nf_addr server;
    struct nf_addr client;
    struct nf_addr stranger;

    dial_pair(template_of(state), &pair);
    dial_address(pair.listener, address);
    resolve(address, &server);
    net_socket *other = assert_socket(net_connect(address, soon()));

    assert_ok(net_get(pair.client, "local", address, sizeof address));
    resolve(address, &client);
    assert_ok(net_get(other, "local", address, sizeof address));
    resolve(address, &stranger);
    assert_count(net_send(pair.client, "a", 1, soon()), 1);
    expect_endpoint(pair.server, &server, &client);
    assert_count(net_send(pair.server, "b", 1, soon()), 1);
    expect_endpoint(pair.client, &client, &server);
    assert_count(net_send(other, "c", 1, soon()), 1);
    expect_endpoint(pair.listener, &server, &stranger);
    net_close(other, NET_NOW);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {TEST(every_kind_of_socket_tells_its_own_address)};

    return run_over(udp_templates, tests);
}
