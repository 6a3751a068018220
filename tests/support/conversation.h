/* One conversation that uses most of the library and survives every failure. It is for tests that
 * make the system calls and allocations under it fail. */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include <stdbool.h>

/* Listen on the template, dial (with NET_NOW when `dialing`), accept, talk, cancel and close. At
 * the first failure it stops talking, but closes everything. It asserts that each call ends in
 * time, and that a failure has a code and a sentence. Returns whether all of it worked. */
bool converse(const char *address, bool dialing);

#endif
