/* For a test that replaces syscall(2): pass a call on with all the arguments that it may have. */
#ifndef FORWARD_H
#define FORWARD_H

#include <stdarg.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static inline long forward_syscall(long number, va_list list)
{
    enum { MOST = 6 };
    long argument[MOST];

    for (int i = 0; i < MOST; i++) {
        argument[i] = va_arg(list, long);
    }
    return __real_syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                          argument[5]);
}

#endif
