/* The parts of bench_datagrams. */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

enum {
    BURST = 64
}; /* the most datagrams of one call, and the most that are on their way at once */

void receive_run(void);
void send_run(void);
void echo_run(void);
void strangers_run(void);
void memory_run(void);
void ping_pong_run(void);

#endif
