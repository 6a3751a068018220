/* The plain name net_tls, for dlsym and for bindings that do not read the header; weak, as those in
 * api/plain.c are, and for the same reason. */
#include <netfacade/cipher.h>

__attribute__((weak, visibility("default"))) const net_cipher *
plain_net_tls(void) __asm__("net_tls");

const net_cipher *plain_net_tls(void)
{
    return net_tls();
}
