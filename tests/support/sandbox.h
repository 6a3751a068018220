/* A filter that refuses system calls to this process and its children for good. seccomp(2) */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

enum { ANY_ARGUMENT = -1 };

/* From now on the call of this number fails with `error`, if its first argument is `first` or that
 * is ANY_ARGUMENT. Filters add up. False: the system does not let us. */
bool refuse_call(int number, int first, int error);

#endif
