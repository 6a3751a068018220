/* driven: skip, it drives handshakes by itself */
/* Messages over an encrypted stream: framed+toy. Each layer keeps a rest of its own, and an end
 * that nobody has said is no end between messages either. */
#include "plain_peer.h"
#include "toy_wire.h"
#include "watching.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT = 100 };

static char in[1 << 20];
static char out[LONG_MESSAGE];

static const char *const templates[] = {"framed+toy://127.0.0.1:0", "framed+toy+unix://@",
                                        "framed+toy+mem://", NULL};

static void messages_go_both_ways(void **state)
{
    static const size_t sizes[] = {NUMBER_SIZE, 100, 70000, 16384, 5, 1000};
    struct reader readers[2];
    struct pair pair;

    meet_toys(template_of(state), "faults=ask:20,record:5000", "faults=record:90", &pair);
    net_socket *ends[] = {pair.client, pair.server};

    for (int i = 0; i < 2; i++) {
        reader_start(&readers[i], ends[1 - i], 0, COUNT(sizes) + 1);
    }
    for (unsigned j = 0; j < COUNT(sizes); j++) {
        for (int i = 0; i < 2; i++) {
            write_numbered(out, sizes[j], j);
            assert_count(net_send(ends[i], out, sizes[j], soon()), sizes[j]);
        }
    }
    assert_ok(net_shutdown(pair.client));
    assert_ok(net_shutdown(pair.server));
    for (int i = 0; i < 2; i++) {
        reader_join_code(&readers[i], COUNT(sizes), NET_EOF);
    }
    close_toys(&pair);
}

/* A message that was cut counts as sent: a poller sends what is left of it, through both layers. */
static void a_message_that_was_cut_arrives_whole(void **state)
{
    for (int how = 0; how < 2; how++) {
        net_poller *poller = open_poller();
        struct watcher watcher;
        struct reader reader;
        struct pair pair;

        meet_toys(template_of(state), SMALL_BUFFERS, SMALL_BUFFERS, &pair);
        unsigned sent = send_until_cut(pair.client, LONG_MESSAGE, 0);

        if (how == 0) {
            watch(poller, pair.client, NET_READABLE);
            watcher_start(&watcher, poller);
            reader_start(&reader, pair.server, 0, sent);
            reader_join(&reader);
            watcher_stop(&watcher);
        } else {
            reader_start(&reader, pair.server, 0, sent + 1);
            assert_ok(net_shutdown(pair.server));
            assert_ok(net_close(pair.client, soon()));
            pair.client = NULL;
            reader_join_code(&reader, sent, NET_EOF);
        }
        net_poller_close(poller);
        close_toys(&pair);
    }
}

/* Between messages, and in the midst of one. */
static void an_end_without_notice_is_a_reset(void **state)
{
    struct pair pair;

    meet_toys(template_of(state), NULL, "faults=unfinished", &pair);
    say(pair.client, "whole");
    assert_ok(net_close(pair.client, NET_NOW));
    pair.client = NULL;
    expect_message(pair.server, "whole", 5);
    assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_RESET);
    assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_RESET);
    close_toys(&pair);

    meet_toys(template_of(state), NULL, NULL, &pair);
    say(pair.client, "whole");
    assert_ok(net_close(pair.client, NET_NOW));
    pair.client = NULL;
    expect_message(pair.server, "whole", 5);
    assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_EOF);
    close_toys(&pair);
}

static void a_refusal_is_heard_through_the_frames(void **state)
{
    struct pair pair;

    dial_toys(template_of(state), "faults=refuse:2:denied:no%20card", NULL, &pair);
    assert_code(try_to_shake(pair.client, pair.server), NET_DENIED);
    assert_code(net_recv(pair.client, in, sizeof in, soon()), NET_DENIED);
    assert_says("the peer says: no card");
    assert_code(net_recv(pair.server, in, sizeof in, soon()), NET_DENIED);
    assert_code(net_get(pair.client, "peer", NULL, 0), NET_DENIED);
    close_toys(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(messages_go_both_ways),
        TEST(a_message_that_was_cut_arrives_whole),
        TEST(an_end_without_notice_is_a_reset),
        TEST(a_refusal_is_heard_through_the_frames),
    };

    return run_toys(templates, tests);
}
