/* A program that uses netfacade, and has a net_send of its own. Exits with 0 if every call reached
 * the function that it was meant for. */
#include <stdio.h>
#include <string.h>

size_t net_send(const char *words);
int we_reach_netfacade(void);

static int calls;

size_t net_send(const char *words)
{
    calls++;
    return strlen(words);
}

int main(void)
{
    int well = net_send("mine") == 4 && we_reach_netfacade();

    if (!well || calls != 1) {
        printf("netfacade was %sreached; the program's net_send had %d calls\n", well ? "" : "not ",
               calls);
        return 1;
    }
    return 0;
}
