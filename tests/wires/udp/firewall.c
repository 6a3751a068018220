/* What a firewall, an ICMP answer or a full queue does to a send. The send tells what happened,
 * once, with a true count. Whatever was not sent can be sent again. */
#include "support.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SIZE = 300, MOST = 12, CALLERS = 3 };

static char out[MOST][SIZE];
static char in[SIZE];

/* ---- The firewall ---- */

static void allow_all(void)
{
    assert_true(run_command("nft -f -", "flush ruleset\n"));
}

/* Counts what goes to the port, then applies the rule to it. */
static void lay_down(const char *hook, long long port, const char *rule)
{
    char text[512];

    snprintf(text, sizeof text,
             "flush ruleset\n"
             "table inet t {\n"
             "counter met {\n"
             "}\n"
             "counter passed {\n"
             "}\n"
             "chain c {\n"
             "type filter hook %s priority 0\n"
             "meta l4proto != udp accept\n"
             "udp dport != %lld accept\n"
             "counter name met\n"
             "%s\n"
             "counter name passed\n"
             "}\n"
             "}\n",
             hook, port, rule);
    assert_true(run_command("nft -f -", text));
}

static void count(const char *name, long *packets, long *bytes)
{
    char command[64];
    char line[128];

    snprintf(command, sizeof command, "nft list counter inet t %s", name);
    FILE *pipe = popen(command, "r");

    assert_non_null(pipe);
    *packets = -1;
    while (fgets(line, sizeof line, pipe) != NULL) {
        sscanf(line, " packets %ld bytes %ld", packets, bytes);
    }
    pclose(pipe);
    assert_true(*packets >= 0);
}

static void assert_met(long expected)
{
    long packets = 0;
    long bytes = 0;

    count("met", &packets, &bytes);
    assert_int_equal(packets, expected);
}

/* ---- A listener and its peers ---- */

struct party {
    net_socket *listener;
    net_socket *caller[CALLERS];
    net_socket *peer[CALLERS];
    net_endpoint endpoint[CALLERS];
    long long port[CALLERS];
    bool v6;
};

static void open_party(const char *address, struct party *party)
{
    struct pair pair;
    char text[ADDRESS_MAX];

    allow_all();
    dial_pair(address, &pair);
    party->listener = pair.listener;
    party->caller[0] = pair.client;
    party->peer[0] = pair.server;
    party->v6 = strchr(address, '[') != NULL;
    for (int i = 0; i < CALLERS; i++) {
        if (i > 0) {
            dial_again(party->listener, &party->caller[i], &party->peer[i]);
        }
        assert_ok(net_get(party->peer[i], "peer", text, sizeof text));
        assert_count(net_resolve(text, &party->endpoint[i], 1, NET_NOW), 1);
        party->port[i] = strtoll(strrchr(text, ':') + 1, NULL, 10);
    }
}

static void close_party(struct party *party)
{
    allow_all();
    for (int i = 0; i < CALLERS; i++) {
        net_close(party->caller[i], NET_NOW);
        net_close(party->peer[i], NET_NOW);
    }
    net_close(party->listener, NET_NOW);
}

static void say_letter(net_socket *socket, char word)
{
    assert_count(net_send(socket, &word, 1, soon()), 1);
}

/* The socket receives one datagram for each byte of `words`, in this order, and no more. */
static void assert_hears(net_socket *socket, const char *words)
{
    for (; *words != '\0'; words++) {
        assert_ok(net_recv(socket, in, sizeof in, soon()));
        assert_int_equal(in[0], *words);
    }
    assert_code(net_recv(socket, in, sizeof in, NET_NOW), NET_TIMEOUT);
}

/* Writes one message for each byte of `words`. The first has `size` bytes, and each later one
 * has `more` bytes more than the one before. */
static void write_messages(net_message *messages, const char *words, size_t size, size_t more)
{
    for (int i = 0; words[i] != '\0'; i++) {
        memset(out[i], words[i], SIZE);
        messages[i] = (net_message){.data = out[i], .size = size + (size_t)i * more};
    }
}

/* ---- Denied ---- */

/* The library tries every send twice, because the first refusal may be by chance. It tries each of
 * the two by sendmsg, too, if sendmmsg was refused: a filter of system calls may refuse only that.
 */
static void a_denied_datagram_is_told_and_was_not_sent(void **state)
{
    struct party party;

    open_party(template_of(state), &party);
    for (int way = 0; way < 2; way++) {
        net_socket *from = way == 0 ? party.caller[0] : party.peer[0];
        net_socket *to = way == 0 ? party.peer[0] : party.caller[0];
        net_message message;
        long long port = way == 0 ? number_of(party.listener, "port") : party.port[0];
        long long sent = number_of(from, "messages-sent");

        write_messages(&message, "m", SIZE, 0);
        lay_down("output", port, "drop");
        assert_code(net_send(from, "lost", 4, soon()), NET_DENIED);
        assert_met(2);
        assert_code(net_send_messages(from, &message, 1, soon()), NET_DENIED);
        assert_met(6);
        assert_code(net_recv(from, in, sizeof in, NET_NOW), NET_TIMEOUT);
        assert_int_equal(number_of(from, "messages-sent"), sent);
        allow_all();
        assert_count(net_send_messages(from, &message, 1, soon()), 1);
        say_letter(from, 'x');
        assert_hears(to, "mx");
    }
    close_party(&party);
}

static void what_a_second_try_passes_was_not_denied(void **state)
{
    net_message messages[MOST];
    struct party party;

    open_party(template_of(state), &party);
    lay_down("output", number_of(party.listener, "port"), "numgen inc mod 2 0 drop");
    say_letter(party.caller[0], 'a');
    say_letter(party.caller[0], 'b');
    write_messages(messages, "cdef", 1, 1);
    assert_count(net_send_messages(party.caller[0], messages, 4, soon()), 4);
    write_messages(messages, "ghij", SIZE, 0);
    assert_count(net_send_messages(party.caller[0], messages, 4, soon()), 4);
    assert_hears(party.peer[0], "abcdefghij");
    lay_down("output", party.port[0], "numgen inc mod 2 0 drop");
    say_letter(party.peer[0], 'a');
    say_letter(party.peer[0], 'b');
    write_messages(messages, "cdef", 1, 1);
    for (int i = 0; i < 4; i++) {
        messages[i].endpoint = party.endpoint[0];
    }
    assert_count(net_send_messages(party.listener, messages, 4, soon()), 4);
    assert_hears(party.caller[0], "abcdef");
    close_party(&party);
}

/* The batch has two for a live peer, `dead` for the denied one, and one for each of the two live
 * ones. */
static void check_batch(struct party *party, const char *words, size_t size, size_t more)
{
    net_message messages[MOST];
    int total = (int)strlen(words);
    char denied[MOST] = "";
    int dead = total - 4;

    write_messages(messages, words, size, more);
    for (int i = 0; i < total; i++) {
        int to = i < 2 ? 0 : i < 2 + dead ? 1 : i - dead - 2;

        messages[i].endpoint = party->endpoint[to == 1 && i >= 2 + dead ? 2 : to];
    }
    memcpy(denied, words + 2, (size_t)dead);
    lay_down("output", party->port[1], "drop");
    assert_count(net_send_messages(party->listener, messages, total, soon()), 2);
    assert_code(net_send_messages(party->listener, messages + 2, total - 2, soon()), NET_DENIED);
    assert_count(net_send_messages(party->listener, messages + 2 + dead, 2, soon()), 2);
    assert_hears(party->caller[0], (char[]){words[0], words[1], words[total - 2], '\0'});
    assert_hears(party->caller[2], (char[]){words[total - 1], '\0'});
    assert_hears(party->caller[1], "");
    allow_all();
    assert_count(net_send_messages(party->listener, messages + 2, dead, soon()), dead);
    assert_hears(party->caller[1], denied);
}

static void a_batch_ends_before_the_denied_and_goes_on_after_it(void **state)
{
    struct party party;

    open_party(template_of(state), &party);
    check_batch(&party, "abcde", 1, 1);
    check_batch(&party, "abcdefgh", SIZE, 0);
    assert_int_equal(number_of(party.listener, "messages-sent"), 5 + 8);
    close_party(&party);
}

/* A train is sent whole or not at all. */
static void a_denied_train_was_not_sent_at_all(void **state)
{
    net_message messages[MOST];
    struct party party;

    open_party(template_of(state), &party);
    for (int way = 0; way < 2; way++) {
        net_socket *from = way == 0 ? party.caller[1] : party.peer[1];
        net_socket *to = way == 0 ? party.peer[1] : party.caller[1];

        write_messages(messages, "abcdef", SIZE, 0);
        lay_down("output", way == 0 ? number_of(party.listener, "port") : party.port[1], "drop");
        assert_code(net_send_messages(from, messages, 6, soon()), NET_DENIED);
        allow_all();
        assert_count(net_send_messages(from, messages, 6, soon()), 6);
        assert_hears(to, "abcdef");
    }
    close_party(&party);
}

/* ---- Rejected ---- */

/* The answer to one datagram is told once, by the next call. If that call is a send, it sends
 * nothing. A receive may return another code (`heard`). */
static void check_answer(struct party *party, const char *rule, int code, int heard)
{
    net_socket *caller = party->caller[0];
    net_message messages[MOST];

    write_messages(messages, "abcd", SIZE, 0);
    lay_down("input", number_of(party->listener, "port"), rule);
    say_letter(caller, '1');
    assert_code(net_send(caller, "2", 1, soon()), code);
    say_letter(caller, '3');
    assert_code(net_recv(caller, in, sizeof in, soon()), heard);
    assert_code(net_recv(caller, in, sizeof in, NET_NOW), NET_TIMEOUT);
    assert_count(net_send_messages(caller, messages, 4, soon()), 4);
    assert_code(net_send_messages(caller, messages, 4, soon()), code);
    write_messages(messages, "abcd", 1, 1); /* no train: the second is refused for the first */
    assert_count(net_send_messages(caller, messages, 4, soon()), 1);
    assert_code(net_send_messages(caller, messages, 4, soon()), code);
    allow_all();
    assert_count(net_send_messages(caller, messages, 4, soon()), 4);
    say_letter(caller, 'z');
    assert_hears(party->peer[0], "abcdz");
}

static void an_icmp_answer_is_told_once_by_the_dialed_socket(void **state)
{
    static const struct {
        const char *rule;
        int code;
        int heard;
    } answers[2][3] = {
        {{"reject with icmp type port-unreachable", NET_REFUSED, NET_REFUSED},
         {"reject with icmp type admin-prohibited", NET_UNREACHABLE, NET_UNREACHABLE},
         {"reject with icmp type net-prohibited", NET_UNREACHABLE, NET_UNREACHABLE}},
        {{"reject with icmpv6 type port-unreachable", NET_REFUSED, NET_REFUSED},
         {"reject with icmpv6 type admin-prohibited", NET_DENIED, NET_UNREACHABLE},
         {"reject with icmpv6 type policy-fail", NET_DENIED, NET_UNREACHABLE}}};
    struct party party;

    open_party(template_of(state), &party);
    for (int i = 0; i < 3 && answers[party.v6][i].rule != NULL; i++) {
        check_answer(&party, answers[party.v6][i].rule, answers[party.v6][i].code,
                     answers[party.v6][i].heard);
    }
    close_party(&party);
}

static void an_icmp_answer_to_a_listener_disturbs_nobody(void **state)
{
    net_message messages[MOST];
    struct party party;

    open_party(template_of(state), &party);
    lay_down("input", party.port[1], "reject");
    for (int i = 0; i < 20; i++) {
        write_messages(messages, "abc", 1, i % 2 == 0 ? 0 : 1);
        for (int j = 0; j < CALLERS; j++) {
            messages[j].endpoint = party.endpoint[j];
            say_letter(party.peer[j], 'p');
        }
        assert_count(net_send_messages(party.listener, messages, 3, soon()), 3);
        assert_hears(party.caller[0], "pa");
        assert_hears(party.caller[2], "pc");
        say_letter(party.caller[1], 'q');
        assert_hears(party.peer[1], "q");
    }
    assert_hears(party.caller[1], "");
    assert_met(40);
    close_party(&party);
}

/* ---- Lost by the kernel, by chance ---- */

/* A train is one packet to the firewall, so its datagrams pass or are lost together. What passes
 * and finds no room in the socket is still counted by datagrams. */
static void check_loss(struct party *party, const char *options)
{
    enum { TRAINS = 60, HEADERS_V4 = 28, HEADERS_V6 = 48 };
    char address[ADDRESS_MAX];
    char local[ADDRESS_MAX];
    net_message messages[MOST];
    long heard = 0;
    long packets = 0;
    long bytes = 0;

    dial_address(party->listener, local);
    snprintf(address, sizeof address, "%s%s", local, options);
    net_socket *caller = assert_socket(net_connect(address, soon()));

    say_letter(caller, 'x');
    net_socket *peer = assert_socket(net_accept(party->listener, soon()));

    assert_hears(peer, "x");
    assert_ok(net_get(peer, "peer", address, sizeof address));
    lay_down("input", strtoll(strrchr(address, ':') + 1, NULL, 10),
             "numgen random mod 10 < 3 drop");
    for (int i = 0; i < TRAINS; i++) {
        write_messages(messages, "abcdefgh", SIZE, 0);
        assert_count(net_send_messages(peer, messages, 8, soon()), 8);
        while (options[0] == '\0' && net_recv(caller, in, sizeof in, NET_NOW) == SIZE) {
            heard++;
        }
    }
    while (net_recv(caller, in, sizeof in, NET_NOW) == SIZE) {
        heard++;
    }
    count("passed", &packets, &bytes);
    long passed = (bytes - packets * (party->v6 ? HEADERS_V6 : HEADERS_V4)) / SIZE;
    long dropped = (long)number_of(caller, "dropped-kernel");

    print_message("%d sent, %ld passed, %ld heard, %ld dropped\n", TRAINS * 8, passed, heard,
                  dropped);
    assert_int_equal(heard + dropped, passed);
    assert_int_equal(dropped > 0, options[0] != '\0');
    net_close(peer, NET_NOW);
    net_close(caller, NET_NOW);
}

static void what_passes_a_firewall_that_drops_is_heard_or_counted(void **state)
{
    struct party party;

    open_party(template_of(state), &party);
    check_loss(&party, "");
    check_loss(&party, "?rcvbuf=4KiB");
    close_party(&party);
}

/* ---- No buffers ---- */

/* The kernel reports a full queue only on a descriptor that asks for errors, and the library
 * does not ask. So the test sets IP_RECVERR. A kernel short of memory reports it without being
 * asked. */
static void a_full_queue_is_waited_out(void **state)
{
    enum { SENT = 40 };
    struct pair pair;
    char word[1000] = "";
    bool v6 = strchr(template_of(state), '[') != NULL;
    int full = 0;

    if (!run_command("tc -batch - 2>/dev/null",
                     "qdisc add dev lo root tbf rate 4mbit burst 2500 limit 4000\n")) {
        print_message("skipped: no tc(8) of iproute2, or no tbf here\n");
        return;
    }
    dial_pair(template_of(state), &pair);
    assert_int_equal(setsockopt(net_fd(pair.client), v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                v6 ? IPV6_RECVERR : IP_RECVERR, &(int){1}, sizeof(int)),
                     0);
    for (int i = 0; i < SENT; i++) {
        word[0] = (char)i;
        ssize_t n = net_send(pair.client, word, sizeof word, NET_NOW);

        if (n < 0) {
            assert_int_equal(n, NET_TIMEOUT);
            full++;
            assert_count(net_send(pair.client, word, sizeof word, soon()), sizeof word);
        }
    }
    print_message("%d of %d found the queue full\n", full, SENT);
    for (int i = 0; i < SENT; i++) {
        assert_ok(net_recv(pair.server, word, sizeof word, soon()));
        assert_int_equal(word[0], i);
    }
    assert_true(run_command("tc -batch -", "qdisc del dev lo root\n"));
    assert_code(net_recv(pair.server, word, sizeof word, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

int main(void)
{
    static const char *const templates[] = {"udp://127.0.0.1:0", "udp://[::1]:0", NULL};
    static const struct test tests[] = {
        TEST(a_denied_datagram_is_told_and_was_not_sent),
        TEST(what_a_second_try_passes_was_not_denied),
        TEST(a_batch_ends_before_the_denied_and_goes_on_after_it),
        TEST(a_denied_train_was_not_sent_at_all),
        TEST(an_icmp_answer_is_told_once_by_the_dialed_socket),
        TEST(an_icmp_answer_to_a_listener_disturbs_nobody),
        TEST(what_passes_a_firewall_that_drops_is_heard_or_counted),
        TEST(a_full_queue_is_waited_out),
    };

    if (!has_own_network()) {
        printf("skipped: no network namespaces: not root, or not permitted here\n");
        return 77;
    }
    if (!run_command("nft -f - 2>/dev/null",
                     "table inet t {\nchain c {\nudp dport 9 reject\n}\n}\n")) {
        printf("skipped: nft(8) of nftables is missing, or may not be used here\n");
        return 77;
    }
    return run_over(templates, tests);
}
