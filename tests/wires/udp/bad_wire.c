/* The wire loses, doubles and reorders packets. The program gets what the kernel delivers, each
 * datagram whole and on the socket it was sent to. What the program does not get is counted. */
#include "scene.h"

#include <stdio.h>

enum { ROUNDS = 40, ROUNDS_IF_SLOW = 10, LAST = CALLERS - 1 };

/* fewer under valgrind */
static int rounds(void)
{
    return slowness() < 10 ? ROUNDS : ROUNDS_IF_SLOW;
}

static void make_it_bad(void)
{
    wire.loses = 30;
    wire.doubles = 15;
    wire.holds = 20;
}

static void assert_was_bad(void)
{
    print_message("%ld lost, %ld doubled, %ld delayed\n", wire.lost, wire.doubled, wire.delayed);
    assert_true(wire.lost > 0);
    assert_true(wire.doubled > 0);
    assert_true(wire.delayed > 0);
}

/* What the sockets' own buffers had no room for: nothing, or as many as the kernel says. */
static long dropped_by_the_kernel(void)
{
    long sum = (long)number_of(scene.listener, "dropped-kernel");

    for (unsigned i = 0; i < CALLERS; i++) {
        sum += (long)number_of(scene.call[i].caller, "dropped-kernel");
    }
    return sum;
}

static long errors_of_the_kernel(void)
{
    return kernel_count("InErrors") + kernel_count("NoPorts");
}

/* ---- Everything is received ---- */

static void come_or_go(void)
{
    unsigned call = random_below(&scene.seed, CALLERS);

    if (scene.call[call].peer == NULL) {
        accept_next();
    } else if (random_below(&scene.seed, 2) == 0) {
        leave(call);
    }
}

/* A packet that the kernel counts is one datagram, unless it is a train. */
static void talk(enum wire_kind kind)
{
    long packets = kernel_count("InDatagrams");
    long errors = errors_of_the_kernel();

    make_it_bad();
    for (int i = 0; i < rounds(); i++) {
        send_a_round();
        if (i % 2 == 0) {
            come_or_go();
        }
        hear_a_round(i % 3 == 0);
        come_or_go();
    }
    wire_release(&wire);
    hear_a_round(true);
    assert_was_bad();
    long total = delivered(TO_LISTENER, 0, LAST) + delivered(TO_CALLER, 0, LAST);

    assert_int_equal(heard(TO_LISTENER, 0, LAST) + heard(TO_CALLER, 0, LAST), total);
    assert_int_equal(wire.trains > 0, kind == WIRE_TAKES_TRAINS);
    assert_true(kind == WIRE_TAKES_TRAINS || kernel_count("InDatagrams") - packets == total);
    assert_int_equal(errors_of_the_kernel(), errors);
    assert_int_equal(dropped_by_the_kernel(), 0);
    assert_int_equal(number_of(scene.listener, "dropped-queue"), 0);
    assert_int_equal(number_of(scene.listener, "dropped-strangers"), 0);
}

static void what_is_delivered_is_heard_and_nothing_else(void **state)
{
    for (enum wire_kind kind = 0; kind < WIRE_KINDS; kind++) {
        if (lay(kind)) {
            open_scene(template_of(state), "?rcvbuf=1MiB", "?rcvbuf=1MiB");
            talk(kind);
            close_scene();
        }
    }
}

/* ---- Less than everything is received ---- */

static void accept_the_first(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        send_one(i, TO_LISTENER, FITS);
        carry();
        accept_next();
    }
    hear_a_round(true);
}

/* What was delivered for this peer and not received was dropped from its queue. */
static long assert_adds_up(unsigned call)
{
    long dropped = (long)number_of(scene.call[call].peer, "dropped-queue");

    assert_int_equal(heard(TO_LISTENER, call, call) + dropped, delivered(TO_LISTENER, call, call));
    return dropped;
}

/* One peer receives each round. The other and the strangers are read only at the end. */
static void what_our_bounds_drop_is_counted(void **state)
{
    for (enum wire_kind kind = 0; kind < WIRE_KINDS; kind++) {
        if (!lay(kind)) {
            continue;
        }
        open_scene(template_of(state), "?queue=8KiB&strangers=12KiB&rcvbuf=1MiB", "");
        accept_the_first(2);
        make_it_bad();
        scene.may_miss = true;
        for (int i = 0; i < rounds(); i++) {
            struct ear live = ear_of(0, TO_LISTENER);

            for (unsigned j = 0; j < CALLERS; j++) {
                send_batch(j, TO_LISTENER);
            }
            carry();
            hear_all(&live);
        }
        assert_was_bad();
        hear_a_round(true);
        long live = assert_adds_up(0);
        long slow = assert_adds_up(1);
        long strangers = (long)number_of(scene.listener, "dropped-strangers");

        print_message("%ld dropped of one queue, %ld of the other, %ld of strangers\n", live, slow,
                      strangers);
        assert_true(live + slow > 0 && strangers > 0);
        assert_int_equal(number_of(scene.listener, "dropped-queue"), live + slow);
        assert_int_equal(heard(TO_LISTENER, 2, LAST) + strangers, delivered(TO_LISTENER, 2, LAST));
        assert_int_equal(dropped_by_the_kernel(), 0);
        close_scene();
    }
}

/* The sockets are read only every fourth round, so that their buffers overflow. WIRE_TAKES_TRAINS
 * is left out, because the kernel counts a train as one packet. */
static void what_the_kernel_drops_is_counted(void **state)
{
    for (enum wire_kind kind = 0; kind < WIRE_TAKES_TRAINS; kind++) {
        if (!lay(kind)) {
            continue;
        }
        open_scene(template_of(state), "?rcvbuf=4KiB", "?rcvbuf=4KiB");
        long errors = errors_of_the_kernel();

        accept_the_first(3);
        make_it_bad();
        scene.may_miss = true;
        for (int i = 0; i < rounds(); i++) {
            send_a_round();
            if (i % 4 == 3) {
                hear_a_round(true);
            }
        }
        wire_release(&wire);
        hear_a_round(true);
        assert_was_bad();
        long dropped = dropped_by_the_kernel();

        print_message("%ld dropped by the kernel\n", dropped);
        assert_true(dropped > 0);
        assert_int_equal(errors_of_the_kernel() - errors, dropped);
        assert_int_equal(heard(TO_LISTENER, 0, LAST) + heard(TO_CALLER, 0, LAST) + dropped,
                         delivered(TO_LISTENER, 0, LAST) + delivered(TO_CALLER, 0, LAST));
        close_scene();
    }
}

/* ---- Fragments ---- */

/* How many fragments. */
static long hear_whole(const struct ear *ear)
{
    static unsigned char in[SIZE_MOST];
    struct caption caption;
    long count = 0;
    net_message message = {.data = in, .capacity = sizeof in};
    int n = 1;

    while (n > 0) {
        n = net_recv_messages(ear->socket, &message, 1, NET_NOW);
        if (n > 0) {
            read_caption(in, message.size, &caption);
            assert_int_equal(caption.call, ear->call);
            assert_int_equal(caption.way, ear->way);
            count++;
        }
    }
    assert_int_equal(n, NET_TIMEOUT);
    return count;
}

static long hear_each_whole(void)
{
    long count = 0;

    for (int i = 0; i < CALLERS; i++) {
        struct ear up = ear_of(i, TO_LISTENER);
        struct ear down = ear_of(i, TO_CALLER);

        count += hear_whole(&up) + hear_whole(&down);
    }
    return count;
}

/* The wire loses, doubles and reorders each fragment. Only the kernel knows which datagrams
 * become whole. It may also join fragments of two datagrams whose 16-bit identifications are
 * equal by chance. It counts that as an error, and as a drop if a socket was to get the
 * datagram. */
static void fragments_become_whole_datagrams_or_none(void **state)
{
    long count = 0;
    unsigned sent = 0;

    assert_true(lay(WIRE_BARE));
    open_scene(template_of(state), "?rcvbuf=1MiB", "?rcvbuf=1MiB");
    accept_the_first(CALLERS);
    make_it_bad();
    wire.loses = 8;
    long whole = kernel_count("InDatagrams");
    long errors = errors_of_the_kernel();

    for (; sent < (unsigned)rounds() * CALLERS; sent++) {
        send_one(sent % CALLERS, sent / CALLERS % 2 == 0 ? TO_LISTENER : TO_CALLER, SIZE_MOST);
        if (sent % CALLERS == LAST) {
            carry();
            count += hear_each_whole();
        }
    }
    wire_release(&wire);
    count += hear_each_whole();
    print_message("%u sent, %ld heard\n", sent, count);
    assert_int_equal(count, kernel_count("InDatagrams") - whole);
    assert_true(dropped_by_the_kernel() <= errors_of_the_kernel() - errors);
    assert_true(count > 0);
    close_scene();
}

int main(void)
{
    static const char *const templates[] = {"udp://" WIRE_NEAR_V4 ":0", "udp://" WIRE_NEAR_V6 ":0",
                                            "udp://*:0", NULL};
    static const struct test tests[] = {
        TEST(what_is_delivered_is_heard_and_nothing_else),
        TEST(what_our_bounds_drop_is_counted),
        TEST(what_the_kernel_drops_is_counted),
        TEST(fragments_become_whole_datagrams_or_none),
    };
    const char *trouble = wire_open(&wire);

    if (trouble != NULL) {
        printf("skipped: %s\n", trouble);
        return 77;
    }
    int failures = run_over(templates, tests);

    wire_close(&wire);
    return failures;
}
