/* What a server of very many connections costs on one thread through the poller, compared with a
 * raw epoll loop and, if they are installed, libuv and libevent, in the same run:
 *
 *     bench_servers [ROUNDS [PART...]]      echo watch memory hundred-thousand
 *
 * Servers and clients are separate processes, all on one processor. */
#include "servers/parts.h"
#include "report.h"

static const struct part parts[] = {{"echo", echo_run},
                                    {"watch", watch_run},
                                    {"memory", memory_run},
                                    {"hundred-thousand", hundred_thousand_run}};

int main(int argc, char **argv)
{
    return report_parts(argc, argv, parts, sizeof parts / sizeof parts[0], 0.05,
                        "servers, in short");
}
