/* driven: skip, it has a server with a poller of its own */
/* Callers that stall, break off or flood at each byte of their handshake, beside a good one of the
 * same listener and poller: it is not delayed, and they cost what a handshake costs. */
#include "memory_in_use.h"
#include "openssl_peer.h"
#include "tls_server.h"
#include "watching.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char here[] = "tls://127.0.0.1:0";

/* ---- A caller that stops at a byte ---- */

struct caller_to {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
    size_t sent; /* bytes of its handshake */
    size_t stop; /* no more than these */
};

static void begin(struct caller_to *caller, SSL_CTX *context, net_socket *listener, size_t stop)
{
    *caller = (struct caller_to){.context = context, .fd = peer_open(listener), .stop = stop};
    caller->ssl = SSL_new(context);
    SSL_set_bio(caller->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(caller->ssl);
}

static bool send_made(struct caller_to *caller)
{
    char bytes[4096];
    int n = BIO_read(SSL_get_wbio(caller->ssl), bytes, sizeof bytes);
    size_t size = n > 0 ? (size_t)n : 0;

    size = size < caller->stop - caller->sent ? size : caller->stop - caller->sent;
    if (size > 0) {
        peer_sends_bytes(caller->fd, bytes, size);
    }
    caller->sent += size;
    return caller->sent < caller->stop;
}

/* Shake hands up to the byte. Returns whether it was reached. */
static bool shake(struct caller_to *caller)
{
    int result = SSL_do_handshake(caller->ssl);

    while (send_made(caller) && result != 1) {
        char bytes[8192];
        ssize_t n = recv(caller->fd, bytes, sizeof bytes, 0);

        assert_true(n > 0);
        BIO_write(SSL_get_rbio(caller->ssl), bytes, (int)n);
        result = SSL_do_handshake(caller->ssl);
    }
    return caller->sent == caller->stop;
}

static size_t size_of_handshake(SSL_CTX *context, net_socket *listener)
{
    struct caller_to caller;

    begin(&caller, context, listener, SIZE_MAX);
    shake(&caller);
    send_made(&caller);
    SSL_free(caller.ssl);
    close(caller.fd);
    return caller.sent;
}

/* As much as is taken. */
static void pour(int fd, unsigned seed)
{
    enum { PIECE = 16 * 1024, MOST = 64 };
    static char bytes[PIECE];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)random_below(&seed, 256);
    }
    for (int i = 0; i < MOST; i++) {
        if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            return;
        }
    }
}

/* ---- Beside them ---- */

static double ping(net_socket *client, double worst)
{
    double since = now_ms();

    assert_count(net_send(client, "ping", 4, soon()), 4);
    tls_expect(client, "ping");
    return elapsed_ms(since) > worst ? elapsed_ms(since) : worst;
}

enum way { STALL, BREAK_OFF, LEAVE, FLOOD };

static double attack(net_socket *client, struct tls_server *server, SSL_CTX *context, enum way way,
                     int *stalled)
{
    size_t size = size_of_handshake(context, server->listener);
    size_t step = way == FLOOD ? 13 : 1;
    double worst = 0;

    step = slowness() > 1 ? step * 11 : step;
    for (size_t stop = 1; stop < size; stop += step) {
        struct caller_to caller;

        begin(&caller, context, server->listener, stop);
        shake(&caller);
        if (way == FLOOD) {
            pour(caller.fd, (unsigned)stop);
        }
        worst = ping(client, worst);
        SSL_free(caller.ssl);
        if (way == STALL) {
            *stalled = caller.fd;
            stalled++;
        } else if (way == LEAVE) {
            close(caller.fd);
        } else {
            raw_reset(caller.fd);
        }
    }
    *stalled = -1;
    return worst;
}

static SSL_CTX *callers_context(int newest)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_max_proto_version(context, newest);
    return context;
}

static void at_each_byte(enum way way, int newest)
{
    enum { MOST = 1200, LATE = 300 /* ms */, EACH = 100 * 1024 };
    static int stalled[MOST];
    struct tls_server server;
    char address[TLS_ADDRESS_MAX];
    SSL_CTX *context = callers_context(newest);
    net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);

    tls_address(listener, "ca={ca}", address);
    tls_server_start(&server, listener);
    net_socket *client = assert_socket(net_connect(address, soon()));
    size_t before = memory_in_use();
    double worst = attack(client, &server, context, way, stalled);
    int open = 0;

    while (stalled[open] >= 0) {
        open++;
    }
    if (way != STALL) {
        double since = now_ms();

        while (server.open > 1 && elapsed_ms(since) < 20000.0 * slowness()) {
            nap(1);
        }
        assert_int_equal(server.open, 1);
    } else if (open > 0) {
        print_message("%d stall: %zu bytes each\n", open,
                      (memory_in_use() - before) / (size_t)open);
        assert_in_range((memory_in_use() - before) / (size_t)open, 0, EACH);
        assert_int_equal(server.open, open + 1);
    }
    net_socket *another = assert_socket(net_connect(address, soon()));

    ping(another, 0);
    ping(client, 0);
    net_close(another, NET_NOW);
    net_close(client, NET_NOW);
    for (int i = 0; i < open; i++) {
        close(stalled[i]);
    }
    tls_server_stop(&server);
    SSL_CTX_free(context);
    in_time(worst < LATE * slowness());
}

static void a_caller_that_stalls_delays_nobody(void **state)
{
    (void)state;
    at_each_byte(STALL, TLS1_3_VERSION);
    at_each_byte(STALL, TLS1_2_VERSION);
}

static void a_caller_that_breaks_off_delays_nobody(void **state)
{
    (void)state;
    at_each_byte(BREAK_OFF, TLS1_3_VERSION);
    at_each_byte(LEAVE, TLS1_2_VERSION);
}

static void a_caller_that_floods_delays_nobody(void **state)
{
    (void)state;
    at_each_byte(FLOOD, TLS1_3_VERSION);
    at_each_byte(FLOOD, TLS1_2_VERSION);
}

/* Each byte in a segment of its own is as good as all at once. */
static void a_handshake_byte_by_byte_is_served(void **state)
{
    struct tls_server server;
    SSL_CTX *context = callers_context(TLS1_3_VERSION);
    struct caller_to caller;

    (void)state;
    tls_server_start(&server, tls_listen(here, CERTIFICATE_GOOD, NULL));
    begin(&caller, context, server.listener, 1);
    for (bool more = true; more; caller.stop++) {
        int result = SSL_do_handshake(caller.ssl);
        char bytes[4096];
        int n = BIO_read(SSL_get_wbio(caller.ssl), bytes, sizeof bytes);

        for (int i = 0; i < n; i++) {
            peer_sends_bytes(caller.fd, bytes + i, 1);
        }
        more = result != 1;
        if (more) {
            ssize_t got = recv(caller.fd, bytes, sizeof bytes, 0);

            assert_true(got > 0);
            BIO_write(SSL_get_rbio(caller.ssl), bytes, (int)got);
        }
    }
    SSL_free(caller.ssl);
    SSL_CTX_free(context);
    raw_reset(caller.fd);
    tls_server_stop(&server);
}

/* ---- Deadlines ---- */

static void a_stalled_handshake_stretches_no_deadline(void **state)
{
    enum { MS = 40, LATE = 100 };
    net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);
    net_socket *plain = peer_listen();
    char address[TLS_ADDRESS_MAX];
    int fd = peer_open(listener);
    net_socket *server = assert_socket(net_accept(listener, soon()));
    char byte;

    (void)state;
    peer_sends_bytes(fd, "\26\3\1\1\0\1", 6);
    double since = now_ms();

    assert_code(net_recv(server, &byte, 1, net_after(MS)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), MS, MS + LATE);
    since = now_ms();
    assert_code(net_send(server, &byte, 1, net_after(MS)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), MS, MS + LATE);
    assert_code(net_get(server, "tls-version", NULL, 0), NET_TIMEOUT);
    assert_says("the handshake is not done");
    assert_int_equal(net_fd(server), -1);
    since = now_ms();
    net_close(server, net_after(MS));
    assert_took(elapsed_ms(since), 0, MS + LATE);
    close(fd);

    snprintf(address, sizeof address, "tls://127.0.0.1:%lld?verify=off", number_of(plain, "port"));
    since = now_ms();
    assert_no_socket(net_connect(address, net_after(MS)), NET_TIMEOUT);
    assert_took(elapsed_ms(since), MS, MS + LATE);
    net_close(plain, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- No descriptors ---- */

/* The handshakes that go on need none. */
static void without_descriptors_handshakes_go_on(void **state)
{
    struct pair pair = {.listener = tls_listen(here, CERTIFICATE_GOOD, NULL)};
    struct rlimit limit;
    struct rlimit none;
    struct said client;
    struct said server;

    (void)state;
    pair.client = tls_dial(pair.listener, "ca={ca}");
    pair.server = assert_socket(net_accept(pair.listener, soon()));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    tls_settle(pair.client, pair.server, &client, &server);
    char address[TLS_ADDRESS_MAX];

    tls_address(pair.listener, "ca={ca}", address);
    net_socket *another = net_connect(address, NET_NOW);
    int code = net_error();
    char other[TLS_ADDRESS_MAX + 32];

    snprintf(other, sizeof other, "%s&min-version=1.3", address); /* which reads the files again */
    net_socket *third = net_connect(other, NET_NOW);
    int code_of_third = net_error();

    setrlimit(RLIMIT_NOFILE, &limit);
    assert_null(another);
    assert_int_equal(code, NET_LIMIT);
    assert_null(third);
    assert_int_equal(code_of_third, NET_LIMIT);
    assert_int_equal(client.code, 0);
    assert_int_equal(server.code, 0);
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_caller_that_stalls_delays_nobody),
        TEST(a_caller_that_breaks_off_delays_nobody),
        TEST(a_caller_that_floods_delays_nobody),
        TEST(a_handshake_byte_by_byte_is_served),
        TEST(a_stalled_handshake_stretches_no_deadline),
        TEST(without_descriptors_handshakes_go_on),
    };
    struct rlimit limit;

    tls_begin();
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    return run_once(tests);
}
