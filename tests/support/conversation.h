/* One conversation that uses most of the library and takes every failure calmly: for tests that
 * make the ground under it fail. */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include <stdbool.h>

/* Listen on the template, dial (with NET_NOW when `dialing`), accept, talk, cancel and close; stop
 * talking at the first failure, but close everything. Asserts that each call ends in time, and that
 * a failure has a code and a sentence. Returns whether all of it worked. */
bool converse(const char *address, bool dialing);

#endif
