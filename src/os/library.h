/* Loading a shared library while the program runs. A static archive has library_none.c instead, so
 * that it does not refer to dlopen. */
#ifndef NF_OS_LIBRARY_H
#define NF_OS_LIBRARY_H

/* Load libnetfacade-tls, once, and find its function net_tls. In a privileged process only the file
 * at the path that was fixed when this library was built. 0, or NET_UNSUPPORTED with what to do.
 * dlopen(3), getauxval(3), ld.so(8) */
int nf_library_tls(const void *(**function)(void));

#endif
