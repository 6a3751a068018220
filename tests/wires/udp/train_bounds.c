/* Trains that wait: bounded to the datagram, returned before the end, and freed when their socket
 * closes. */
#include "support.h"
#include "trains.h"

#include <stdio.h>
#include <unistd.h>

static char in[TRAIN_ROOM];

/* Let another socket's call read and sort what has arrived. */
static void let_sort(net_socket *idle)
{
    hear_nothing(idle);
}

/* ---- Bounds ---- */

static net_socket *listen_with(void **state, const char *options)
{
    char address[2 * ADDRESS_MAX];

    snprintf(address, sizeof address, "%s?%s", template_of(state), options);
    return assert_socket(net_listen(address));
}

static void a_queue_cuts_a_train_to_the_datagram(void **state)
{
    net_socket *listener = listen_with(state, "queue=1000B");
    int fd;
    int other_fd;
    net_socket *peer = accept_raw(listener, &fd);
    net_socket *other = accept_raw(listener, &other_fd);

    send_pattern(fd, 64 * 64, 64, 0); /* 15 fit */
    let_sort(other);
    assert_int_equal(number_of(peer, "dropped-queue"), 49);
    hear_pattern(peer, 15 * 64, 64, 0);
    hear_nothing(peer);
    send_pattern(fd, 200, 100, 0); /* and 12 more next to them */
    send_pattern(fd, 64 * 64, 64, 200);
    let_sort(other);
    assert_int_equal(number_of(peer, "dropped-queue"), 49 + 52);
    hear_pattern(peer, 200, 100, 0);
    hear_pattern(peer, 12 * 64, 64, 200);
    send_pattern(fd, 1000, 96, 0); /* bounded to the byte, the shorter last datagram included */
    let_sort(other);
    hear_pattern(peer, 1000, 96, 0);
    send_pattern(fd, 1001, 96, 0);
    let_sort(other);
    hear_pattern(peer, 960, 96, 0);
    hear_nothing(peer);
    assert_int_equal(number_of(peer, "dropped-queue"), 49 + 52 + 1);
    assert_int_equal(number_of(listener, "dropped-queue"), 49 + 52 + 1);
    assert_int_equal(number_of(other, "dropped-queue"), 0);
    assert_int_equal(number_of(listener, "dropped-strangers"), 0);
    net_close(peer, NET_NOW);
    net_close(other, NET_NOW);
    net_close(listener, NET_NOW);
    close(fd);
    close(other_fd);
}

/* An accept moves what was queued among the strangers to the peer, as far as the peer's own bound
 * allows. */
static void strangers_cut_a_train_to_the_datagram(void **state)
{
    net_socket *listener = listen_with(state, "strangers=1000B&queue=500B");
    int fd;
    int other_fd;
    net_socket *other = accept_raw(listener, &other_fd);
    int stranger = raw_dial(listener);
    net_message message[10];

    send_pattern(stranger, 64 * 64, 64, 0);
    let_sort(other);
    assert_int_equal(number_of(listener, "dropped-strangers"), 49);
    net_socket *peer = assert_socket(net_accept(listener, soon()));

    assert_int_equal(number_of(peer, "dropped-queue"), 15 - 7);
    hear_pattern(peer, 7 * 64, 64, 0);
    hear_nothing(peer);
    /* What is received directly into messages is not bounded. */
    fd = raw_dial(listener);
    send_pattern(fd, 64 * 64, 64, 0);
    for (size_t i = 0; i < 10; i++) {
        message[i] = (net_message){.data = in + i * 64, .capacity = 64};
    }
    assert_count(net_recv_messages(listener, message, 10, soon()), 10);
    assert_true(is_pattern(in, 640, 0));
    let_sort(other); /* what is left has to be spilled */
    assert_int_equal(number_of(listener, "dropped-strangers"), 49 + 64 - 10 - 15);
    assert_count(net_recv_messages(listener, message, 10, soon()), 10);
    assert_count(net_recv_messages(listener, message + 5, 5, soon()), 5);
    assert_true(is_pattern(in + 5 * 64, 5 * 64, 20 * 64));
    assert_code(net_recv_messages(listener, message, 10, NET_NOW), NET_TIMEOUT);
    net_close(peer, NET_NOW);
    net_close(other, NET_NOW);
    net_close(listener, NET_NOW);
    close(fd);
    close(stranger);
    close(other_fd);
}

/* ---- Ends ---- */

/* What has arrived is returned first, then the end. */
static void the_train_of_a_peer_that_falls_silent_is_received(void **state)
{
    net_socket *listener = listen_with(state, "idle=100ms");
    int fd;
    net_socket *peer = accept_raw(listener, &fd);

    send_pattern(fd, 64 * 64, 64, 0);
    assert_count(net_recv(peer, in, sizeof in, soon()), 64);
    nap(150);
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    hear_pattern(peer, 63 * 64, 64, 64);
    assert_code(net_recv(peer, in, sizeof in, soon()), NET_EOF);
    net_close(peer, NET_NOW);
    net_close(listener, NET_NOW);
    close(fd);
}

/* Three sockets, each with the rest of a train. */
struct loaded {
    net_socket *listener;
    net_socket *peer;
    net_socket *dialed;
    int fd[3];
};

static void load(struct loaded *loaded, void **state)
{
    net_message message = {.data = in, .capacity = sizeof in};

    loaded->listener = assert_socket(net_listen(template_of(state)));
    loaded->peer = accept_raw(loaded->listener, &loaded->fd[0]);
    loaded->dialed = dial_raw(template_of(state), &loaded->fd[1]);
    loaded->fd[2] = raw_dial(loaded->listener);
    for (int i = 0; i < 3; i++) {
        send_pattern(loaded->fd[i], 640, 64, 0);
    }
    hear_pattern(loaded->peer, 64, 64, 0);
    hear_pattern(loaded->dialed, 128, 64, 0); /* from the second receive on it looks ahead */
    assert_count(net_recv_messages(loaded->listener, &message, 1, soon()), 1);
}

static void unload(struct loaded *loaded)
{
    for (int i = 0; i < 3; i++) {
        close(loaded->fd[i]);
    }
    net_close(loaded->dialed, NET_NOW);
    net_close(loaded->peer, NET_NOW);
    net_close(loaded->listener, NET_NOW);
}

static void hear_the_rest(struct loaded *loaded)
{
    net_message message = {.data = in, .capacity = sizeof in};

    hear_pattern(loaded->peer, 640 - 64, 64, 64);
    hear_nothing(loaded->peer);
    hear_pattern(loaded->dialed, 640 - 128, 64, 128);
    hear_nothing(loaded->dialed);
    for (size_t i = 1; i < 10; i++) {
        assert_count(net_recv_messages(loaded->listener, &message, 1, soon()), 1);
        assert_true(is_pattern(in, message.size, i * 64));
    }
    assert_code(net_recv_messages(loaded->listener, &message, 1, NET_NOW), NET_TIMEOUT);
}

/* The memory of what waits is freed: the leak checks see it if not. */
static void sockets_close_with_trains_waiting(void **state)
{
    struct loaded loaded;

    for (int i = 0; i < 3; i++) {
        load(&loaded, state);
        if (i == 1) { /* close the listener before its peer, which goes on */
            net_close(loaded.listener, NET_NOW);
            loaded.listener = NULL;
            hear_pattern(loaded.peer, 640 - 64, 64, 64);
        }
        unload(&loaded);
    }
}

static void a_cancel_comes_before_a_train_that_waits(void **state)
{
    struct loaded loaded;
    net_message message = {.data = in, .capacity = sizeof in};

    load(&loaded, state);
    net_cancel(loaded.peer);
    net_cancel(loaded.dialed);
    assert_code(net_recv(loaded.peer, in, sizeof in, NET_NOW), NET_CANCELED);
    assert_code(net_recv(loaded.dialed, in, sizeof in, NET_NOW), NET_CANCELED);
    assert_code(net_recv_messages(loaded.peer, &message, 1, soon()), NET_CANCELED);
    assert_code(net_recv_messages(loaded.dialed, &message, 1, soon()), NET_CANCELED);
    assert_count(net_recv_messages(loaded.listener, &message, 1, soon()), 1);
    net_cancel(loaded.listener);
    assert_code(net_recv_messages(loaded.listener, &message, 1, soon()), NET_CANCELED);
    unload(&loaded);
}

static int close_in_child(void *argument)
{
    struct loaded *loaded = argument;

    return net_close(loaded->dialed, NET_NOW) != 0 || net_close(loaded->peer, NET_NOW) != 0 ||
           net_close(loaded->listener, NET_NOW) != 0;
}

/* The child has a copy of what waits. It takes nothing away from the parent. */
static void a_child_that_closes_leaves_the_parent_its_trains(void **state)
{
    struct loaded loaded;

    load(&loaded, state);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(in_child(close_in_child, &loaded), 0);
    }
    hear_the_rest(&loaded);
    unload(&loaded);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_queue_cuts_a_train_to_the_datagram),
        TEST(strangers_cut_a_train_to_the_datagram),
        TEST(the_train_of_a_peer_that_falls_silent_is_received),
        TEST(sockets_close_with_trains_waiting),
        TEST(a_cancel_comes_before_a_train_that_waits),
        TEST(a_child_that_closes_leaves_the_parent_its_trains),
    };

    return run_over(udp_templates, tests);
}
