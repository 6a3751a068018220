/* The conversation of conversation.h with one fault, for every place where the fault can occur. */
#ifndef TORTURE_H
#define TORTURE_H

#include <stdbool.h>
#include <stddef.h>

/* A call that can fail, and the errors that it may have, 0 after the last. `id` is the test's. */
struct victim {
    const char *name;
    int id;
    int errors[8];
};

/* For the replacement of a call: whether this one must fail. If so, errno is set. Counts only while
 * a conversation runs. */
bool torture_strikes(int id);
/* Whether a conversation runs. */
bool torture_runs(void);

/* What the next torture runs instead of the conversation of conversation.h. It asserts what must be
 * true, closes everything, and returns whether all of it worked. */
void torture_run(bool (*conversation)(const char *address, bool dialing));

/* Each victim fails with each of its errors (`errors` false: with the first), at the first call,
 * the second, and so on, once or from then on; over tcp and udp, connecting and dialing. After each
 * conversation `check`, which may be NULL, checks that everything is as before. */
void torture_all(const struct victim *victims, size_t count, bool for_ever, bool errors,
                 bool (*check)(void));

#define TORTURE_WRAP(id, type, name, parameters, arguments)                                        \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return torture_strikes(id) ? (type)-1 : __real_##name arguments;                           \
    }

#endif
