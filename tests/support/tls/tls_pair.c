/* Two ends of tls://, in one thread. */
#include "tls_pair.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfacade/cipher.h"

void tls_begin(void)
{
    signal(SIGPIPE, SIG_IGN); /* of peers that are not ours */
    if (net_use_cipher(net_tls()) != 0) {
        fprintf(stderr, "%s\n", net_error_text());
        exit(1);
    }
}

const char *tls_template(const char *address)
{
    static unsigned number;
    static char named[64];

    if (strcmp(address + strlen(address) - 3, "://") != 0) {
        return address;
    }
    number++;
    snprintf(named, sizeof named, "%stls-%u", address, number);
    return named;
}

net_socket *tls_listen(const char *address, enum certificate which, const char *more)
{
    char whole[TLS_ADDRESS_MAX];

    snprintf(whole, sizeof whole, "%s?cert=%s&key=%s%s%s", tls_template(address),
             certificate_file(which), certificate_key(which), more != NULL ? "&" : "",
             more != NULL ? more : "");
    return assert_socket(net_listen(whole));
}

/* Copy options, with the path of the authority in its place. */
static void fill_in(char *to, size_t size, const char *options)
{
    const char *place = strstr(options, "{ca}");

    if (place == NULL) {
        snprintf(to, size, "%s", options);
    } else {
        snprintf(to, size, "%.*s%s%s", (int)(place - options), options, certificate_ca(),
                 place + strlen("{ca}"));
    }
}

void tls_address(net_socket *listener, const char *options, char address[TLS_ADDRESS_MAX])
{
    char target[ADDRESS_MAX];
    char filled[TLS_ADDRESS_MAX / 2];

    dial_address(listener, target);
    fill_in(filled, sizeof filled, options);
    snprintf(address, TLS_ADDRESS_MAX, "%s%s%s", target, filled[0] != '\0' ? "?" : "", filled);
}

net_socket *tls_dial(net_socket *listener, const char *options)
{
    char address[TLS_ADDRESS_MAX];

    tls_address(listener, options, address);
    return assert_socket((net_connect)(address, NET_NOW));
}

int tls_step(net_socket *socket, struct said *said)
{
    char none;
    int code = (int)(net_recv)(socket, &none, 0, NET_NOW);

    if (code != NET_TIMEOUT) {
        said->code = code;
        snprintf(said->text, sizeof said->text, "%s", code < 0 ? net_error_text() : "");
    }
    return code;
}

void tls_settle(net_socket *client, net_socket *server, struct said *of_client,
                struct said *of_server)
{
    double since = now_ms();
    int first = NET_TIMEOUT;
    int second = NET_TIMEOUT;

    while (first == NET_TIMEOUT || second == NET_TIMEOUT) {
        first = first == NET_TIMEOUT ? tls_step(client, of_client) : first;
        second = second == NET_TIMEOUT ? tls_step(server, of_server) : second;
        if (elapsed_ms(since) > 20000.0 * slowness()) {
            fail_msg("the handshake hangs: client %d, server %d", first, second);
        }
        sched_yield();
    }
}

void tls_meet(net_socket *listener, const char *options, struct pair *pair)
{
    struct said client;
    struct said server;

    *pair = (struct pair){.listener = listener, .client = tls_dial(listener, options)};
    pair->server = assert_socket((net_accept)(listener, soon()));
    tls_settle(pair->client, pair->server, &client, &server);
    if (client.code != 0 || server.code != 0) {
        fail_msg("client: %s; server: %s", client.text, server.text);
    }
}

void tls_open(const char *address, const char *listen_options, const char *dial_options,
              struct pair *pair)
{
    tls_meet(tls_listen(address, CERTIFICATE_GOOD, listen_options), dial_options, pair);
}

const char *tls_get(net_socket *socket, const char *name)
{
    static char text[8192];

    assert_ok(net_get(socket, name, text, sizeof text));
    return text;
}

void tls_expect(net_socket *socket, const char *words)
{
    char got[256];
    size_t size = strlen(words);

    assert_count((net_recv_all)(socket, got, size, soon()), size);
    assert_memory_equal(got, words, size);
}

void tls_talk(net_socket *one, net_socket *other)
{
    assert_count((net_send)(one, "there", 5, soon()), 5);
    tls_expect(other, "there");
    assert_count((net_send)(other, "back", 4, soon()), 4);
    tls_expect(one, "back");
}
