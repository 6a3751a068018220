/* Answers to strangers at made-up addresses of the link wait for ARP for some seconds, in the
 * one buffer that a listener and its peers send with. Strangers used it up, and sends to accepted
 * peers failed. */
#include "watching.h"

#include <stdio.h>
#include <string.h>

enum {
    STRANGERS = 240,
    ROUNDS = 5,
    SIZE = 400 /* bytes of an answer */
};

/* ARP of the link gives up soon. */
static void hurry(const char *name, const char *value)
{
    char path[ADDRESS_MAX];

    snprintf(path, sizeof path, "/proc/sys/net/ipv4/neigh/share0/%s", name);
    FILE *file = fopen(path, "w");

    if (file != NULL) {
        fputs(value, file);
        fclose(file);
    }
}

static bool lay_link(void)
{
    if (!run_command("ip -batch - >/dev/null 2>&1", "link add share0 type veth peer name share1\n"
                                                    "addr add 10.81.0.1/24 dev share0\n"
                                                    "link set share0 up\n"
                                                    "link set share1 up\n")) {
        return false;
    }
    hurry("mcast_solicit", "1");
    hurry("retrans_time_ms", "700");
    return true;
}

static void take_down_link(void)
{
    run_command("ip -batch - >/dev/null 2>&1", "link del share0\n");
}

/* Answer a stranger at each address, `batch` of them in one call. Returns how many were sent. */
static int answer_strangers(net_socket *listener, int batch)
{
    static char answer[SIZE];
    static net_message messages[STRANGERS];
    char address[ADDRESS_MAX];
    int sent = 0;

    for (int i = 0; i < STRANGERS; i++) {
        snprintf(address, sizeof address, "udp://10.81.0.%d:9", i + 10);
        assert_count(net_resolve(address, &messages[i].endpoint, 1, NET_NOW), 1);
        messages[i].data = answer;
        messages[i].size = SIZE;
    }
    for (int i = 0; i < STRANGERS; i += batch) {
        int n = net_send_messages(listener, messages + i, batch, NET_NOW);

        sent += n > 0 ? n : 0;
        if (n < batch) {
            assert_int_equal(net_error(), NET_TIMEOUT);
        }
    }
    return sent;
}

static void peers_can_send(const char *address, int batch)
{
    struct pair pair;
    net_poller *poller = open_poller();
    int sent = 0;
    int failed = 0;

    dial_pair(address, &pair);
    watch(poller, pair.server, NET_WRITABLE);
    for (int i = 0; i < ROUNDS; i++) {
        char word[8];

        sent += answer_strangers(pair.listener, batch);
        failed += net_send(pair.server, "answer", 6, NET_NOW) == 6 ? 0 : 1;
        if (failed == 0) {
            expect_event(poller, pair.server, NET_WRITABLE);
            assert_count(net_recv(pair.client, word, sizeof word, soon()), 6);
        }
    }
    print_message("%d by %d: %d answers to strangers; %d of %d sends to a peer failed\n",
                  ROUNDS * STRANGERS, batch, sent, failed, ROUNDS);
    assert_true(sent > 0 && sent < ROUNDS * STRANGERS);
    assert_int_equal(failed, 0);

    /* The listener's own sends wait until its part has room, and cost nothing meanwhile. */
    net_message late = {.data = "late", .size = 4};
    double cpu = thread_cpu_ms();
    net_event event;

    net_poller_watch(poller, pair.server, 0, NULL, NET_FOREVER);
    watch(poller, pair.listener, NET_WRITABLE);
    in_time(net_poller_wait(poller, &event, 1, net_after(50)) == NET_TIMEOUT);
    assert_count(net_resolve("udp://127.0.0.1:9", &late.endpoint, 1, NET_NOW), 1);
    in_time(net_send_messages(pair.listener, &late, 1, net_after(50)) == NET_TIMEOUT);
    cpu = thread_cpu_ms() - cpu;
    print_message("the listener waits: CPU %.1f of 100 ms\n", cpu);
    in_time(cpu < 20 * slowness());
    assert_count(net_send_messages(pair.listener, &late, 1, soon()), 1);
    expect_event(poller, pair.listener, NET_WRITABLE);
    net_poller_close(poller);
    close_pair(&pair);
}

static void strangers_take_no_peers_part(void **state)
{
    static const int batches[] = {1, STRANGERS};

    if (!has_own_network() || !lay_link()) {
        print_message("skipped: this system allows no network of the test's own\n");
        skip();
    }
    for (size_t i = 0; i < COUNT(batches); i++) {
        peers_can_send(template_of(state), batches[i]);
    }
    take_down_link();
}

int main(void)
{
    static const char *const templates[] = {"udp://:0", NULL};
    static const struct test tests[] = {TEST(strangers_take_no_peers_part)};

    return run_over(templates, tests);
}
