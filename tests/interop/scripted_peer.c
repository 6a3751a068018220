/* scripted_peer PORT STEP... - calls 127.0.0.1 over tcp and does one step after the other:
 * scripted_peer listen STEP... - prints the port, accepts one call, and does the same.
 *
 *     send:N recv:N   N bytes of a pattern, which continues from step to step
 *     ping:N          N times 64 bytes, and the same back; prints the slowest, in milliseconds
 *     offer:N         sends up to N bytes, until none are taken for a second; prints how many
 *                     were taken
 *     arrived         waits until the other host has everything that was sent
 *     echo drink      sends everything back, or discards it, to the end; prints how many
 *     shut            ends its own direction
 *     end gone        expects the end; or that the connection is over, maybe by a reset
 *     cut             discards what comes, and expects a reset
 *     say:WORD        prints it
 *     until:FILE      waits for a file to exist
 *     reset           ends with a reset; after the last step it ends with a close
 *
 * The listening form takes only one call. The next one stays in the queue, and those after it find
 * a target that does not answer. A step that waits for longer than four minutes is a failure: some
 * wait for their turn behind two hundred others, on a slow machine. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LIMIT_S = 240,
    CHUNK = 65536,
    PERIOD = 251, /* of the pattern: a prime, so that a lost or doubled byte shows */
    PING = 64,
    STUCK_MS = 1000,
    LOOK_MS = 50
};

static int fd = -1;
static long long sent; /* where the patterns continue */
static long long heard;
static int was_reset; /* the system reports it once */

static void die(const char *step, const char *why)
{
    fprintf(stderr, "scripted_peer: %s: %s\n", step, why);
    exit(EXIT_FAILURE);
}

static void die_of_errno(const char *step)
{
    die(step, strerror(errno));
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static size_t chunk_of(long long left)
{
    return left < CHUNK ? (size_t)left : CHUNK;
}

static void pattern(char *bytes, size_t size, long long from)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)((from + (long long)i) % PERIOD);
    }
}

static void send_pattern(const char *step, long long count)
{
    char chunk[CHUNK];

    while (count > 0) {
        size_t size = chunk_of(count);
        pattern(chunk, size, sent);
        ssize_t n = send(fd, chunk, size, MSG_NOSIGNAL);
        if (n < 0) {
            die_of_errno(step);
        }
        sent += n;
        count -= n;
    }
}

static void recv_pattern(const char *step, long long count)
{
    char chunk[CHUNK];
    char expected[CHUNK];

    while (count > 0) {
        ssize_t n = recv(fd, chunk, chunk_of(count), 0);
        if (n < 0) {
            die_of_errno(step);
        }
        pattern(expected, (size_t)n, heard);
        if (n == 0 || memcmp(chunk, expected, (size_t)n) != 0) {
            die(step, n == 0 ? "the end" : "other bytes");
        }
        heard += n;
        count -= n;
    }
}

static void ping(const char *step, long long count)
{
    double slowest = 0;

    for (; count > 0; count--) {
        double begun = now_ms();
        send_pattern(step, PING);
        recv_pattern(step, PING);
        slowest = now_ms() - begun > slowest ? now_ms() - begun : slowest;
    }
    printf("slowest %.0f\n", slowest);
}

static void offer(const char *step, long long count)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    long long before = sent;
    char chunk[CHUNK];
    ssize_t n = 0;

    while (count > 0 && n >= 0 && poll(&ready, 1, STUCK_MS) > 0) {
        size_t size = chunk_of(count);
        pattern(chunk, size, sent);
        n = send(fd, chunk, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += n > 0 ? n : 0;
        count -= n > 0 ? n : 0;
    }
    was_reset = n < 0 && (errno == EPIPE || errno == ECONNRESET);
    if (n < 0 && errno != EAGAIN && !was_reset) {
        die_of_errno(step);
    }
    printf("taken %lld\n", sent - before);
}

/* Receive until there is no more: 0 at the end, or -1 and errno. */
static ssize_t hear_all(const char *step, int says_back)
{
    char chunk[CHUNK];
    ssize_t n = 1;

    while (n > 0) {
        n = recv(fd, chunk, sizeof chunk, 0);
        heard += n > 0 ? n : 0;
        if (n > 0 && says_back && send(fd, chunk, (size_t)n, MSG_NOSIGNAL) != n) {
            die(step, "cannot say back");
        }
    }
    return n;
}

/* To the end; or, where that is expected, to a reset. */
static void swallow(const char *step, int says_back, int may_break)
{
    long long before = heard;
    ssize_t n = hear_all(step, says_back);

    if (n < 0 && (!may_break || errno == EAGAIN)) {
        die_of_errno(step);
    }
    printf("heard %lld\n", heard - before);
}

static void expect_reset(const char *step)
{
    long long before = heard;
    ssize_t n = hear_all(step, 0);

    if (n == 0 && !was_reset) {
        die(step, "the end, as if all had come");
    }
    if (n < 0 && errno != ECONNRESET && errno != EPIPE) {
        die_of_errno(step);
    }
    printf("heard %lld\n", heard - before);
}

static void expect_end(const char *step)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    if (n != 0) {
        die(step, n > 0 ? "no end: there is more" : strerror(errno));
    }
}

static void wait_for_arrival(const char *step)
{
    double limit = now_ms() + LIMIT_S * 1e3;
    int left = 1;

    while (left > 0 && now_ms() < limit) {
        if (ioctl(fd, SIOCOUTQ, &left) != 0) {
            die_of_errno(step);
        }
        poll(NULL, 0, left > 0 ? 1 : 0);
    }
    if (left > 0) {
        die(step, "some has not arrived");
    }
}

static void wait_for(const char *step, const char *file)
{
    double limit = now_ms() + LIMIT_S * 1e3;

    while (access(file, F_OK) != 0) {
        if (now_ms() > limit) {
            die(step, "it is not there");
        }
        poll(NULL, 0, LOOK_MS);
    }
}

static void take(const char *step)
{
    const char *value = strchr(step, ':');
    size_t length = value != NULL ? (size_t)(value - step) : strlen(step);
    long long count = value != NULL ? strtoll(value + 1, NULL, 10) : 0;
    struct linger at_once = {.l_onoff = 1};
#define IS(word) (length == sizeof(word) - 1 && strncmp(step, word, length) == 0)

    if (IS("send")) {
        send_pattern(step, count);
    } else if (IS("recv")) {
        recv_pattern(step, count);
    } else if (IS("ping")) {
        ping(step, count);
    } else if (IS("offer")) {
        offer(step, count);
    } else if (IS("echo") || IS("drink") || IS("gone")) {
        swallow(step, step[0] == 'e', step[0] == 'g');
    } else if (IS("cut")) {
        expect_reset(step);
    } else if (IS("arrived")) {
        wait_for_arrival(step);
    } else if (IS("shut")) {
        shutdown(fd, SHUT_WR);
    } else if (IS("end")) {
        expect_end(step);
    } else if (IS("say")) {
        puts(value + 1);
    } else if (IS("until")) {
        wait_for(step, value + 1);
    } else if (IS("reset")) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    } else {
        die(step, "no such step");
    }
}

static void be_called(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int door = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(door, (struct sockaddr *)&at, size) != 0 || listen(door, 0) != 0 ||
        getsockname(door, (struct sockaddr *)&at, &size) != 0) {
        die_of_errno("listen");
    }
    printf("listening on tcp://127.0.0.1:%d\n", ntohs(at.sin_port));
    fd = accept(door, NULL, NULL);
}

static void call(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((in_port_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        die_of_errno("connect");
    }
}

int main(int argc, char **argv)
{
    struct timeval limit = {.tv_sec = LIMIT_S};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && strcmp(argv[1], "listen") == 0) {
        be_called();
    } else {
        call(argc > 1 ? atoi(argv[1]) : 0);
    }
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) {
        die_of_errno("begin");
    }
    for (int i = 2; i < argc; i++) {
        take(argv[i]);
    }
    close(fd);
    return EXIT_SUCCESS;
}
