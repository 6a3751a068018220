/* The parts of bench_servers. */
#ifndef BENCH_SERVERS_H
#define BENCH_SERVERS_H

void echo_run(void);
void memory_run(void);
void watch_run(void);
void hundred_thousand_run(void);

#endif
