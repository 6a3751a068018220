/* driven: skip, its ends are in the same thread */
/* A connection that has talked in the clear, is released, and goes on encrypted: STARTTLS. What was
 * sent in the clear behind the last answer is never received as if it came encrypted. */
#include "tls_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_plain(const char *wire, struct pair *pair)
{
    dial_pair(wire, pair);
    net_close(pair->listener, NET_NOW);
    pair->listener = NULL;
}

static void client_address(int fd, const char *more, char address[TLS_ADDRESS_MAX])
{
    snprintf(address, TLS_ADDRESS_MAX, "tls+fd://%d?side=client&ca=%s%s", fd, certificate_ca(),
             more);
}

static void server_address(int fd, char address[TLS_ADDRESS_MAX])
{
    snprintf(address, TLS_ADDRESS_MAX, "tls+fd://%d?side=server&cert=%s&key=%s", fd,
             certificate_file(CERTIFICATE_GOOD), certificate_key(CERTIFICATE_GOOD));
}

/* Both ends from now on. */
static void start_tls(struct pair *pair)
{
    char address[TLS_ADDRESS_MAX];

    client_address((int)assert_ok(net_release(pair->client)), "&name=localhost", address);
    pair->client = assert_socket(net_connect(address, NET_NOW));
    server_address((int)assert_ok(net_release(pair->server)), address);
    pair->server = assert_socket(net_connect(address, NET_NOW));
}

static const char *const wires[] = {"tcp://127.0.0.1:0", "unix://@", NULL};

static void a_released_connection_goes_on_encrypted(void **state)
{
    struct pair pair;
    struct said client;
    struct said server;
    char line[64];

    open_plain(template_of(state), &pair);
    say(pair.client, "STARTTLS\r\n");
    assert_count(net_recv_until(pair.server, line, sizeof line, '\n', soon()), 10);
    say(pair.server, "220 go ahead\r\n");
    assert_count(net_recv_until(pair.client, line, sizeof line, '\n', soon()), 14);
    start_tls(&pair);
    tls_settle(pair.client, pair.server, &client, &server);
    assert_string_equal(client.text, "");
    assert_string_equal(server.text, "");
    tls_talk(pair.client, pair.server);
    assert_reads(pair.client, "side", "client");
    assert_reads(pair.server, "side", "server");
    assert_reads(pair.client, "peer-name", "localhost");
    assert_code(net_release(pair.client), NET_MISUSE);
    assert_code(net_release(pair.server), NET_MISUSE);
    tls_talk(pair.client, pair.server);
    close_pair(&pair);
}

static void a_wrong_certificate_is_denied_here_too(void **state)
{
    struct pair pair;
    struct said client;
    struct said server;
    char address[TLS_ADDRESS_MAX];

    open_plain(template_of(state), &pair);
    client_address((int)assert_ok(net_release(pair.client)), "&name=other.example", address);
    pair.client = assert_socket(net_connect(address, NET_NOW));
    server_address((int)assert_ok(net_release(pair.server)), address);
    pair.server = assert_socket(net_connect(address, NET_NOW));
    tls_settle(pair.client, pair.server, &client, &server);
    assert_int_equal(client.code, NET_DENIED);
    assert_non_null(strstr(client.text, "not for other.example"));
    assert_int_equal(server.code, NET_DENIED);
    close_pair(&pair);
}

/* ---- Plaintext that is injected ---- */

/* What came with the answer and is not received yet is read as records, which it is not. */
static void what_was_injected_unread_ends_the_handshake(void **state)
{
    const char *wire = template_of(state);

    for (int i = 0; i < 2; i++) {
        struct pair pair;
        struct said said;
        char line[64];

        open_plain(wire, &pair);
        net_socket *liar = i == 0 ? pair.server : pair.client;
        net_socket *victim = i == 0 ? pair.client : pair.server;

        say(liar, "go ahead\r\nRSET\r\n");
        await_bytes(victim, 16);
        assert_count(net_recv_until(victim, line, sizeof line, '\n', soon()), 10);
        start_tls(&pair);
        liar = i == 0 ? pair.server : pair.client;
        victim = i == 0 ? pair.client : pair.server;
        tls_step(liar, &said);
        assert_code(net_recv(victim, line, sizeof line, soon()), NET_RESET);
        assert_says("the peer does not speak TLS");
        assert_code(net_recv(victim, line, sizeof line, soon()), NET_RESET);
        close_pair(&pair);
    }
}

/* A part of a line that was received already would be lost, or taken for what comes after it. */
static void what_was_injected_and_kept_forbids_the_release(void **state)
{
    struct pair pair;
    char line[64];

    open_plain(template_of(state), &pair);
    say(pair.server, "go ahead\r\nRSE");
    await_bytes(pair.client, 13);
    assert_count(net_recv_until(pair.client, line, sizeof line, '\n', soon()), 10);
    assert_code(net_recv_until(pair.client, line, sizeof line, '\n', net_after(10)), NET_TIMEOUT);
    assert_code(net_release(pair.client), NET_MISUSE);
    say(pair.server, "T\r\n");
    assert_count(net_recv_until(pair.client, line, sizeof line, '\n', soon()), 6);
    assert_memory_equal(line, "RSET\r\n", 6);
    close(pair.client != NULL ? (int)assert_ok(net_release(pair.client)) : -1);
    pair.client = NULL;
    close_pair(&pair);
}

/* ---- What cannot be adopted ---- */

static void expect_refused(const char *address, int code, const char *words)
{
    assert_no_socket(net_connect(address, soon()), code);
    assert_says(words);
}

/* It stays as it came, and the caller's. */
static void a_refused_descriptor_stays_open(void **state)
{
    struct pair pair;
    char address[TLS_ADDRESS_MAX];
    char byte;

    open_plain(template_of(state), &pair);
    int fd = (int)assert_ok(net_release(pair.client));

    client_address(fd, "", address);
    expect_refused(address, NET_ADDRESS, "name= is missing");
    snprintf(address, sizeof address, "tls+fd://%d?ca=%s", fd, certificate_ca());
    expect_refused(address, NET_ADDRESS, "side=client or side=server is missing");
    snprintf(address, sizeof address, "tls+fd://%d?side=server", fd);
    expect_refused(address, NET_ADDRESS, "a listener needs cert= and key=");
    snprintf(address, sizeof address, "tls+fd://%d?side=both", fd);
    expect_refused(address, NET_ADDRESS, "side");
    client_address(fd, "&name=localhost&cert=/nonexistent.pem&key=/nonexistent.key", address);
    expect_refused(address, NET_ADDRESS, "No such file");
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    assert_count(net_recv(pair.server, &byte, 1, soon()), 1);
    close(fd);
    pair.client = NULL;
    close_pair(&pair);
}

static void what_is_no_stream_is_refused(void **state)
{
    char address[TLS_ADDRESS_MAX];
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    client_address(datagrams, "&name=localhost", address);
    assert_no_socket(net_connect(address, soon()), net_error());
    client_address(ends[0], "&name=localhost", address);
    assert_no_socket(net_connect(address, soon()), net_error());
    client_address(9999, "&name=localhost", address);
    assert_no_socket(net_connect(address, soon()), net_error());
    assert_true(fcntl(datagrams, F_GETFD) >= 0 && fcntl(ends[0], F_GETFD) >= 0);
    close(datagrams);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_released_connection_goes_on_encrypted),
        TEST(a_wrong_certificate_is_denied_here_too),
        TEST(what_was_injected_unread_ends_the_handshake),
        TEST(what_was_injected_and_kept_forbids_the_release),
        TEST(a_refused_descriptor_stays_open),
    };
    static const struct test once[] = {TEST(what_is_no_stream_is_refused)};

    tls_begin();
    return run_over(wires, tests) + run_once(once);
}
