/* What the server is doing, second by second, and the page that shows it. */
#ifndef HTTPD_LIVE_H
#define HTTPD_LIVE_H

#include <netfacade.h>

#include <stdint.h>

enum { LIVE_SECONDS = 60 }; /* how much of the past is shown */

struct live {
    int connections; /* now */
    int visitors;    /* those of /live/events among them */
    int places;      /* how many of these there may be */
    uint64_t requests;
    uint64_t bytes; /* sent */
};

extern struct live live; /* counted by the server */
extern const char live_page[];

/* `seconds` have passed since the last call: add a line to the history. */
void live_tick(double seconds);

/* The last `count` lines, or fewer if there are fewer, as server-sent events to hand to
 * net_send_vector. Returns how many; `slices` has room for them, and they are good until the next
 * tick. */
int live_lines(net_slice *slices, int count);

#endif
