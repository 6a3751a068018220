/* wrap: nf_table_remove nf_socket_free */
/* In a child that only closes, a close that cannot have the lock leaves the peer in the listener's
 * list. The peer's memory was freed all the same, and the next walk through the list used it. */
#include "support.h"

#include "socket/backend.h"
#include "socket/socket.h"
#include "name/table.h"

#include <stdatomic.h>

enum { HOLD_AT_MOST = 5000 }; /* ms */

static _Atomic bool armed;
static _Atomic bool held;
static _Atomic bool released;
static _Atomic(net_socket *) freed;

void __real_nf_table_remove(struct nf_table *table, struct nf_entry *entry);
void __wrap_nf_table_remove(struct nf_table *table, struct nf_entry *entry);
void __wrap_nf_table_remove(struct nf_table *table, struct nf_entry *entry)
{
    if (atomic_exchange(&armed, false)) {
        held = true;
        for (int i = 0; i < HOLD_AT_MOST && !released; i++) {
            nap(1);
        }
        held = false;
    }
    __real_nf_table_remove(table, entry);
}

void __real_nf_socket_free(net_socket *socket);
void __wrap_nf_socket_free(net_socket *socket);
void __wrap_nf_socket_free(net_socket *socket)
{
    freed = socket;
    __real_nf_socket_free(socket);
}

static long long call_close(struct caller *caller)
{
    return net_close(caller->socket, NET_NOW);
}

struct party {
    struct pair first;
    struct pair second;
    struct pair third;
};

static int close_beside_a_close(void *argument)
{
    struct party *party = argument;
    struct caller closer;

    armed = true;
    caller_launch(&closer, call_close, party->second.server, NET_NOW);
    while (!held && !closer.done) {
        nap(1);
    }
    freed = NULL;
    int code = net_close(party->first.server, NET_NOW);
    bool freed_too_early = held && freed == party->first.server;

    released = true;
    caller_join(&closer);
    if (code != 0) {
        return 1;
    }
    if (freed_too_early) {
        return 2;
    }
    if (closer.result != 0 || net_close(party->third.server, NET_NOW) != 0) {
        return 3;
    }
    return net_close(party->first.listener, NET_NOW) == 0 ? 0 : 4;
}

static void what_stays_in_the_list_is_not_freed(void **state)
{
    struct party party = {0};

    dial_pair(template_of(state), &party.first);
    dial_again(party.first.listener, &party.second.client, &party.second.server);
    dial_again(party.first.listener, &party.third.client, &party.third.server);
    held = false;
    int result = in_child(close_beside_a_close, &party);

    close_pair(&party.third);
    close_pair(&party.second);
    close_pair(&party.first);
    assert_int_equal(result, 0);
}

int main(void)
{
    static const char *const templates[] = {"udp://127.0.0.1:0", NULL};
    static const struct test tests[] = {TEST(what_stays_in_the_list_is_not_freed)};

    return run_over(templates, tests);
}
