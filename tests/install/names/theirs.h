/* Another library, which has a net_accept, and knows nothing of netfacade. */
#ifndef THEIRS_H
#define THEIRS_H

int net_accept(int number);
int their_own_accept(int number); /* by the above, from within */
int their_calls(void);

#endif
