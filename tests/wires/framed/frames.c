/* How messages lie in the stream: the exact bytes that are written, and every way in which a peer's
 * bytes may arrive. */
#include "plain_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, SHORT = 300, MOST_IN_PIECES = 70000 };

static char out[MIB + FRAME_EXTRA];
static char in[MIB + 1];
static char framed[MIB + FRAME_EXTRA];

/* A mebibyte in small pieces takes long. */
static bool is_too_long(const char *address, size_t size)
{
    return size > MOST_IN_PIECES && strstr(address, "chunk=") != NULL;
}

static bool is_line(const char *kind)
{
    return strcmp(kind, "line") == 0;
}

static void meet(const char *address, const char *kind, struct plain_peer *peer)
{
    char options[64];

    snprintf(options, sizeof options, "frame=%s", kind);
    meet_plain_peer(address, options, peer);
}

static void dial(const char *address, const char *kind, struct pair *pair)
{
    char options[64];

    snprintf(options, sizeof options, "frame=%s", kind);
    dial_pair_with(address, options, options, pair);
}

/* ---- What goes through ---- */

static void every_value_of_a_byte_goes_through(void **state)
{
    for (int i = 0; frame_kinds[i] != NULL; i++) {
        struct pair pair;
        int count = 0;

        for (int byte = 0; byte < 256; byte++) {
            out[count] = (char)(unsigned char)byte;
            count += byte != '\n' || !is_line(frame_kinds[i]) ? 1 : 0;
        }
        dial(template_of(state), frame_kinds[i], &pair);
        for (int at = 0; at < count; at++) {
            ssize_t n = is_line(frame_kinds[i]) && out[at] == '\r' ? 2 : 1;

            assert_count(net_send(pair.client, out + at, (size_t)n, soon()), n);
        }
        for (int at = 0; at < count; at++) {
            bool has_two = is_line(frame_kinds[i]) && out[at] == '\r';

            expect_message(pair.server, out + at, has_two ? 2 : 1);
        }
        assert_count(net_send(pair.server, out, (size_t)count, soon()), count);
        assert_count(net_recv(pair.client, in, sizeof in, soon()), count);
        assert_memory_equal(in, out, (size_t)count);
        close_pair(&pair);
    }
}

/* The sender has a thread, since no buffer holds the longest. Each size comes twice, so that a
 * message that begins within another one's last bytes would be seen. */
static void every_size_goes_through(void **state)
{
    static const size_t sizes[] = {0,     1,     2,     9,     10,      99,      100,   127,
                                   128,   255,   256,   16383, 16384,   16385,   65533, 65535,
                                   65536, 65537, 65540, 99999, 1 << 17, MIB - 1, MIB};
    const char *address = template_of(state);

    for (int i = 0; frame_kinds[i] != NULL; i++) {
        struct pair pair;
        size_t most = strcmp(frame_kinds[i], "u16") == 0 ? 65535 : MIB;

        dial(address, frame_kinds[i], &pair);
        for (size_t j = 0; j < 2 * COUNT(sizes); j++) {
            size_t size = sizes[j / 2];
            struct writer writer;

            if (is_too_long(address, size)) {
                continue;
            }
            write_line_pattern(out, size, j);
            if (size > most) {
                assert_code(net_send(pair.client, out, size, soon()), NET_TOOBIG);
                continue;
            }
            writer_start(&writer, pair.client, out, size);
            ssize_t n = net_recv(pair.server, in, sizeof in, soon());

            writer_join(&writer);
            assert_count(n, size);
            assert_memory_equal(in, out, size);
        }
        assert_code(net_send(pair.client, out, most + 1, soon()), NET_TOOBIG);
        assert_code(net_recv(pair.server, in, sizeof in, NET_NOW), NET_TIMEOUT);
        close_pair(&pair);
    }
}

/* A message that does not fit is dropped whole, in one piece or in many. */
static void what_does_not_fit_is_dropped_whole(void **state)
{
    static const size_t sizes[] = {1, 2, SHORT, 70000, MIB};
    const char *address = template_of(state);

    for (int i = 1; frame_kinds[i] != NULL; i++) {
        struct pair pair;

        dial(address, frame_kinds[i], &pair);
        for (size_t j = 0; j < COUNT(sizes); j++) {
            struct writer writer;
            char words[32];

            if (is_too_long(address, sizes[j])) {
                continue;
            }
            write_line_pattern(out, sizes[j], j);
            writer_start(&writer, pair.client, out, sizes[j]);
            ssize_t n = net_recv(pair.server, in, sizes[j] - 1, soon());

            assert_code(n, NET_TOOBIG);
            snprintf(words, sizeof words, "%zu", sizes[j]);
            assert_says(words);
            writer_join(&writer);
            assert_count(net_send(pair.client, "next", 4, soon()), 4);
            expect_message(pair.server, "next", 4);
        }
        assert_int_equal(number_of(pair.server, "truncated"),
                         COUNT(sizes) - (is_too_long(address, MIB) ? 1 : 0));
        close_pair(&pair);
    }
}

/* ---- The bytes ---- */

static void what_is_written_is_this(void **state)
{
    static const struct {
        const char *kind;
        const char *bytes;
        size_t size;
    } cases[] = {{"u16", "\0\3abc\0\0\1\0", 9},
                 {"u32", "\0\0\0\3abc\0\0\0\0\0\0\1\0", 15},
                 {"netstring", "3:abc,0:,256:", 13},
                 {"line", "abc\n\n", 5}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plain_peer peer;

        meet(template_of(state), cases[i].kind, &peer);
        say(peer.framed, "abc");
        assert_count(net_send(peer.framed, "", 0, soon()), 0);
        memset(out, 'x', 256);
        assert_count(net_send(peer.framed, out, 256, soon()), 256);
        plain_receives(&peer, cases[i].bytes, cases[i].size);
        plain_receives(&peer, out, 256);
        part_from_peer(&peer);
    }
}

/* From one slice, from many, from more than a system call takes, in batches: small messages are
 * copied, and longer ones are not. */
static void all_calls_write_the_same(void **state)
{
    static const size_t sizes[] = {1, SHORT, 16384, 16385, 20000};

    for (int i = 0; frame_kinds[i] != NULL; i++) {
        struct plain_peer peer;

        meet(template_of(state), frame_kinds[i], &peer);
        for (size_t j = 0; j < COUNT(sizes); j++) {
            for (int count = 1; count <= 100; count = count * 4 - 1) {
                net_slice slices[100];
                net_message message = {.data = out, .size = sizes[j]};
                size_t step = sizes[j] / (size_t)count;

                write_line_pattern(out, sizes[j], j);
                for (int k = 0; k < count; k++) {
                    slices[k] = (net_slice){out + step * (size_t)k, step};
                }
                slices[count - 1].size = sizes[j] - step * (size_t)(count - 1);
                size_t size = write_frame(frame_kinds[i], out, sizes[j], framed);

                assert_count(net_send_vector(peer.framed, slices, count, soon()), sizes[j]);
                plain_receives(&peer, framed, size);
                assert_count(net_send_messages(peer.framed, &message, 1, soon()), 1);
                plain_receives(&peer, framed, size);
            }
        }
        part_from_peer(&peer);
    }
}

static void a_carriage_return_before_the_newline_is_dropped(void **state)
{
    static const struct {
        const char *sent;
        const char *messages[4];
    } cases[] = {{"a\r\nb\n", {"a", "b"}},
                 {"\r\n\n\r\n", {"", "", ""}},
                 {"a\r\r\n\rb\r\n", {"a\r", "\rb"}},
                 {"\r\r\nx\ry\n", {"\r", "x\ry"}}};
    struct plain_peer peer;

    meet(template_of(state), "line", &peer);
    for (size_t i = 0; i < COUNT(cases); i++) {
        plain_sends(&peer, cases[i].sent, strlen(cases[i].sent));
        for (int j = 0; cases[i].messages[j] != NULL; j++) {
            expect_message(peer.framed, cases[i].messages[j], strlen(cases[i].messages[j]));
        }
    }
    part_from_peer(&peer);
}

/* ---- Pieces ---- */

enum { MESSAGES = 4 };
static const size_t message_sizes[MESSAGES] = {0, 5, 130, 1};

static size_t write_messages(const char *kind)
{
    size_t size = 0;

    for (int i = 0; i < MESSAGES; i++) {
        write_line_pattern(in, message_sizes[i], (size_t)i);
        size += write_frame(kind, in, message_sizes[i], framed + size);
    }
    return size;
}

static void expect_rest_of_messages(net_socket *socket, int first)
{
    for (int i = first; i < MESSAGES; i++) {
        char message[SHORT];

        write_line_pattern(message, message_sizes[i], (size_t)i);
        expect_message(socket, message, message_sizes[i]);
    }
    assert_code(net_recv(socket, in, sizeof in, NET_NOW), NET_TIMEOUT);
}

/* What the second piece finds kept, however much that is, is no matter. */
static void a_cut_may_be_anywhere(void **state)
{
    for (int i = 0; frame_kinds[i] != NULL; i++) {
        struct plain_peer peer;
        size_t size = write_messages(frame_kinds[i]);

        meet(template_of(state), frame_kinds[i], &peer);
        for (size_t cut = 1; cut < size; cut++) {
            int got = 0;

            plain_sends(&peer, framed, cut);
            ssize_t n = net_recv(peer.framed, in, sizeof in, NET_NOW);

            while (n >= 0) {
                assert_true(got < MESSAGES);
                assert_int_equal(n, message_sizes[got]);
                got++;
                n = net_recv(peer.framed, in, sizeof in, NET_NOW);
            }
            assert_code(n, NET_TIMEOUT);
            plain_sends(&peer, framed + cut, size - cut);
            expect_rest_of_messages(peer.framed, got);
        }
        part_from_peer(&peer);
    }
}

static void each_byte_may_come_alone(void **state)
{
    for (int i = 0; frame_kinds[i] != NULL; i++) {
        struct plain_peer peer;
        size_t size = write_messages(frame_kinds[i]);
        int got = 0;

        meet(template_of(state), frame_kinds[i], &peer);
        for (size_t at = 0; at < size; at++) {
            plain_sends(&peer, framed + at, 1);
            ssize_t n = net_recv(peer.framed, in, sizeof in, NET_NOW);

            assert_true(n == NET_TIMEOUT || (got < MESSAGES && n == (ssize_t)message_sizes[got]));
            got += n >= 0 ? 1 : 0;
        }
        expect_rest_of_messages(peer.framed, got);
        part_from_peer(&peer);
    }
}

static void all_may_come_at_once(void **state)
{
    enum { TIMES = 50, MOST = 8 };

    for (int i = 0; frame_kinds[i] != NULL; i++) {
        struct plain_peer peer;
        size_t size = write_messages(frame_kinds[i]);
        static char buffers[MOST][SHORT];
        net_message messages[MOST];
        int got = 0;

        for (size_t j = 1; j < TIMES; j++) {
            memcpy(framed + j * size, framed, size);
        }
        meet(template_of(state), frame_kinds[i], &peer);
        plain_sends(&peer, framed, TIMES * size);
        while (got < TIMES * MESSAGES) {
            for (int j = 0; j < MOST; j++) {
                messages[j] = (net_message){.data = buffers[j], .capacity = SHORT};
            }
            int n = (int)assert_ok(net_recv_messages(peer.framed, messages, MOST, soon()));

            for (int j = 0; j < n; j++) {
                char message[SHORT];
                int which = (got + j) % MESSAGES;

                write_line_pattern(message, message_sizes[which], (size_t)which);
                assert_int_equal(messages[j].size, message_sizes[which]);
                assert_memory_equal(buffers[j], message, message_sizes[which]);
            }
            got += n;
        }
        assert_int_equal(got, TIMES * MESSAGES);
        assert_code(net_recv(peer.framed, in, sizeof in, NET_NOW), NET_TIMEOUT);
        part_from_peer(&peer);
    }
}

/* Each piece ends a call by its deadline, wherever the call has put it. */
static void a_deadline_inside_a_long_message_loses_nothing(void **state)
{
    static const size_t cuts[] = {1, 4, 5, 1000, 70000, 70001, 140000, 200000, 260000, 299999};
    enum { LONG = 300000 };
    const char *address = template_of(state);

    for (int i = 1; frame_kinds[i] != NULL; i++) {
        struct plain_peer peer;
        size_t at = 0;

        write_line_pattern(in, LONG, (size_t)i);
        size_t size = write_frame(frame_kinds[i], in, LONG, framed);

        meet(address, frame_kinds[i], &peer);
        for (size_t j = 0; j < COUNT(cuts); j++) {
            struct writer writer;

            writer_start(&writer, peer.plain, framed + at, cuts[j] - at);
            assert_code(net_recv(peer.framed, in, sizeof in, net_after(3)), NET_TIMEOUT);
            for (int tries = 0; tries < 2; tries++) {
                assert_code(net_recv(peer.framed, in, tries == 0 ? sizeof in : 5, NET_NOW),
                            NET_TIMEOUT);
            }
            assert_code(net_recv(peer.framed, in, sizeof in, net_after(1)), NET_TIMEOUT);
            writer_join(&writer);
            at = cuts[j];
        }
        struct writer writer;

        writer_start(&writer, peer.plain, framed + at, size - at);
        ssize_t n = net_recv(peer.framed, in, sizeof in, soon());

        writer_join(&writer);
        write_line_pattern(out, LONG, (size_t)i);
        assert_count(n, LONG);
        assert_memory_equal(in, out, LONG);
        part_from_peer(&peer);
    }
}

/* ---- What is no line ---- */

static void a_line_has_no_newline_in_it(void **state)
{
    static const net_slice newline[] = {{"ab", 2}, {"c\nd", 3}, {"e", 1}};
    static const net_slice end[] = {{"ab", 2}, {"c\r", 2}, {"", 0}};
    static const net_slice middle[] = {{"ab\r", 3}, {"", 0}, {"c", 1}};
    static const char *const wrong[] = {"\n", "a\n", "\na", "a\r", "\r", "\r\n", "a\n\r"};
    struct plain_peer peer;

    meet(template_of(state), "line", &peer);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        net_message messages[3] = {{.data = "first", .size = 5},
                                   {.data = (char *)(uintptr_t)wrong[i], .size = strlen(wrong[i])},
                                   {.data = "third", .size = 5}};

        assert_code(net_send(peer.framed, wrong[i], strlen(wrong[i]), soon()), NET_MISUSE);
        assert_count(net_send_messages(peer.framed, messages, 3, soon()), 1);
        assert_code(net_send_messages(peer.framed, messages + 1, 2, soon()), NET_MISUSE);
        assert_count(net_send_messages(peer.framed, messages + 2, 1, soon()), 1);
        plain_receives(&peer, "first\nthird\n", 12);
    }
    assert_code(net_send_vector(peer.framed, newline, 3, soon()), NET_MISUSE);
    assert_says("newline");
    assert_code(net_send_vector(peer.framed, end, 3, soon()), NET_MISUSE);
    assert_says("carriage return");
    assert_count(net_send_vector(peer.framed, middle, 3, soon()), 4);
    plain_receives(&peer, "ab\rc\n", 5);
    part_from_peer(&peer);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(every_value_of_a_byte_goes_through),
        TEST(every_size_goes_through),
        TEST(what_does_not_fit_is_dropped_whole),
        TEST(what_is_written_is_this),
        TEST(all_calls_write_the_same),
        TEST(a_carriage_return_before_the_newline_is_dropped),
        TEST(a_cut_may_be_anywhere),
        TEST(each_byte_may_come_alone),
        TEST(all_may_come_at_once),
        TEST(a_deadline_inside_a_long_message_loses_nothing),
        TEST(a_line_has_no_newline_in_it),
    };

    return run_over(framed_templates, tests);
}
