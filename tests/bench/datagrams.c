/* What datagrams cost through the facade, compared with raw calls in the same run:
 *
 *     bench_datagrams [ROUNDS [PART...]]      receive send echo strangers memory ping-pong
 *
 * A rate is per second of processor time of the measured thread. The time of the other side is left
 * out, except in ping-pong: there both sides stay on one processor, and the time by the clock is
 * the sum. */
#include "datagrams/parts.h"
#include "report.h"

static const struct part parts[] = {{"receive", receive_run}, {"send", send_run},
                                    {"echo", echo_run},       {"strangers", strangers_run},
                                    {"memory", memory_run},   {"ping-pong", ping_pong_run}};

int main(int argc, char **argv)
{
    return report_parts(argc, argv, parts, sizeof parts / sizeof parts[0], 0.03,
                        "datagrams, in short");
}
