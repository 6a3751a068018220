/* A program that reaches netfacade without its header, as bindings do. */
#include <stddef.h>

const char *net_version(void);
int we_reach_netfacade(void);

int main(void)
{
    return !(net_version() != NULL && we_reach_netfacade());
}
