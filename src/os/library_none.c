/* No shared library is loaded: the program is linked statically. */
#include "os/library.h"
#include "os/cause.h"

int nf_library_tls(const void *(**function)(void))
{
    (void)function;
    return nf_fail_because(NET_UNSUPPORTED, "a program that is linked statically links "
                                            "libnetfacade-tls, too, and calls "
                                            "net_use_cipher(net_tls())");
}
