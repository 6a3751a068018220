/* Another library, which has a net_accept and does not use netfacade. */
#ifndef THEIRS_H
#define THEIRS_H

int net_accept(int number);
int their_own_accept(int number); /* calls the function above from inside the library */
int their_calls(void);

#endif
