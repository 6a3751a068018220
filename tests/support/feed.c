/* A sender that runs in a thread. */
#include "feed.h"
#include "foreign.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_adopted(struct feed *feed, const char *options)
{
    char address[ADDRESS_MAX];

    feed->listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    int fd = raw_dial(feed->listener);

    foreign_address(fd, "", address);
    feed->reader = assert_socket(net_connect(address, NET_NOW));
    if (options != NULL) {
        char value[32];

        strcpy(value, strchr(options, '=') + 1);
        assert_ok(net_set(feed->reader, "rcvbuf", value));
    }
    feed->sender = assert_socket(net_accept(feed->listener, soon()));
}

void feed_open(struct feed *feed, const char *address, const char *options)
{
    char whole[ADDRESS_MAX];

    *feed = (struct feed){.fd = -1, .repeats = 1};
    if (strncmp(address, "fd:", 3) == 0) {
        open_adopted(feed, options);
        return;
    }
    with_options(whole, address, options);
    feed->listener = assert_socket(net_listen(whole));
    if (net_fd(feed->listener) >= 0 && !is_encrypted(address)) {
        feed->fd = raw_dial(feed->listener);
    } else {
        dial_address(feed->listener, whole);
        feed->sender = assert_socket(net_connect(whole, soon()));
    }
    feed->reader = assert_socket(net_accept(feed->listener, soon()));
}

static bool send_piece(struct feed *feed, const char *piece, size_t size)
{
    if (feed->fd < 0) {
        return net_send(feed->sender, piece, size, NET_FOREVER) == (ssize_t)size;
    }
    while (size > 0) {
        ssize_t n = send(feed->fd, piece, size, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        piece += n;
        size -= (size_t)n;
    }
    return true;
}

static size_t next_piece(struct feed *feed, size_t left)
{
    size_t most = feed->piece != 0 && feed->piece < left ? feed->piece : left;

    return feed->seed != 0 ? 1 + random_below(&feed->seed, (unsigned)most) : most;
}

static bool send_text(struct feed *feed)
{
    bool sent = true;

    for (size_t at = 0; sent && at < feed->size;) {
        size_t piece = next_piece(feed, feed->size - at);

        sent = send_piece(feed, feed->text + at, piece);
        at += piece;
    }
    return sent;
}

static void *send_all(void *argument)
{
    struct feed *feed = argument;
    bool sent = true;

    for (size_t i = 0; sent && i < feed->repeats; i++) {
        if (feed->before_repeat != NULL) {
            feed->before_repeat(feed);
        }
        sent = send_text(feed);
    }
    if (sent && !feed->stays) {
        sent = (feed->fd >= 0 ? shutdown(feed->fd, SHUT_WR) : net_shutdown(feed->sender)) == 0;
    }
    feed->failed = !sent;
    return NULL;
}

void feed_start(struct feed *feed)
{
    feed->failed = false;
    assert_int_equal(pthread_create(&feed->thread, NULL, send_all, feed), 0);
}

void feed_join(struct feed *feed, bool gives_up)
{
    if (gives_up && feed->fd >= 0) {
        shutdown(feed->fd, SHUT_RDWR);
    }
    if (gives_up) {
        net_cancel(feed->reader);
        net_cancel(feed->sender);
    }
    pthread_join(feed->thread, NULL);
}

void feed_close(struct feed *feed)
{
    net_close(feed->reader, NET_NOW);
    net_close(feed->sender, NET_NOW);
    net_close(feed->listener, NET_NOW);
    if (feed->fd >= 0) {
        close(feed->fd);
    }
}
