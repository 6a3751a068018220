/* Whoever does not speak TLS, or not ours: both sides end with a sentence, and a good caller of the
 * same listener is served. */
#include "openssl_peer.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char here[] = "tls://127.0.0.1:0";

/* What a plain caller gets back until the end: an alert, or nothing. */
static void expect_alert_or_end(int fd)
{
    unsigned char got[64];
    struct timeval wait = {.tv_sec = 20};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ssize_t n = recv(fd, got, sizeof got, 0);

    if (n > 0) {
        assert_int_equal(n, 7);
        assert_memory_equal(got, "\25\3", 2);
    }
}

static const struct {
    const char *bytes;
    size_t size;
    const char *reason;
} sayings[] = {
    {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35,
     "the peer does not speak TLS, but HTTP in the clear"},
    {"POST / HTTP/1.1\r\n", 17, "the peer does not speak TLS, but HTTP in the clear"},
    {"CONNECT example.org:443 HTTP/1.1\r\n\r\n", 36,
     "the peer does not speak TLS, but asks for a proxy"},
    {"SSH-2.0-OpenSSH_9.0\r\n", 21, "the peer does not speak TLS"},
    {"EHLO here.example\r\n", 19, "the peer does not speak TLS"},
    {"\0\0\0\0\0\0\0\0", 8, "the peer does not speak TLS"},
    {"\377\377\377\377\377\377\377\377", 8, "the peer does not speak TLS"},
    {"\26\3\1\x48\1\1", 6, "the peer's records are not good"}, /* 2^14 + 2049 */
    {"\26\3\1\0\4\0\0\0\0", 9, "the peer's records are not good"},
    {"\26\3\1\0\4\1\377\377\377", 9, "the peer's records are not good"},
    {"\26\3\1\0\4\1\0\0\0", 9, "the peer's records are not good"},
    {"\27\3\3\0\5hello", 10, "the peer's records are not good"},
    {"\24\3\3\0\1\1\24\3\3\0\1\1", 12, "the peer's records are not good"},
    {"\25\3\1\0\2\2\50", 7, "the peer"},
    {"\25\3\1\0\2\1\0", 7, "the peer"},
};

static void a_caller_that_speaks_something_else_is_told_so(void **state)
{
    net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);

    (void)state;
    for (size_t i = 0; i < COUNT(sayings); i++) {
        int fd = peer_open(listener);
        char byte;

        peer_sends_bytes(fd, sayings[i].bytes, sayings[i].size);
        net_socket *server = assert_socket(net_accept(listener, soon()));
        ssize_t code = net_recv(server, &byte, 1, soon());

        if (code != NET_RESET || strstr(net_error_text(), sayings[i].reason) == NULL) {
            fail_msg("%zu: %zd: %s", i, code, net_error_text());
        }
        assert_code(net_send(server, "x", 1, soon()), NET_RESET);
        assert_says(sayings[i].reason);
        net_close(server, NET_NOW);
        expect_alert_or_end(fd);
        close(fd);
    }
    net_close(listener, NET_NOW);
}

static net_socket *dial_plain(net_socket *listener, int *fd)
{
    char address[TLS_ADDRESS_MAX];

    snprintf(address, sizeof address, "tls://127.0.0.1:%lld?verify=off",
             number_of(listener, "port"));
    net_socket *client = assert_socket(net_connect(address, NET_NOW));

    *fd = peer_accept(listener);
    return client;
}

static void a_server_that_speaks_something_else_is_told_so(void **state)
{
    static const struct {
        const char *words;
        const char *reason;
    } answers[] = {
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "the peer does not speak TLS"},
        {"220 mail.example ESMTP\r\n", "the peer does not speak TLS"},
        {"SSH-2.0-OpenSSH_9.0\r\n", "the peer does not speak TLS"},
        {"", "the peer ended during the handshake"},
    };
    net_socket *listener = peer_listen();

    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        int fd;
        net_socket *client = dial_plain(listener, &fd);
        char hello[2048];
        struct said said;

        while (tls_step(client, &said) == NET_TIMEOUT && recv(fd, hello, 1, MSG_DONTWAIT) != 1) {
        }
        recv(fd, hello, sizeof hello, MSG_DONTWAIT);
        peer_sends_bytes(fd, answers[i].words, strlen(answers[i].words));
        shutdown(fd, SHUT_WR);
        assert_code(net_recv(client, hello, 1, soon()), NET_RESET);
        assert_says(answers[i].reason);
        assert_code(net_get(client, "peer", NULL, 0), NET_RESET);
        assert_says(answers[i].reason);
        net_close(client, NET_NOW);
        close(fd);
    }
    net_close(listener, NET_NOW);
}

/* ---- Our own two ends of which one is plain ---- */

static void a_plain_dial_to_tls_ends_on_both_sides(void **state)
{
    char target[TLS_ADDRESS_MAX];
    char bytes[64];
    net_socket *listener = tls_listen(template_of(state), CERTIFICATE_GOOD, NULL);

    tls_address(listener, "", target);
    const char *plain = strncmp(target, "tls+", 4) == 0 ? target + 4 : target;
    char address[TLS_ADDRESS_MAX];

    snprintf(address, sizeof address, "%s%s", plain == target ? "tcp" : "",
             plain == target ? target + 3 : plain);
    net_socket *client = assert_socket(net_connect(address, soon()));
    net_socket *server = assert_socket(net_accept(listener, soon()));

    assert_count(net_send(client, "GET / HTTP/1.0\r\n\r\n", 18, soon()), 18);
    assert_code(net_recv(server, bytes, 1, soon()), NET_RESET);
    assert_says("HTTP in the clear");
    net_close(server, NET_NOW);
    ssize_t n = net_recv(client, bytes, sizeof bytes, soon());

    assert_true(n == 7 || n == NET_EOF || n == NET_RESET);
    net_close(client, NET_NOW);
    net_close(listener, NET_NOW);
}

/* ---- Garbage ---- */

/* A few bytes are right, and then none. */
static size_t make_garbage(unsigned char *bytes, size_t most, unsigned seed)
{
    static const unsigned char hello[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
    size_t right = random_below(&seed, sizeof hello + 1);
    size_t size = right + 1 + random_below(&seed, (unsigned)(most - right - 1));

    for (size_t i = 0; i < size; i++) {
        bytes[i] = i < right ? hello[i] : (unsigned char)random_below(&seed, 256);
    }
    return size;
}

static void garbage_of_any_kind_ends_it(void **state)
{
    enum { KINDS = 400, SIZE = 1500 };
    net_socket *listener = tls_listen(here, CERTIFICATE_GOOD, NULL);

    (void)state;
    for (unsigned seed = 1; seed <= KINDS; seed++) {
        unsigned char bytes[SIZE];
        int fd = peer_open(listener);
        size_t size = make_garbage(bytes, sizeof bytes, seed);
        char byte;

        peer_sends_bytes(fd, bytes, size);
        shutdown(fd, SHUT_WR);
        net_socket *server = assert_socket(net_accept(listener, soon()));

        assert_code(net_recv(server, &byte, 1, soon()), NET_RESET);
        assert_code(net_send(server, &byte, 1, soon()), NET_RESET);
        net_close(server, NET_NOW);
        close(fd);
    }
    struct pair pair;

    tls_meet(listener, "ca={ca}", &pair);
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
}

/* The same for what a server answers to our dial. */
static void garbage_for_an_answer_ends_the_dial(void **state)
{
    enum { KINDS = 400, SIZE = 1500 };
    net_socket *listener = peer_listen();

    (void)state;
    for (unsigned seed = 1; seed <= KINDS; seed++) {
        unsigned char bytes[SIZE];
        int fd;
        net_socket *client = dial_plain(listener, &fd);
        size_t size = make_garbage(bytes, sizeof bytes, seed);
        char byte;

        bytes[5] = size > 5 && seed % 2 == 0 ? 2 : bytes[5]; /* the hello of a server */
        peer_sends_bytes(fd, bytes, size);
        shutdown(fd, SHUT_WR);
        assert_code(net_recv(client, &byte, 1, soon()), NET_RESET);
        assert_code(net_get(client, "peer", NULL, 0), NET_RESET);
        net_close(client, NET_NOW);
        close(fd);
    }
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const char *const wires[] = {"tls://127.0.0.1:0", "tls+unix://@", "tls+mem://", NULL};
    static const struct test tests[] = {
        TEST(a_caller_that_speaks_something_else_is_told_so),
        TEST(a_server_that_speaks_something_else_is_told_so),
        TEST(garbage_of_any_kind_ends_it),
        TEST(garbage_for_an_answer_ends_the_dial),
    };
    static const struct test each[] = {TEST(a_plain_dial_to_tls_ends_on_both_sides)};

    tls_begin();
    return run_once(tests) + run_over(wires, each);
}
