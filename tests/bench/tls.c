/* tls:// compared with OpenSSL on raw sockets, in the same run:
 *
 *     bench_tls [ROUNDS [PART...]]      handshakes resumed bulk ping-pong memory
 *
 * Two threads talk on one processor. A rate is per second of processor time of both together. */
#include "contest.h"
#include "footprint.h"
#include "report.h"
#include "tls/stack.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    LARGE = 64 * 1024,
    LOOKS_APART = 16, /* operations between two looks at the clock */
    IDLE = 500        /* connections whose memory is measured */
};

static _Alignas(PAGE) char near_buffer[LARGE];
static _Alignas(PAGE) char far_buffer[LARGE];

/* Processor seconds of all threads. */
static double spent(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Handshakes ---- */

/* Each connection carries one byte, so that the client gets the tickets. */
static void *serve(void *argument)
{
    const struct stack *by = argument;
    void *connection = by->accept();

    while (connection != NULL) {
        need(by->send(connection, far_buffer, 1) == 1, "the byte");
        need(by->recv(connection, far_buffer, 1) == 0, "the end");
        by->close(connection);
        connection = by->accept();
    }
    return NULL;
}

static void shake_hands(const struct stack *by)
{
    void *connection = by->dial();

    need(by->recv(connection, near_buffer, 1) == 1, "the byte");
    by->close(connection);
}

static double count_handshakes(const struct stack *by, bool resumes)
{
    pthread_t thread;
    long count = 0;

    by->start(resumes);
    pthread_create(&thread, NULL, serve, (void *)(uintptr_t)by);
    shake_hands(by); /* the first one has nothing to resume */
    double begun = contest_now();
    double before = spent();

    while (contest_goes_on(begun)) {
        shake_hands(by);
        count++;
    }
    double rate = (double)count / (spent() - before);

    by->interrupt();
    pthread_join(thread, NULL);
    by->stop();
    return rate;
}

static double full(void *by)
{
    return count_handshakes(by, false);
}

static double resumed(void *by)
{
    return count_handshakes(by, true);
}

/* ---- Bytes ---- */

struct talk {
    const struct stack *by;
    size_t size;
};

static void *echo(void *argument)
{
    const struct talk *talk = argument;
    void *far = talk->by->accept();
    long n = talk->by->recv(far, far_buffer, talk->size);

    while (n > 0 && talk->by->send(far, far_buffer, (size_t)n) == n) {
        n = talk->by->recv(far, far_buffer, talk->size);
    }
    talk->by->close(far);
    return NULL;
}

/* The first byte is answered: then both have shaken hands. */
static void *swallow(void *argument)
{
    const struct talk *talk = argument;
    void *far = talk->by->accept();
    long n = talk->by->recv(far, far_buffer, 1);

    need(n == 1 && talk->by->send(far, far_buffer, 1) == 1, "the first byte");
    while (talk->by->recv(far, far_buffer, talk->size) > 0) {
    }
    talk->by->close(far);
    return NULL;
}

static void check_cipher(const struct stack *by, void *connection)
{
    char name[64];

    need(strcmp(by->cipher(connection, name, sizeof name), TLS_CIPHER) == 0, "the cipher");
}

static double converse(const struct stack *by, size_t size, void *(*far_side)(void *),
                       bool is_answered)
{
    struct talk talk = {by, size};
    pthread_t thread;
    long count = 0;

    by->start(false);
    pthread_create(&thread, NULL, far_side, &talk);
    void *near = by->dial();

    check_cipher(by, near);
    need(by->send(near, near_buffer, 1) == 1 && by->recv(near, near_buffer, 1) == 1, "a byte");
    double begun = contest_now();
    double before = spent();

    while (contest_goes_on(begun)) {
        for (int i = 0; i < LOOKS_APART; i++) {
            need(by->send(near, near_buffer, size) == (long)size &&
                     (!is_answered || by->recv(near, near_buffer, size) == (long)size),
                 "the conversation");
            count++;
        }
    }
    by->close(near);
    pthread_join(thread, NULL);
    double rate = (double)count / (spent() - before);

    by->stop();
    return rate;
}

static double bulk(void *by)
{
    return converse(by, LARGE, swallow, false);
}

static double ping_pong(void *by)
{
    return converse(by, SMALL, echo, true);
}

/* ---- Memory ---- */

struct crowd {
    const struct stack *by;
    void *far[IDLE];
};

static void *hold(void *argument)
{
    struct crowd *crowd = argument;

    for (int i = 0; i < IDLE; i++) {
        crowd->far[i] = crowd->by->accept();
        need(crowd->by->recv(crowd->far[i], far_buffer, SMALL) == SMALL &&
                 crowd->by->send(crowd->far[i], far_buffer, SMALL) == SMALL,
             "the message");
    }
    return NULL;
}

/* Bytes of heap of each end of a connection that has carried a message each way. */
static double idle_bytes(const struct stack *by)
{
    static struct crowd crowd;
    static void *near[IDLE];
    pthread_t thread;

    crowd.by = by;
    by->start(true);
    double before = footprint_now().heap;

    pthread_create(&thread, NULL, hold, &crowd);
    for (int i = 0; i < IDLE; i++) {
        near[i] = by->dial();
        need(by->send(near[i], near_buffer, SMALL) == SMALL &&
                 by->recv(near[i], near_buffer, SMALL) == SMALL,
             "the message");
    }
    pthread_join(thread, NULL);
    double bytes = (footprint_now().heap - before) / (2.0 * IDLE);

    for (int i = 0; i < IDLE; i++) {
        by->close(near[i]);
        by->close(crowd.far[i]);
    }
    by->stop();
    return bytes;
}

/* ---- The parts ---- */

static void compare(const char *title, const char *what, double (*run)(void *by))
{
    const struct entry entries[] = {{"raw OpenSSL", run, (void *)(uintptr_t)&stack_raw, 0},
                                    {"tls://, 5 s", run, (void *)(uintptr_t)&stack_facade, 0}};

    contest_run(title, entries, 2);
    target(what, contest_ratio(1, 0).median, ">= 0.95");
}

static void run_handshakes(void)
{
    compare("tls handshakes, full, verified", "tls:// full handshakes, of raw", full);
}

static void run_resumed(void)
{
    compare("tls handshakes, resumed", "tls:// resumed handshakes, of raw", resumed);
}

static void run_bulk(void)
{
    compare("tls one way, 64 KiB", "tls:// 64 KiB one way, of raw", bulk);
}

static void run_ping_pong(void)
{
    compare("tls ping-pong, 64 B", "tls:// ping-pong, of raw", ping_pong);
}

static void run_memory(void)
{
    double raw = idle_bytes(&stack_raw);
    double facade = idle_bytes(&stack_facade);

    printf("heap of an idle end of a TLS connection: raw %.0f bytes, netfacade %.0f\n", raw,
           facade);
    target("tls:// heap of an idle end, more than raw, KiB", (facade - raw) / 1024.0, "<= 3");
}

int main(int argc, char **argv)
{
    static const struct part parts[] = {{"handshakes", run_handshakes},
                                        {"resumed", run_resumed},
                                        {"bulk", run_bulk},
                                        {"ping-pong", run_ping_pong},
                                        {"memory", run_memory}};

    return report_parts(argc, argv, parts, sizeof parts / sizeof parts[0], 0.2, "tls, in short");
}
