/* What datagrams cost through the facade, next to raw calls in the same run:
 *
 *     bench_datagrams [ROUNDS [PART...]]      receive send echo strangers memory ping-pong
 *
 * A rate is of the processor time of the thread in question; what the other side spends is left
 * out, but in ping-pong, where both stay on one processor and the time by the clock is the sum. */
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
