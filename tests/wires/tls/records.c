/* Peers whose records are not as they should be: made by hand, and by OpenSSL. The connection ends
 * with a sentence, and what was not said in order is not received. */
#include "memory_in_use.h"
#include "openssl_peer.h"
#include "tls_server.h"
#include "watching.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORD_MOST = 1 << 14 };

static const char here[] = "tls://127.0.0.1:0";

/* OpenSSL dials us. */
static net_socket *meet(net_socket **listener, struct openssl_peer *raw)
{
    *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);
    peer_client(raw, peer_open(*listener));
    net_socket *server = assert_socket(net_accept(*listener, soon()));

    peer_meet(raw, server);
    return server;
}

static void part(net_socket *listener, struct openssl_peer *raw, net_socket *server)
{
    net_close(server, NET_NOW);
    net_close(listener, NET_NOW);
    peer_close(raw);
}

/* ---- One record ---- */

static void too_long(struct openssl_peer *raw)
{
    static char bytes[RECORD_MOST + 300] = {23, 3, 3, 0x41, 1}; /* 2^14 + 257 */

    peer_sends_bytes(raw->fd, bytes, sizeof bytes);
}

/* The record is as long as one may be; what is in it is a byte too long (RFC 8446, 5.4). */
static void too_long_inside(struct openssl_peer *raw)
{
    static char bytes[RECORD_MOST + 1];

    peer_sends_record(raw, RECORD_DATA, bytes, sizeof bytes);
}

static void in_the_clear(struct openssl_peer *raw)
{
    peer_sends_bytes(raw->fd, "\27\3\3\0\5hello", 10);
}

static void changed_on_its_way(struct openssl_peer *raw)
{
    unsigned char record[64];
    size_t size = peer_record(raw, RECORD_DATA, "hello", 5, record);

    record[7] ^= 1;
    peer_sends_bytes(raw->fd, record, size);
}

static void out_of_order(struct openssl_peer *raw)
{
    raw->number = 2;
    peer_sends_record(raw, RECORD_DATA, "hello", 5);
}

static void twice(struct openssl_peer *raw)
{
    peer_sends_record(raw, RECORD_DATA, "", 0);
    raw->number--;
    peer_sends_record(raw, RECORD_DATA, "hello", 5);
}

static void of_no_type(struct openssl_peer *raw)
{
    peer_sends_record(raw, 99, "hello", 5);
}

static void all_padding(struct openssl_peer *raw)
{
    peer_sends_record(raw, 0, "\0\0\0\0\0", 5);
}

static void fatal_alert(struct openssl_peer *raw)
{
    peer_sends_record(raw, RECORD_ALERT, "\2\120", 2); /* internal_error */
}

static void alert_of_one_byte(struct openssl_peer *raw)
{
    peer_sends_record(raw, RECORD_ALERT, "\2", 1);
}

static void alert_in_the_clear(struct openssl_peer *raw)
{
    peer_sends_bytes(raw->fd, "\25\3\3\0\2\1\0", 7); /* close_notify, of an attacker */
}

static void late_hello(struct openssl_peer *raw)
{
    peer_sends_record(raw, RECORD_HANDSHAKE, "\1\0\0\1x", 5);
}

static void long_key_update(struct openssl_peer *raw)
{
    peer_sends_record(raw, RECORD_HANDSHAKE, "\30\0\0\2\0\0", 6);
}

static void huge_message(struct openssl_peer *raw)
{
    peer_sends_record(raw, RECORD_HANDSHAKE, "\30\377\377\377\0", 5);
}

static void change_of_cipher(struct openssl_peer *raw)
{
    peer_sends_bytes(raw->fd, "\24\3\3\0\1\1", 6);
}

static void half_a_record(struct openssl_peer *raw)
{
    peer_sends_bytes(raw->fd, "\27\3\3\1\0half", 9);
    shutdown(raw->fd, SHUT_WR);
}

static void half_a_head(struct openssl_peer *raw)
{
    peer_sends_bytes(raw->fd, "\27\3", 2);
    shutdown(raw->fd, SHUT_WR);
}

static void no_more(struct openssl_peer *raw)
{
    shutdown(raw->fd, SHUT_WR);
}

static const struct {
    void (*send)(struct openssl_peer *raw);
    const char *reason;
} bad[] = {
    {too_long, "the peer's records are not good"},
    {too_long_inside, "the peer's records are not good"},
    {in_the_clear, "a record was changed on its way"},
    {changed_on_its_way, "a record was changed on its way"},
    {out_of_order, "a record was changed on its way"},
    {twice, "a record was changed on its way"},
    {of_no_type, "the peer's records are not good"},
    {all_padding, "the peer's records are not good"},
    {fatal_alert, "the peer broke off: internal error"},
    {alert_of_one_byte, "the peer's records are not good"},
    {alert_in_the_clear, "the peer's records are not good"},
    {late_hello, "the peer's records are not good"},
    {long_key_update, "the peer's records are not good"},
    {huge_message, "the peer's records are not good"},
    {change_of_cipher, "the peer's records are not good"},
    {half_a_record, "the peer has not said that it has finished"},
    {half_a_head, "the peer has not said that it has finished"},
    {no_more, "the peer has not said that it has finished"},
};

static void a_bad_record_ends_the_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct openssl_peer raw;
        net_socket *listener;
        net_socket *server = meet(&listener, &raw);
        char bytes[64];

        peer_sends_record(&raw, RECORD_DATA, "good", 4);
        tls_expect(server, "good");
        bad[i].send(&raw);
        ssize_t n = net_recv(server, bytes, sizeof bytes, soon());

        if (n != NET_RESET || strstr(net_error_text(), bad[i].reason) == NULL) {
            fail_msg("%zu: %zd: %s", i, n, net_error_text());
        }
        assert_code(net_recv(server, bytes, sizeof bytes, soon()), NET_RESET);
        assert_says(bad[i].reason);
        part(listener, &raw, server);
    }
}

/* ---- The end ---- */

/* Nothing that comes after it is received, also where it came in one segment with it. */
static void what_follows_close_notify_is_not_received(void **state)
{
    struct openssl_peer raw;
    net_socket *listener;
    net_socket *server = meet(&listener, &raw);
    unsigned char records[256];
    char bytes[64];
    size_t size = peer_record(&raw, RECORD_DATA, "good", 4, records);

    (void)state;
    size += peer_record(&raw, RECORD_ALERT, "\1\0", 2, records + size);
    size += peer_record(&raw, RECORD_DATA, "late", 4, records + size);
    peer_sends_bytes(raw.fd, records, size);
    assert_count(net_recv(server, bytes, sizeof bytes, soon()), 4);
    assert_code(net_recv(server, bytes, sizeof bytes, soon()), NET_EOF);
    peer_sends_record(&raw, RECORD_DATA, "later", 5);
    peer_sends_bytes(raw.fd, "and in the clear", 16);
    assert_code(net_recv(server, bytes, sizeof bytes, soon()), NET_EOF);
    assert_code(net_recv_until(server, bytes, sizeof bytes, '\n', soon()), NET_EOF);
    assert_count(net_send(server, "answer", 6, soon()), 6);
    peer_expects(&raw, "answer");
    part(listener, &raw, server);
}

/* A warning that no end follows from (RFC 8446, 6.1). */
static void user_canceled_is_passed_over(void **state)
{
    struct openssl_peer raw;
    net_socket *listener;
    net_socket *server = meet(&listener, &raw);
    char byte;

    (void)state;
    peer_sends_record(&raw, RECORD_ALERT, "\1\132", 2);
    peer_sends_record(&raw, RECORD_DATA, "still here", 10);
    tls_expect(server, "still here");
    peer_sends_record(&raw, RECORD_ALERT, "\1\0", 2);
    assert_code(net_recv(server, &byte, 1, soon()), NET_EOF);
    part(listener, &raw, server);
}

/* An attacker can cut a connection, and cannot say close_notify: on every wire. */
static void an_end_without_close_notify_is_a_reset(void **state)
{
    for (int way = 0; way < 2; way++) {
        struct pair pair;
        char bytes[16];

        tls_open(template_of(state), NULL, "ca={ca}&name=localhost", &pair);
        assert_count(net_send(pair.client, "a line\n", 7, soon()), 7);
        assert_count(net_send(pair.client, "cut", 3, soon()), 3);
        net_cancel(pair.client);
        tls_expect(pair.server, "a line\n");
        if (way == 0) {
            assert_count(net_recv_all(pair.server, bytes, 3, soon()), 3);
        } else {
            assert_count(net_recv_until(pair.server, bytes, sizeof bytes, '\n', soon()), 3);
        }
        assert_code(net_recv(pair.server, bytes, sizeof bytes, soon()), NET_RESET);
        assert_code(net_recv_until(pair.server, bytes, sizeof bytes, '\n', soon()), NET_RESET);
        close_pair(&pair);
    }
}

/* ---- Endless ---- */

static size_t wait_and_count(net_socket *server, struct openssl_peer *raw, int type,
                             const char *content, size_t size, int *code)
{
    size_t sent = 0;
    char byte;

    *code = NET_TIMEOUT;
    while (*code == NET_TIMEOUT && sent < 5000) {
        unsigned char record[64];
        size_t length = peer_record(raw, type, content, size, record);

        if (send(raw->fd, record, length, MSG_NOSIGNAL) < 0) {
            break;
        }
        sent++;
        *code = (int)net_recv(server, &byte, 1, NET_NOW);
    }
    return sent;
}

/* A bounded number in a row; some may be used as padding. */
static void endless_empty_records_end_it(void **state)
{
    struct openssl_peer raw;
    net_socket *listener;
    net_socket *server = meet(&listener, &raw);
    int code;

    (void)state;
    for (int i = 0; i < 10; i++) {
        peer_sends_record(&raw, RECORD_DATA, "", 0);
    }
    peer_sends_record(&raw, RECORD_DATA, "x", 1);
    tls_expect(server, "x");
    assert_in_range(wait_and_count(server, &raw, RECORD_DATA, "", 0, &code), 10, 100);
    assert_int_equal(code, NET_RESET);
    part(listener, &raw, server);
}

/* What it cost must not grow with them, though nobody takes the answers. */
static void endless_key_updates_cost_no_memory(void **state)
{
    enum { AT_ONCE = 300, ROUNDS = 300, MOST = 400 * 1024 };
    static unsigned char records[AT_ONCE * 64];
    struct openssl_peer raw;
    net_socket *listener = tls_listen("tls://127.0.0.1:0", CERTIFICATE_GOOD, "sndbuf=4KiB");
    int small = 1024;
    int fd = peer_open(listener);
    net_socket *server;
    char byte;

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    peer_client(&raw, fd);
    server = assert_socket(net_accept(listener, soon()));
    peer_meet(&raw, server);
    size_t before = memory_in_use();

    for (int i = 0; i < ROUNDS / slowness(); i++) {
        size_t size = 0;

        for (int j = 0; j < AT_ONCE; j++) {
            size += peer_record(&raw, RECORD_HANDSHAKE, "\30\0\0\1\1", 5, records + size);
        }
        if (send(raw.fd, records, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size) {
            break; /* nobody receives them any more */
        }
        assert_code(net_recv(server, &byte, 1, NET_NOW), NET_TIMEOUT);
    }
    assert_in_range(memory_in_use() - before, 0, MOST);
    net_poller *poller = open_poller();

    watch(poller, server, NET_READABLE);
    expect_quiet(poller, 100);
    net_poller_close(poller);
    part(listener, &raw, server);
}

/* Whoever takes them goes on. */
static void key_updates_are_answered(void **state)
{
    struct openssl_peer raw;
    net_socket *listener;
    net_socket *server = meet(&listener, &raw);

    (void)state;
    for (int i = 0; i < 200 / slowness(); i++) {
        assert_int_equal(SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        peer_says(&raw, "hello");
        tls_expect(server, "hello");
        assert_count(net_send(server, "good day", 8, soon()), 8);
        peer_expects(&raw, "good day");
    }
    part(listener, &raw, server);
}

/* A caller that sends nothing else for as long as it can delays nobody. */
struct flood {
    struct openssl_peer raw;
    int type;
    const char *content;
    size_t size;
    _Atomic bool stop;
    _Atomic bool begun;
    pthread_t thread;
};

static void *flood(void *argument)
{
    enum { AT_ONCE = 500 };
    struct flood *self = argument;
    static unsigned char records[AT_ONCE * 64];
    bool goes_on = true;

    while (!self->stop && goes_on) {
        size_t size = 0;

        for (int i = 0; i < AT_ONCE; i++) {
            size += peer_record(&self->raw, self->type, self->content, self->size, records + size);
        }
        goes_on = send(self->raw.fd, records, size, MSG_NOSIGNAL) == (ssize_t)size;
        self->begun = true;
    }
    self->begun = true;
    return NULL;
}

static void a_flood_of_records_delays_nobody(void **state)
{
    enum { PINGS = 50, LATE = 500 /* ms; without a bound it would be many seconds */ };
    static const struct {
        int type;
        const char *content;
        size_t size;
    } kinds[] = {{RECORD_DATA, "", 0},
                 {RECORD_HANDSHAKE, "\30\0\0\1\0", 5},
                 {RECORD_HANDSHAKE, "\30\0\0\1\1", 5},
                 {RECORD_ALERT, "\1\132", 2}};

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct tls_server server;
        static struct flood caller;
        net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);
        struct pair good;
        double worst = 0;

        memset(&caller, 0, sizeof caller);
        caller.type = kinds[i].type;
        caller.content = kinds[i].content;
        caller.size = kinds[i].size;
        tls_meet(listener, "ca={ca}", &good);
        net_close(good.server, NET_NOW);
        net_close(good.client, NET_NOW);
        tls_server_start(&server, listener);
        char address[TLS_ADDRESS_MAX];

        tls_address(listener, "ca={ca}", address);
        net_socket *client = assert_socket(net_connect(address, soon()));

        peer_client(&caller.raw, peer_open(listener));
        assert_int_equal(SSL_do_handshake(caller.raw.ssl), 1);
        assert_int_equal(pthread_create(&caller.thread, NULL, flood, &caller), 0);
        while (!caller.begun) {
            nap(1);
        }
        for (int j = 0; j < PINGS / slowness(); j++) {
            double since = now_ms();

            assert_count(net_send(client, "ping", 4, soon()), 4);
            tls_expect(client, "ping");
            worst = elapsed_ms(since) > worst ? elapsed_ms(since) : worst;
        }
        caller.stop = true;
        shutdown(caller.raw.fd, SHUT_RDWR);
        pthread_join(caller.thread, NULL);
        net_close(client, NET_NOW);
        tls_server_stop(&server);
        peer_close(&caller.raw);
        in_time(worst < LATE * slowness());
    }
}

int main(void)
{
    static const char *const wires[] = {"tls://127.0.0.1:0", "tls+unix://@", "tls+mem://",
                                        "chaos+tls://127.0.0.1:0", NULL};
    static const struct test tests[] = {
        TEST(a_bad_record_ends_the_connection),   TEST(what_follows_close_notify_is_not_received),
        TEST(user_canceled_is_passed_over),       TEST(endless_empty_records_end_it),
        TEST(endless_key_updates_cost_no_memory), TEST(key_updates_are_answered),
        TEST(a_flood_of_records_delays_nobody),
    };
    static const struct test each[] = {TEST(an_end_without_close_notify_is_a_reset)};

    tls_begin();
    return run_once(tests) + run_over(wires, each);
}
