/* Another library, which has a net_accept and does not use netfacade. */
#include "theirs.h"

static int calls;

int net_accept(int number)
{
    calls++;
    return number + 1;
}

int their_own_accept(int number)
{
    return net_accept(number);
}

int their_calls(void)
{
    return calls;
}
