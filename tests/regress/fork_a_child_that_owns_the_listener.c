/* wrap: nf_table_find */
/* A daemon listens, forks and serves in the child. There a close met a busy lock and assumed that a
 * thread of the parent held it. So it left the peer in the hub, and the peer's memory was freed all
 * the same. */
#include "support.h"

#include "name/table.h"

#include <stdatomic.h>

enum { HOLD = 300 }; /* ms for which another thread holds the lock */

static _Atomic bool armed;
static _Atomic bool held;

/* This lookup happens with the lock held. */
struct nf_entry *__real_nf_table_find(const struct nf_table *table, const struct nf_addr *remote,
                                      uint32_t hash);
struct nf_entry *__wrap_nf_table_find(const struct nf_table *table, const struct nf_addr *remote,
                                      uint32_t hash);
struct nf_entry *__wrap_nf_table_find(const struct nf_table *table, const struct nf_addr *remote,
                                      uint32_t hash)
{
    if (atomic_exchange(&armed, false)) {
        held = true;
        nap(HOLD);
    }
    return __real_nf_table_find(table, remote, hash);
}

static bool pick_up(net_socket *listener, const char *address, net_socket **client,
                    net_socket **server)
{
    char word[8];

    *client = net_connect(address, soon());
    if (*client == NULL || net_send(*client, "hi", 2, soon()) != 2) {
        return false;
    }
    *server = net_accept(listener, soon());
    return *server != NULL && net_recv(*server, word, sizeof word, soon()) == 2;
}

struct daemon {
    net_socket *listener;
    char address[ADDRESS_MAX];
};

/* A peer that was closed is a stranger again. */
static bool is_stranger(net_socket *listener, net_socket *client)
{
    char word[8];
    net_message message = {.data = word, .capacity = sizeof word};

    return net_send(client, "who", 3, soon()) == 3 &&
           net_recv_messages(listener, &message, 1, net_after(10000 * (int64_t)slowness())) == 1 &&
           message.size == 3;
}

static int serve(void *argument)
{
    struct daemon *daemon = argument;
    struct caller reader;
    net_socket *clients[2];
    net_socket *servers[2];

    for (int i = 0; i < 2; i++) {
        if (!pick_up(daemon->listener, daemon->address, &clients[i], &servers[i])) {
            return 1;
        }
    }
    caller_start(&reader, call_recv, servers[0],
                 soon()); /* the process that waits there owns the listener */
    armed = true;
    if (net_send(clients[0], "one", 3, soon()) != 3) {
        return 2;
    }
    while (!held && !reader.done) {
        nap(1);
    }
    if (net_close(servers[1], NET_NOW) != 0) {
        return 3;
    }
    caller_join(&reader);
    if (reader.result != 3) {
        return 4;
    }
    if (!is_stranger(daemon->listener, clients[1])) {
        return 5;
    }
    net_close(servers[0], NET_NOW);
    if (!is_stranger(daemon->listener, clients[0])) {
        return 6;
    }
    net_close(clients[0], NET_NOW);
    net_close(clients[1], NET_NOW);
    return net_close(daemon->listener, NET_NOW) == 0 ? 0 : 7;
}

static void a_busy_lock_is_no_ghost_in_the_child_that_serves(void **state)
{
    struct daemon daemon;

    daemon.listener = assert_socket(net_listen(template_of(state)));
    dial_address(daemon.listener, daemon.address);
    armed = false;
    held = false;
    int result = in_child(serve, &daemon);

    net_close(daemon.listener, NET_NOW);
    assert_int_equal(result, 0);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_busy_lock_is_no_ghost_in_the_child_that_serves)};

    return run_over(kernel_datagrams, tests);
}
