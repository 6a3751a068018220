/* Descriptors that a peer passes over a unix socket (unix(7), SCM_RIGHTS), and a kind whose close
 * takes time. Nothing here asserts, so children and threads may use it. */
#ifndef PASSED_H
#define PASSED_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

enum { PASSED_MOST = 253 /* SCM_MAX_FD */ };

/* Whether this system can refuse passed descriptors. */
bool can_refuse_passed(void);

/* Send bytes together with copies of descriptors. Returns what sendmsg(2) returns. */
ssize_t pass_descriptors(int over, const void *bytes, size_t size, const int *passed, int count,
                         int flags);

/* A tcp connection full of bytes that nobody reads: the close of its last copy takes so many
 * seconds (SO_LINGER). raw_reset closes it at once. `listener` is -1 the first time, and then a
 * plain listener, which you close. */
int open_lingering(int *listener, int seconds);

#endif
