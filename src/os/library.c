/* Loading a shared library with dlopen(3). */
#include "os/library.h"
#include "os/cause.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

#define NAME "libnetfacade-tls.so.0"

/* The build says where it installs the library. */
#ifndef NETFACADE_TLS_PATH
#define NETFACADE_TLS_PATH "/usr/local/lib/" NAME
#endif

/* A user of a setuid program, or of one with file capabilities, must not choose what it loads. */
static bool is_privileged(void)
{
    return getauxval(AT_SECURE) != 0;
}

int nf_library_tls(const void *(**function)(void))
{
    const char *name = NAME;

    if (is_privileged()) {
        name = NETFACADE_TLS_PATH;
    }
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "netfacade_tls") : NULL;

    if (symbol == NULL) {
        const char *why = dlerror(); /* NOLINT(concurrency-mt-unsafe): of this thread, in glibc */

        return nf_fail_because(
            NET_UNSUPPORTED, "%s; install it, or link it and call net_use_cipher(net_tls())%s",
            why != NULL ? why : name,
            is_privileged() ? "; a privileged program loads it from no other place" : "");
    }
    memcpy(function, &symbol, sizeof symbol); /* ISO C has no such cast */
    return 0;
}
