/* Peers that send no message: bad lengths, lengths over max, no end of a line or of a netstring,
 * and an end in the middle. What came before is received, the reason is told again and again, and
 * sending goes on. */
#include "plain_peer.h"

#include <stdio.h>
#include <string.h>

enum { LONG = 200000, AGAIN = 3 };

static char in[LONG];
static char out[LONG + FRAME_EXTRA];

struct bad {
    const char *options;
    const char *bytes;
    size_t size;
    const char *says;
};

#define BAD(options, bytes, says)                                                                  \
    {                                                                                              \
        (options), (bytes), sizeof(bytes) - 1, (says)                                              \
    }

static const struct bad bad_frames[] = {
    BAD("frame=u16&max=100", "\0\145" /* 101 */, "a message of 101 bytes; max is 100"),
    BAD("frame=u16&max=100", "\377\377", "65535 bytes; max is 100"),
    BAD("frame=u32&max=100", "\0\0\0\145", "101 bytes; max is 100"),
    BAD("frame=u32", "\0\20\0\1", "1048577 bytes; max is 1048576"),
    BAD("frame=u32", "\377\377\377\377", "4294967295 bytes; max is 1048576"),
    BAD("frame=u32", "\200\0\0\0abc", "2147483648 bytes"),
    BAD("frame=u32", "GET / HTTP/1.1\r\n", "1195725856 bytes"),
    BAD("frame=netstring&max=100", "101:", "a message of 101 bytes; max is 100"),
    BAD("frame=netstring&max=100", "101", "at least 101 bytes; max is 100"),
    BAD("frame=netstring&max=100", "1011", "max is 100"),
    BAD("frame=netstring", "4294967296:", "max is 1048576"),
    BAD("frame=netstring", "99999999999999999999999999:", "max is 1048576"),
    BAD("frame=netstring", "18446744073709551617:x", "max is 1048576"),
    BAD("frame=netstring", "00:,", "begins with a zero"),
    BAD("frame=netstring", "03:abc,", "begins with a zero"),
    BAD("frame=netstring", "01", "begins with a zero"),
    BAD("frame=netstring", "x", "digits and a colon"),
    BAD("frame=netstring", ":abc,", "digits and a colon"),
    BAD("frame=netstring", "-1:a,", "digits and a colon"),
    BAD("frame=netstring", "+1:a,", "digits and a colon"),
    BAD("frame=netstring", " 1:a,", "digits and a colon"),
    BAD("frame=netstring", "1 :a,", "digits and a colon"),
    BAD("frame=netstring", "1x", "digits and a colon"),
    BAD("frame=netstring", "3,abc,", "digits and a colon"),
    BAD("frame=netstring", "0x3:abc,", "digits and a colon"),
    BAD("frame=netstring", "\0", "digits and a colon"),
    BAD("frame=netstring", "3:abc;", "without its comma"),
    BAD("frame=netstring", "3:abcd,", "without its comma"),
    BAD("frame=netstring", "0:3:abc,", "without its comma"),
    BAD("frame=netstring", "3:abc\n", "without its comma"),
    BAD("frame=line&max=4", "abcde", "at least 5 bytes; max is 4"),
    BAD("frame=line&max=4", "abcde\n", "5 bytes; max is 4"),
    BAD("frame=line&max=4", "abcd\rx", "6 bytes; max is 4"),
    BAD("frame=line&max=4", "abcdefghijklmnopqrstuvwxyz", "max is 4"),
};

static const char *kind_of(const struct bad *bad)
{
    const char *kind = "";

    for (int i = 0; frame_kinds[i] != NULL; i++) {
        kind = strstr(bad->options, frame_kinds[i]) != NULL ? frame_kinds[i] : kind;
    }
    return kind;
}

static void expect_reset(net_socket *socket, const char *says)
{
    net_message message = {.data = in, .capacity = sizeof in};

    for (int i = 0; i < AGAIN; i++) {
        assert_code(net_recv(socket, in, sizeof in, i == 0 ? soon() : NET_NOW), NET_RESET);
        assert_says(says);
        assert_says("recv framed+");
        assert_code(net_recv_messages(socket, &message, 1, soon()), NET_RESET);
        assert_says(says);
    }
}

static void what_is_no_message_is_a_reset(void **state)
{
    const char *address = template_of(state);

    for (size_t i = 0; i < COUNT(bad_frames); i++) {
        const struct bad *bad = &bad_frames[i];
        struct plain_peer peer;
        size_t size = write_frame(kind_of(bad), "good", 4, out);

        meet_plain_peer(address, bad->options, &peer);
        memcpy(out + size, bad->bytes, bad->size);
        plain_sends(&peer, out, size + bad->size);
        expect_message(peer.framed, "good", 4);
        expect_reset(peer.framed, bad->says);
        await_ready(peer.framed, POLLIN);
        size = write_frame(kind_of(bad), "here", 4, out);
        say(peer.framed, "here");
        plain_receives(&peer, out, size);
        assert_int_equal(number_of(peer.framed, "messages-received"), 1);
        assert_ok(net_shutdown(peer.framed));
        assert_code(net_recv(peer.plain, in, 1, soon()), NET_EOF);
        part_from_peer(&peer);
    }
}

/* As soon as its bytes say so, a message is refused: no byte more is waited for. One byte fewer is
 * no reason yet. */
static void it_is_told_with_the_byte_that_shows_it(void **state)
{
    static const struct bad exact[] = {
        BAD("frame=u16&max=100", "\0\145", "max"),     BAD("frame=u32", "\377\377\377\377", "max"),
        BAD("frame=netstring&max=100", "101", "max"),  BAD("frame=netstring", "01", "zero"),
        BAD("frame=netstring", "3:abc;", "comma"),     BAD("frame=netstring", "12a", "colon"),
        BAD("frame=line&max=4", "abcde", "max"),       BAD("frame=line&max=4", "abcd\rx", "max"),
        BAD("frame=line&max=4", "\r\r\r\r\rx", "max"),
    };
    const char *address = template_of(state);

    for (size_t i = 0; i < COUNT(exact); i++) {
        struct plain_peer peer;

        meet_plain_peer(address, exact[i].options, &peer);
        for (size_t at = 0; at < exact[i].size; at++) {
            assert_code(net_recv(peer.framed, in, sizeof in, NET_NOW), NET_TIMEOUT);
            plain_sends(&peer, exact[i].bytes + at, 1);
        }
        expect_reset(peer.framed, exact[i].says);
        part_from_peer(&peer);
    }
}

/* ---- Ends ---- */

static void expect_end(net_socket *socket, bool is_between)
{
    if (!is_between) {
        expect_reset(socket, "ended inside a message");
        return;
    }
    for (int i = 0; i < AGAIN; i++) {
        assert_code(net_recv(socket, in, sizeof in, soon()), NET_EOF);
    }
}

/* In a length, in the bytes, before the last byte of the frame; and between two messages. */
static void only_between_messages_it_is_an_end(void **state)
{
    const char *address = template_of(state);

    for (int i = 0; frame_kinds[i] != NULL; i++) {
        char options[64];
        struct plain_peer listening;
        size_t first = write_frame(frame_kinds[i], "first", 5, out);
        size_t size = first + write_frame(frame_kinds[i], "second\r", 7, out + first);

        snprintf(options, sizeof options, "frame=%s", frame_kinds[i]);
        meet_plain_peer(address, options, &listening);
        for (size_t cut = 0; cut <= size; cut++) {
            struct plain_peer peer;

            meet_another(&listening, &peer);
            if (cut > 0) {
                plain_sends(&peer, out, cut);
            }
            assert_ok(net_shutdown(peer.plain));
            if (cut >= first) {
                expect_message(peer.framed, "first", 5);
            }
            if (cut == size) {
                expect_message(peer.framed, "second\r",
                               strcmp(frame_kinds[i], "line") == 0 ? 6 : 7);
            }
            expect_end(peer.framed, cut == 0 || cut == first || cut == size);
            say(peer.framed, "still sends");
            part_from_peer(&peer);
        }
        part_from_peer(&listening);
    }
}

/* A long message that is received into the caller's own buffer. */
static void an_end_inside_a_long_message_is_a_reset(void **state)
{
    static const size_t cuts[] = {5, 1000, 70000, 130000, LONG - 1};
    const char *address = template_of(state);

    memset(in, 'l', sizeof in);
    write_frame("u32", in, LONG, out);
    for (size_t i = 0; i < COUNT(cuts); i++) {
        struct plain_peer peer;
        struct writer writer;

        meet_plain_peer(address, NULL, &peer);
        writer_start(&writer, peer.plain, out, 4 + cuts[i]);
        ssize_t n = net_recv(peer.framed, in, sizeof in, net_after(5));

        assert_int_equal(n, NET_TIMEOUT);
        struct reader reader;

        reader_start(&reader, peer.framed, 0, 1);
        writer_join(&writer);
        assert_ok(net_shutdown(peer.plain));
        reader_join_code(&reader, 0, NET_RESET);
        expect_reset(peer.framed, "ended inside a message");
        assert_int_equal(number_of(peer.framed, "messages-received"), 0);
        part_from_peer(&peer);
    }
}

/* A peer that breaks off is no end either, not even between two messages. */
static void a_reset_is_a_reset_everywhere(void **state)
{
    const char *address = template_of(state);

    for (size_t cut = 8; cut < 16; cut++) {
        struct plain_peer peer;

        meet_plain_peer(address, NULL, &peer);
        write_frame("u32", "good", 4, out);
        write_frame("u32", "none", 4, out + 8);
        plain_sends(&peer, out, cut);
        say(peer.framed, "unread");
        expect_message(peer.framed, "good", 4);
        await_ready(peer.plain, POLLIN);
        assert_ok(net_set(peer.plain, "reset", "on"));
        net_close(peer.plain, NET_NOW);
        peer.plain = NULL;
        for (int i = 0; i < AGAIN; i++) {
            assert_code(net_recv(peer.framed, in, sizeof in, soon()), NET_RESET);
        }
        part_from_peer(&peer);
    }
}

/* The stream below breaks after so many bytes, or brings no more. */
static void a_fault_below_cuts_anywhere_and_is_no_end(void **state)
{
    enum { EACH = 8, MESSAGES = 4, BYTES = EACH * MESSAGES };
    const char *address = template_of(state);

    for (int i = 0; i < MESSAGES; i++) {
        write_frame("u32", "good", 4, out + EACH * i);
    }
    for (int bytes = 1; bytes < 2 * BYTES; bytes++) {
        bool stalls = bytes > BYTES;
        int came = stalls ? bytes - BYTES : bytes;
        char options[64];
        struct plain_peer peer;

        snprintf(options, sizeof options, "%s-after=%d", stalls ? "stall" : "reset", came);
        meet_plain_peer(address, options, &peer);
        plain_sends(&peer, out, BYTES);
        for (int i = 0; i < came / EACH; i++) {
            expect_message(peer.framed, "good", 4);
        }
        if (stalls) {
            assert_code(net_recv(peer.framed, in, sizeof in, net_after(2)), NET_TIMEOUT);
            net_cancel(peer.framed);
            assert_code(net_recv(peer.framed, in, sizeof in, soon()), NET_CANCELED);
        }
        for (int i = 0; i < AGAIN && !stalls; i++) {
            assert_code(net_recv(peer.framed, in, sizeof in, soon()), NET_RESET);
        }
        part_from_peer(&peer);
    }
}

int main(void)
{
    static const char *const faulty[] = {"framed+chaos+tcp://127.0.0.1:0",
                                         "framed+chaos+unix://@?chunk=3",
                                         "framed+chaos+mem://?delay=1ms", NULL};
    static const struct test faults[] = {TEST(a_fault_below_cuts_anywhere_and_is_no_end)};
    static const struct test tests[] = {
        TEST(what_is_no_message_is_a_reset),      TEST(it_is_told_with_the_byte_that_shows_it),
        TEST(only_between_messages_it_is_an_end), TEST(an_end_inside_a_long_message_is_a_reset),
        TEST(a_reset_is_a_reset_everywhere),
    };

    return run_over(framed_templates, tests) + run_over(faulty, faults);
}
