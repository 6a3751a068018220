/* What streams, datagrams and messages over a stream (framed+) promise differently. A test that
 * runs over the addresses of several kinds asks here what to expect. */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>

enum word { CONNECTS, HALF_CLOSES, LINGERS, ENDS, LISTENER_TALKS, SENDS_PACKETS, WORDS };

/* Whether the word is true of what this address opens. */
bool does(const char *address, enum word word);

#endif
