/* The toy cipher that the tests of encrypted wires stand on: two sessions talk from memory to
 * memory, each fault does what was ordered, and each promise that is broken ends the program. */
#include "support.h"
#include "toy_cipher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 1 << 20, LONG = 100000, LOAN_MOST = 5000 };

struct end {
    net_cipher_settings *settings;
    net_cipher_session *session;
    unsigned char in[ROOM]; /* bytes of the peer that the session has not read */
    size_t in_count;
    size_t got; /* bytes of the pattern that it has handed out */
    int code;   /* what the last call returned, if that was none */
};

static struct end client;
static struct end server;
static unsigned char text[LONG];
static unsigned char buffer[LONG];
static net_cipher_failure failure;

static void open_end(struct end *end, int side, const char *faults)
{
    end->settings = toy_configure(side, faults, &failure);
    assert_non_null(end->settings);
    end->session = toy_cipher.open(end->settings, side, "host", "1", &failure);
    assert_non_null(end->session);
    end->in_count = end->got = 0;
    end->code = NET_CIPHER_HUNGRY;
}

static void close_end(struct end *end)
{
    toy_cipher.close(end->session);
    toy_cipher.release(end->settings);
}

static void open_both(const char *client_faults, const char *server_faults)
{
    open_end(&client, NET_CIPHER_CLIENT, client_faults);
    open_end(&server, NET_CIPHER_SERVER, server_faults);
    write_pattern(text, sizeof text, 0);
}

static void close_both(void)
{
    close_end(&client);
    close_end(&server);
    assert_int_equal(toy_sessions(), 0);
    assert_int_equal(toy_settings(), 0);
}

/* Carry all that one has for the other. */
static size_t carry(struct end *from, struct end *to)
{
    size_t before = to->in_count;
    size_t n = 1;

    while (n > 0) {
        n = toy_cipher.yield(from->session, to->in + to->in_count, ROOM - to->in_count);
        to->in_count += n;
    }
    return to->in_count - before;
}

typedef void step(struct end *end);

static void greet(struct end *end)
{
    end->code = toy_cipher.greet(end->session, &failure);
}

static void decrypt(struct end *end)
{
    ssize_t n = toy_cipher.decrypt(end->session, buffer, sizeof buffer, &failure);

    end->code = n < 0 ? (int)n : 0;
    if (n > 0) {
        assert_true(is_pattern(buffer, (size_t)n, end->got));
        end->got += (size_t)n;
    }
}

/* One call with a loan. Returns how many bytes of that it read. */
static size_t take_step(struct end *end, step *call)
{
    size_t lent = end->in_count < LOAN_MOST ? end->in_count : LOAN_MOST;

    toy_cipher.feed(end->session, end->in, lent);
    call(end);
    size_t left = toy_cipher.feed(end->session, NULL, 0);

    end->in_count -= lent - left;
    memmove(end->in, end->in + (lent - left), end->in_count);
    return lent - left;
}

/* As long as it goes on without more from the peer. */
static void take_steps(struct end *end, step *call)
{
    bool goes_on = true;

    while (goes_on) {
        bool read = take_step(end, call) > 0;

        goes_on = (read && end->code == NET_CIPHER_HUNGRY) || (call == decrypt && end->code == 0);
    }
}

static void shake_hands(void)
{
    enum { FLIGHTS = 4 };

    for (int i = 0; i < FLIGHTS; i++) {
        struct end *end = i % 2 == 0 ? &client : &server;

        if (end->code == NET_CIPHER_HUNGRY) {
            take_steps(end, greet);
        }
        carry(end, end == &client ? &server : &client);
    }
}

static void send_text(struct end *from, size_t size)
{
    size_t sent = 0;

    while (sent < size) {
        ssize_t n = toy_cipher.encrypt(from->session, text + sent, size - sent, &failure);

        assert_in_range(n, 1, size - sent);
        sent += (size_t)n;
    }
}

static void expect_text(struct end *to, struct end *from, size_t size)
{
    carry(from, to);
    take_steps(to, decrypt);
    assert_int_equal(to->code, NET_CIPHER_HUNGRY);
    assert_int_equal(to->got, size);
    assert_int_equal(to->in_count, 0);
}

/* ---- Talking ---- */

static void talk(const char *client_faults, const char *server_faults, size_t size)
{
    open_both(client_faults, server_faults);
    shake_hands();
    assert_int_equal(client.code, 0);
    assert_int_equal(server.code, 0);
    send_text(&client, size);
    expect_text(&server, &client, size);
    send_text(&server, size);
    expect_text(&client, &server, size);
    toy_cipher.finish(client.session);
    carry(&client, &server);
    take_steps(&server, decrypt);
    assert_int_equal(server.code, NET_EOF);
    close_both();
}

static void two_sessions_talk(void **state)
{
    (void)state;
    talk(NULL, NULL, LONG);
}

static void they_talk_in_any_pieces(void **state)
{
    static const char *const faults[] = {"sip:1",   "yield:1",      "give:3",
                                         "take:11", "record:1000",  "empty:5",
                                         "ask:9",   "tickets:3",    "sip:7,yield:5,record:100",
                                         "silent",  "record:90000", "give:1,sip:2"};

    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        talk(faults[i], NULL, LONG / 10);
        talk(NULL, faults[i], LONG / 10);
        talk(faults[i], faults[i], LONG / 10);
    }
}

static void a_record_is_held_until_it_is_whole(void **state)
{
    (void)state;
    open_both("record:50000", NULL);
    shake_hands();
    send_text(&client, LONG / 2);
    carry(&client, &server);
    unsigned char last = server.in[server.in_count - 1];

    server.in_count--;
    take_steps(&server, decrypt);
    assert_int_equal(server.got, 0);
    assert_int_equal(toy_cipher.waiting(server.session), 0);
    server.in[server.in_count++] = last;
    take_steps(&server, decrypt);
    assert_int_equal(server.got, LONG / 2);
    close_both();
}

static void what_is_left_of_a_record_waits(void **state)
{
    (void)state;
    open_both("record:50000", "give:1");
    shake_hands();
    send_text(&client, LONG / 2);
    carry(&client, &server);
    while (server.got == 0) {
        take_step(&server, decrypt);
    }
    assert_int_equal(toy_cipher.waiting(server.session), NET_CIPHER_PLAIN);
    assert_int_equal(toy_cipher.peek(server.session, buffer, 9, &failure), 1);
    assert_int_equal(toy_cipher.peek(server.session, buffer, 9, &failure), 1);
    decrypt(&server);
    assert_int_equal(server.got, 2);
    close_both();
}

static void an_answer_is_made_by_decrypt(void **state)
{
    (void)state;
    open_both("ask:3000", NULL);
    shake_hands();
    send_text(&client, 10);
    expect_text(&server, &client, 10);
    assert_int_equal(toy_cipher.waiting(server.session), NET_CIPHER_SEALED);
    assert_in_range(carry(&server, &client), 3000, 3100);
    close_both();
}

static void chatter_never_ends(void **state)
{
    (void)state;
    open_both("chatter", "chatter");
    take_steps(&client, greet);
    for (int i = 0; i < 100; i++) {
        assert_true(carry(&client, &server) > 0);
        take_steps(&server, greet);
        assert_int_equal(server.code, NET_CIPHER_HUNGRY);
        assert_true(carry(&server, &client) > 0);
        take_steps(&client, greet);
        assert_int_equal(client.code, NET_CIPHER_HUNGRY);
    }
    close_both();
}

/* ---- Failing ---- */

static void refused(const char *client_faults, const char *server_faults, bool by_client)
{
    struct end *refuses = by_client ? &client : &server;
    struct end *other = by_client ? &server : &client;

    open_both(client_faults, server_faults);
    shake_hands();
    assert_int_equal(refuses->code, NET_DENIED);
    carry(refuses, other);
    if (other->code == 0 || other->code == NET_CIPHER_HUNGRY) {
        take_steps(other, other->code == 0 ? decrypt : greet);
    }
    assert_int_equal(other->code, NET_DENIED);
    assert_int_equal(failure.code, NET_DENIED);
    assert_string_equal(failure.text, "the peer says: go away");
    close_both();
}

static void each_side_refuses_at_each_step(void **state)
{
    (void)state;
    refused("refuse:2:denied:go away", NULL, true);
    refused(NULL, "refuse:1:denied:go away", false);
    refused(NULL, "refuse:2:denied:go away", false);
    refused(NULL, "refuse:3:denied:go away", false);
    open_both("refuse:1:reset:never", NULL);
    take_step(&client, greet);
    assert_int_equal(client.code, NET_RESET);
    assert_string_equal(failure.text, "never");
    close_both();
}

static void calls_break_by_order(void **state)
{
    (void)state;
    open_both("break-encrypt:2", "break-decrypt:1");
    shake_hands();
    send_text(&client, 10);
    assert_int_equal(toy_cipher.encrypt(client.session, text, 1, &failure), NET_RESET);
    carry(&client, &server);
    take_step(&server, decrypt);
    assert_int_equal(server.code, NET_RESET);
    close_both();
    assert_null(toy_configure(NET_CIPHER_SERVER, "configure:address:no such file", &failure));
    assert_null(toy_configure(NET_CIPHER_SERVER, "sipp:1", &failure));
}

static void there_is_no_memory(void **state)
{
    static const char *const faults[] = {"memory:1", "memory:2", "memory:3", "memory:4"};
    int failed = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        open_both(faults[i], NULL);
        shake_hands();
        failed += client.code == NET_LIMIT ? 1 : 0;
        close_both();
    }
    assert_in_range(failed, 2, COUNT(faults));
}

/* A byte that is changed, lost or doubled is noticed. */
static void a_bad_stream_is_a_reset(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        open_both("record:100", NULL);
        shake_hands();
        send_text(&client, 1000);
        carry(&client, &server);
        size_t at = 500;

        server.in[at] ^= i == 0 ? 1 : 0;
        memmove(server.in + at, server.in + at + (i == 1), server.in_count - at - (i == 1));
        memmove(server.in + at + (i == 2), server.in + at, server.in_count - at - (i == 2));
        take_steps(&server, decrypt);
        assert_int_equal(server.code, NET_RESET);
        assert_in_range(server.got, 300, 500);
        close_both();
    }
}

/* ---- Promises ---- */

static int decrypt_before_greet(void)
{
    return (int)toy_cipher.decrypt(client.session, buffer, 1, &failure);
}

static int encrypt_nothing(void)
{
    shake_hands();
    return (int)toy_cipher.encrypt(client.session, text, 0, &failure);
}

static int finish_twice(void)
{
    shake_hands();
    toy_cipher.finish(client.session);
    toy_cipher.finish(client.session);
    return 0;
}

static int send_after_finish(void)
{
    shake_hands();
    toy_cipher.finish(client.session);
    return (int)toy_cipher.encrypt(client.session, text, 1, &failure);
}

static int go_on_after_a_failure(void)
{
    shake_hands();
    server.in_count = 4;
    memset(server.in, 0xff, 4);
    take_step(&server, decrypt);
    return (int)toy_cipher.encrypt(server.session, text, 1, &failure);
}

static int lose_what_was_not_read(void)
{
    take_step(&client, greet);
    carry(&client, &server);
    toy_cipher.feed(server.session, server.in, server.in_count);
    toy_cipher.feed(server.session, server.in + 1, server.in_count - 1);
    return toy_cipher.greet(server.session, &failure);
}

static int use_it_after_close(void)
{
    toy_cipher.close(client.session);
    return (int)toy_cipher.waiting(client.session);
}

static int release_too_early(void)
{
    toy_cipher.release(client.settings);
    return 0;
}

static int close_it_in_a_child(void)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        toy_cipher.close(client.session);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? abort(), 0 : 0;
}

static int read_a_secret(void)
{
    return toy_cipher.text(client.settings, NULL, "password", NULL, 0, &failure);
}

static int (*const breaches[])(void) = {
    decrypt_before_greet,  encrypt_nothing,        finish_twice,       send_after_finish,
    go_on_after_a_failure, lose_what_was_not_read, use_it_after_close, release_too_early,
    close_it_in_a_child,   read_a_secret};

static int breach(void *which)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    fclose(stderr);
    (*(int (*const *)(void))which)();
    return 0;
}

/* Without memory that address sanitizer watches: it ends the program itself. */
static void a_broken_promise_ends_the_program(void **state)
{
    (void)state;
    open_both(NULL, NULL);
    for (size_t i = 0; i < COUNT(breaches); i++) {
        if (breaches[i] != use_it_after_close || slowness() == 1) {
            assert_int_equal(in_child(breach, (void *)(uintptr_t)&breaches[i]), 100 + SIGABRT);
        }
    }
    close_both();
}

int main(void)
{
    static const struct test tests[] = {
        TEST(two_sessions_talk),
        TEST(they_talk_in_any_pieces),
        TEST(a_record_is_held_until_it_is_whole),
        TEST(what_is_left_of_a_record_waits),
        TEST(an_answer_is_made_by_decrypt),
        TEST(chatter_never_ends),
        TEST(each_side_refuses_at_each_step),
        TEST(calls_break_by_order),
        TEST(there_is_no_memory),
        TEST(a_bad_stream_is_a_reset),
        TEST(a_broken_promise_ends_the_program),
    };

    return run_once(tests);
}
