/* wrap: nf_addr_equal */
/* The names of mem and memgram were a list: a send to one of 8,000 sockets compared thousands
 * of names, one after the other and under a lock, and so did a dial. */
#include "os/address.h"
#include "support.h"

#include <stdio.h>

enum { FEW = 10, MANY = 8000, SENDS = 64, COMPARISONS_MOST = 4 /* for each send */ };

bool __real_nf_addr_equal(const struct nf_addr *a, const struct nf_addr *b);
bool __wrap_nf_addr_equal(const struct nf_addr *a, const struct nf_addr *b);

static _Atomic long comparisons;

bool __wrap_nf_addr_equal(const struct nf_addr *a, const struct nf_addr *b)
{
    comparisons++;
    return __real_nf_addr_equal(a, b);
}

static net_socket *sockets[MANY];

static void listen_to(const char *scheme, int from, int count)
{
    for (int i = from; i < count; i++) {
        char address[ADDRESS_MAX];

        snprintf(address, sizeof address, "%s://socket-%d", scheme, i);
        sockets[i] = assert_socket(net_listen(address));
    }
}

static void close_all(void)
{
    for (int i = 0; i < MANY; i++) {
        net_close(sockets[i], NET_NOW);
    }
}

/* Comparisons for each send to one of so many sockets. */
static double send_to_some(int count)
{
    net_endpoint to[SENDS];
    double since;
    double ms;

    for (int i = 0; i < SENDS; i++) {
        char address[ADDRESS_MAX];

        snprintf(address, sizeof address, "memgram://socket-%d", i * (count / FEW) % count);
        assert_count(net_resolve(address, &to[i], 1, soon()), 1);
    }
    comparisons = 0;
    since = now_ms();
    for (int i = 0; i < SENDS; i++) {
        net_message message = {.data = (void *)"x", .size = 1, .endpoint = to[i]};

        assert_count(net_send_messages(sockets[0], &message, 1, soon()), 1);
    }
    ms = elapsed_ms(since);
    print_message("%d sockets: %.1f comparisons and %.2f us a send\n", count,
                  (double)comparisons / SENDS, 1000.0 * ms / SENDS);
    return (double)comparisons / SENDS;
}

static void a_send_finds_its_peer_among_any_number(void **state)
{
    (void)state;
    listen_to("memgram", 0, FEW);
    double few = send_to_some(FEW);

    listen_to("memgram", FEW, MANY);
    double many = send_to_some(MANY);

    close_all();
    assert_true(few >= 1 && many >= 1); /* a count of nothing says nothing */
    assert_true(few <= COMPARISONS_MOST && many <= COMPARISONS_MOST);
}

static void a_dial_finds_its_listener_among_any_number(void **state)
{
    (void)state;
    listen_to("mem", 0, MANY);
    comparisons = 0;
    for (int i = 0; i < SENDS; i++) {
        char address[ADDRESS_MAX];

        snprintf(address, sizeof address, "mem://socket-%d", i * (MANY / SENDS));
        net_close(assert_socket(net_connect(address, soon())), NET_NOW);
    }
    double each = (double)comparisons / SENDS;

    print_message("%d listeners: %.1f comparisons a dial\n", MANY, each);
    close_all();
    assert_true(each >= 1 && each <= COMPARISONS_MOST);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_send_finds_its_peer_among_any_number),
                                        TEST(a_dial_finds_its_listener_among_any_number)};

    return run_once(tests);
}
