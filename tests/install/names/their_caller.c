/* A program that uses netfacade and another library with a net_accept. The program calls that
 * net_accept if it has an argument. Exits with 0 if every call reached the function that it was
 * meant for. */
#include "theirs.h"

#include <stdio.h>

int we_reach_netfacade(void);

int main(int argc, char **argv)
{
    int calls = 0;
    int well = we_reach_netfacade() && their_calls() == 0;

    (void)argv;
    if (argc > 1) {
        calls = 2;
        well = well && net_accept(1) == 2 && their_own_accept(2) == 3;
    }
    if (!well || their_calls() != calls) {
        printf("netfacade was %sreached; net_accept had %d calls, not %d\n", well ? "" : "not ",
               their_calls(), calls);
        return 1;
    }
    return 0;
}
