/* 64 bytes there and back between two sockets that are dialed to each other, both on one processor.
 * Each call of the facade has a deadline: one moment for all calls of a round, or one made for each
 * call by reading the clock, which the raw calls do not do. */
#include "contest.h"
#include "parts.h"
#include "report.h"
#include "udp.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOKS_APART = 16 }; /* operations between two looks at the clock */

struct pair {
    const char *name;
    ssize_t (*send)(const struct pair *self, int side, const void *data, size_t size);
    ssize_t (*recv)(const struct pair *self, int side, void *buffer, size_t size);
    int fds[2];
    net_socket *sockets[2];
    net_deadline deadline; /* the deadline of the round */
    bool keeps_deadline;
};

static _Alignas(PAGE) char buffers[2][PAGE];

static ssize_t raw_send(const struct pair *self, int side, const void *data, size_t size)
{
    return send(self->fds[side], data, size, 0);
}

static ssize_t raw_recv(const struct pair *self, int side, void *buffer, size_t size)
{
    return recv(self->fds[side], buffer, size, 0);
}

static net_deadline deadline_of(const struct pair *self)
{
    return self->keeps_deadline ? self->deadline : net_after(PATIENCE);
}

static ssize_t facade_send(const struct pair *self, int side, const void *data, size_t size)
{
    return net_send(self->sockets[side], data, size, deadline_of(self));
}

static ssize_t facade_recv(const struct pair *self, int side, void *buffer, size_t size)
{
    return net_recv(self->sockets[side], buffer, size, deadline_of(self));
}

/* Echoes until a datagram of another size comes. */
static void *echo(void *argument)
{
    const struct pair *self = argument;

    while (self->recv(self, 1, buffers[1], SMALL) == SMALL) {
        if (self->send(self, 1, buffers[1], SMALL) != SMALL) {
            break;
        }
    }
    return NULL;
}

static double ping_pong_round(void *by)
{
    struct pair *self = by;
    pthread_t thread;
    long count = 0;

    self->deadline = net_after(PATIENCE);
    need(pthread_create(&thread, NULL, echo, self) == 0, "pthread_create");
    double begun = contest_now();

    while (contest_goes_on(begun)) {
        for (int i = 0; i < LOOKS_APART; i++) {
            need(self->send(self, 0, buffers[0], SMALL) == SMALL &&
                     self->recv(self, 0, buffers[0], SMALL) == SMALL,
                 "ping-pong");
            count++;
        }
    }
    double seconds = contest_now() - begun;

    need(self->send(self, 0, buffers[0], 1) == 1, "the end of ping-pong");
    pthread_join(thread, NULL);
    return (double)count / seconds;
}

void ping_pong_run(void)
{
    enum { RAW, RAW_AGAIN, FACADE, FACADE_ANEW, PAIRS };
    struct pair pairs[PAIRS] = {
        {.name = "raw", .send = raw_send, .recv = raw_recv},
        {.name = "raw again", .send = raw_send, .recv = raw_recv},
        {.name = "dialed", .send = facade_send, .recv = facade_recv, .keeps_deadline = true},
        {.name = "dialed, net_after each", .send = facade_send, .recv = facade_recv},
    };
    struct entry entries[PAIRS];

    for (int i = 0; i < PAIRS; i++) {
        if (i < FACADE) {
            udp_raw_pair(pairs[i].fds);
        } else {
            udp_facade_pair(pairs[i].sockets);
        }
        entries[i] = (struct entry){pairs[i].name, ping_pong_round, &pairs[i], RAW};
    }
    contest_run("UDP ping-pong, 64 B, dialed", entries, PAIRS);
    target("ping-pong 64 B", contest_ratio(FACADE, RAW).median, ">= 0.97");
    target("ping-pong 64 B, net_after each", contest_ratio(FACADE_ANEW, RAW).median, ">= 0.97");

    for (int i = 0; i < PAIRS; i++) {
        for (int side = 0; side < 2; side++) {
            if (i < FACADE) {
                close(pairs[i].fds[side]);
            } else {
                net_close(pairs[i].sockets[side], NET_NOW);
            }
        }
    }
}
