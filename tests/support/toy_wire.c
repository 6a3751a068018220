/* Sockets over the toy cipher, and a peer by hand. */
#include "toy_wire.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const toy_templates[] = {"toy://127.0.0.1:0",
                                     "toy+unix://@",
                                     "toy+mem://",
                                     "toy+chaos+tcp://127.0.0.1:0?chunk=99",
                                     "toy+chaos+mem://?chunk=31",
                                     "chaos+toy://127.0.0.1:0?chunk=99",
                                     NULL};
const char *const toy_wires[] = {"toy://127.0.0.1:0", "toy+unix://@", "toy+mem://", NULL};
const char *const toy_kernel_wires[] = {"toy://127.0.0.1:0", "toy+unix://@", NULL};

int run_over_toys(const char *const *templates, const struct test *tests, size_t count)
{
    if (net_use_cipher(&toy_cipher) != 0) {
        print_error("%s\n", net_error_text());
        return 1;
    }
    return run_list(templates, tests, count);
}

/* ---- Two ends ---- */

void dial_toys(const char *address, const char *listen_options, const char *dial_options,
               struct pair *pair)
{
    char whole[ADDRESS_MAX];
    char target[ADDRESS_MAX];

    *pair = (struct pair){0};
    with_options(whole, address, listen_options);
    pair->listener = assert_socket(net_listen(whole));
    dial_address(pair->listener, target);
    with_options(whole, target, dial_options);
    pair->client = assert_socket(net_connect(whole, NET_NOW));
    pair->server = assert_socket(net_accept(pair->listener, soon()));
}

/* A question that waits for the handshake, and does no more. Over frames a send of nothing would be
 * a message. */
static int drive(net_socket *socket)
{
    net_poller *poller = net_poller_open();
    net_event event;
    int code = NET_LIMIT;

    if (poller != NULL && net_poller_watch(poller, socket, NET_WRITABLE, NULL, NET_FOREVER) == 0) {
        code = net_poller_wait(poller, &event, 1, NET_NOW);
        code = code == 1 ? net_get(socket, "peer-motto", NULL, 0) : code;
    }
    net_poller_close(poller);
    return code > 0 ? 0 : code;
}

static int drive_stream(net_socket *socket)
{
    return (int)net_send(socket, "", 0, NET_NOW);
}

int try_to_shake(net_socket *client, net_socket *server)
{
    char scheme[32] = "";
    net_deadline limit = soon();

    assert_ok(net_get(server, "scheme", scheme, sizeof scheme));
    int (*const greet)(net_socket *) = is_framed(scheme) ? drive : drive_stream;
    int one = NET_TIMEOUT;
    int other = NET_TIMEOUT;

    while ((one == NET_TIMEOUT || other == NET_TIMEOUT) && net_after(0) < limit) {
        one = greet(client);
        other = greet(server);
        if ((one < 0 && one != NET_TIMEOUT) || (other < 0 && other != NET_TIMEOUT)) {
            break;
        }
        sched_yield();
    }
    return one != 0 && (one != NET_TIMEOUT || other == 0) ? one : other;
}

void meet_toys(const char *address, const char *listen_options, const char *dial_options,
               struct pair *pair)
{
    dial_toys(address, listen_options, dial_options, pair);
    assert_ok(try_to_shake(pair->client, pair->server));
}

/* What a test has left that failed is not told of again by all after it. */
void assert_no_toys_left(void)
{
    static long sessions_left;
    static long settings_left;
    long sessions = toy_sessions() - sessions_left;
    long settings = toy_settings() - settings_left;

    sessions_left += sessions;
    settings_left += settings;
    assert_int_equal(sessions, 0);
    assert_int_equal(settings, 0);
}

void close_toys(struct pair *pair)
{
    close_pair(pair);
    assert_no_toys_left();
}

/* ---- The pattern ---- */

enum { PIECE = 1 << 16 };

void toy_says_pattern(net_socket *socket, size_t size, size_t offset)
{
    char *bytes = malloc(size);

    assert_non_null(bytes);
    write_pattern(bytes, size, offset);
    ssize_t n = net_send(socket, bytes, size, soon());

    free(bytes);
    assert_count(n, size);
}

void toy_hears_pattern(net_socket *socket, size_t size, size_t offset)
{
    static char bytes[PIECE];

    for (size_t got = 0; got < size;) {
        size_t left = size - got < sizeof bytes ? size - got : sizeof bytes;
        long long n = assert_ok(net_recv(socket, bytes, left, soon()));

        assert_true(n > 0 && is_pattern(bytes, (size_t)n, offset + got));
        got += (size_t)n;
    }
}

void toy_hears_nothing_else(net_socket *socket, const char *words)
{
    char bytes[100];
    size_t size = strlen(words);

    assert_count(net_recv_all(socket, bytes, size, soon()), size);
    assert_memory_equal(bytes, words, size);
    assert_code(net_recv(socket, bytes, 1, NET_NOW), NET_TIMEOUT);
}

size_t fill_with_pattern(net_socket *socket, size_t offset)
{
    enum { MOST = 1 << 30, IN_VAIN_MOST = 3 };
    static char bytes[PIECE];
    int in_vain = 0;

    while (in_vain < IN_VAIN_MOST && offset < MOST) {
        write_pattern(bytes, sizeof bytes, offset);
        ssize_t n = net_send(socket, bytes, sizeof bytes, NET_NOW);

        assert_true(n > 0 || n == NET_TIMEOUT);
        offset += n > 0 ? (size_t)n : 0;
        in_vain += n > 0 ? 0 : 1;
    }
    assert_true(offset < MOST);
    return offset;
}

static void *receive_pattern(void *argument)
{
    struct pattern_reader *reader = argument;
    char *bytes = malloc(PIECE);

    while (bytes != NULL && reader->offset < reader->until && reader->code == 0 &&
           !reader->is_wrong) {
        ssize_t n = net_recv(reader->socket, bytes, PIECE, soon());

        reader->code = n < 0 ? (int)n : 0;
        reader->is_wrong = n == 0 || (n > 0 && !is_pattern(bytes, (size_t)n, reader->offset));
        reader->offset += n > 0 ? (size_t)n : 0;
    }
    free(bytes);
    return NULL;
}

void pattern_reader_start(struct pattern_reader *reader, net_socket *socket, size_t offset,
                          size_t until)
{
    *reader = (struct pattern_reader){.socket = socket, .offset = offset, .until = until};
    assert_int_equal(pthread_create(&reader->thread, NULL, receive_pattern, reader), 0);
}

void pattern_reader_join(struct pattern_reader *reader, size_t offset, int code)
{
    pthread_join(reader->thread, NULL);
    assert_false(reader->is_wrong);
    assert_int_equal(reader->code, code);
    assert_int_equal(reader->offset, offset);
}

/* ---- A peer by hand ---- */

enum { HAND_ROOM = 1 << 22, HAND_TAKES = 1 << 16 };

static void open_hand(struct hand *hand, int side, const char *faults)
{
    hand->settings = toy_configure(side, faults, &hand->failure);
    assert_non_null(hand->settings);
    hand->session = toy_cipher.open(hand->settings, side, NULL, NULL, &hand->failure);
    assert_non_null(hand->session);
    hand->in = malloc(HAND_ROOM);
    assert_non_null(hand->in);
    hand->code = NET_CIPHER_HUNGRY;
}

/* "toy+chaos+mem://x" is over "mem://x", "toy://x" over "tcp://x". */
void toy_plain_address(const char *address, char plain[ADDRESS_MAX])
{
    const char *place = strstr(address, "://");

    assert_non_null(place);
    const char *scheme = strstr(address, "+mem:") != NULL    ? "mem"
                         : strstr(address, "+unix:") != NULL ? "unix"
                                                             : "tcp";

    snprintf(plain, ADDRESS_MAX, "%s%.*s", scheme, (int)strcspn(place, "?"), place);
}

void toy_address_at(const char *template, const char *plain, char address[ADDRESS_MAX])
{
    const char *query = strchr(template, '?');
    int n = snprintf(address, ADDRESS_MAX, "%.*s%s%s", (int)strcspn(template, ":"), template,
                     strstr(plain, "://"), query != NULL ? query : "");

    assert_in_range(n, 1, ADDRESS_MAX - 1);
}

void hand_dials(const char *address, const char *options, const char *faults, struct hand *hand)
{
    char whole[ADDRESS_MAX];
    char plain[ADDRESS_MAX];

    *hand = (struct hand){0};
    with_options(whole, address, options);
    hand->listener = assert_socket(net_listen(whole));
    dial_address(hand->listener, whole);
    toy_plain_address(whole, plain);
    hand->plain = assert_socket(net_connect(plain, soon()));
    hand->toy = assert_socket(net_accept(hand->listener, soon()));
    open_hand(hand, NET_CIPHER_CLIENT, faults);
}

void hand_accepts(const char *address, const char *options, const char *faults, struct hand *hand)
{
    char whole[ADDRESS_MAX];
    char plain[ADDRESS_MAX];

    *hand = (struct hand){0};
    toy_plain_address(address, plain);
    hand->listener = assert_socket(net_listen(plain));
    dial_address(hand->listener, plain);
    char dialed[ADDRESS_MAX];

    toy_address_at(address, plain, whole);
    with_options(dialed, whole, options);
    hand->toy = assert_socket(net_connect(dialed, NET_NOW));
    hand->plain = assert_socket(net_accept(hand->listener, soon()));
    open_hand(hand, NET_CIPHER_SERVER, faults);
}

void part_from_hand(struct hand *hand)
{
    net_close(hand->toy, NET_NOW);
    net_close(hand->plain, NET_NOW);
    net_close(hand->listener, NET_NOW);
    toy_cipher.close(hand->session);
    toy_cipher.release(hand->settings);
    free(hand->in);
    *hand = (struct hand){0};
    assert_no_toys_left();
}

ssize_t hand_takes(struct hand *hand)
{
    size_t room = HAND_ROOM - hand->in_count;
    ssize_t n = net_recv(hand->plain, hand->in + hand->in_count,
                         room < HAND_TAKES ? room : HAND_TAKES, NET_NOW);

    hand->in_count += n > 0 ? (size_t)n : 0;
    return n == NET_TIMEOUT ? 0 : n;
}

static void lend(struct hand *hand)
{
    toy_cipher.feed(hand->session, hand->in, hand->in_count);
}

static void take_back(struct hand *hand)
{
    size_t left = toy_cipher.feed(hand->session, NULL, 0);

    memmove(hand->in, hand->in + (hand->in_count - left), left);
    hand->in_count = left;
}

void hand_greets(struct hand *hand)
{
    if (hand->code == NET_CIPHER_HUNGRY) {
        lend(hand);
        hand->code = toy_cipher.greet(hand->session, &hand->failure);
        take_back(hand);
    }
}

size_t hand_flushes_some(struct hand *hand, size_t size)
{
    unsigned char *bytes = malloc(size);

    assert_non_null(bytes);
    size_t n = toy_cipher.yield(hand->session, bytes, size);
    ssize_t sent = n > 0 ? net_send(hand->plain, bytes, n, soon()) : 0;

    free(bytes);
    assert_int_equal(sent, n);
    return n;
}

void hand_flushes(struct hand *hand)
{
    while (hand_flushes_some(hand, HAND_TAKES) > 0) {
    }
}

void hand_shakes(struct hand *hand)
{
    net_deadline limit = soon();
    char nothing[1];
    ssize_t ours = NET_TIMEOUT;

    while ((ours == NET_TIMEOUT || hand->code == NET_CIPHER_HUNGRY) && net_after(0) < limit) {
        hand_takes(hand);
        hand_greets(hand);
        hand_flushes(hand);
        ours = net_recv(hand->toy, nothing, 0, NET_NOW); /* drives, and takes nothing */
        sched_yield();
    }
    assert_ok(ours);
    assert_int_equal(hand->code, 0);
}

void hand_says(struct hand *hand, enum toy_type type, const void *body, size_t size)
{
    toy_add(hand->session, type, body, size);
    hand_flushes(hand);
}

void hand_sends(struct hand *hand, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = toy_cipher.encrypt(hand->session, at, size, &hand->failure);

        assert_true(n > 0);
        at += n;
        size -= (size_t)n;
        hand_flushes(hand);
    }
}

ssize_t hand_hears(struct hand *hand, void *buffer, size_t size)
{
    net_deadline limit = soon();

    for (;;) {
        lend(hand);
        ssize_t n = toy_cipher.decrypt(hand->session, buffer, size, &hand->failure);

        take_back(hand);
        if (n != NET_CIPHER_HUNGRY) {
            return n;
        }
        ssize_t taken = hand_takes(hand);

        if (taken < 0 || net_after(0) >= limit) {
            return taken < 0 ? taken : NET_TIMEOUT;
        }
        sched_yield();
    }
}

static void *say_again(void *argument)
{
    struct flood *flood = argument;
    size_t at = 0;

    while (!flood->stop) {
        ssize_t n = net_send(flood->socket, flood->bytes + at, flood->size - at, net_after(20));

        at = n > 0 ? (at + (size_t)n) % flood->size : at;
        if (n < 0 && n != NET_TIMEOUT) {
            return NULL;
        }
    }
    return NULL;
}

void flood_start(struct flood *flood, net_socket *socket, const char *bytes, size_t size)
{
    *flood = (struct flood){.socket = socket, .bytes = bytes, .size = size};
    assert_int_equal(pthread_create(&flood->thread, NULL, say_again, flood), 0);
}

void flood_stop(struct flood *flood)
{
    flood->stop = true;
    pthread_join(flood->thread, NULL);
}
