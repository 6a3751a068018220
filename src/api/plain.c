/* The plain names, such as net_send, for dlsym and for bindings that do not read the header. C
 * programs do not use these symbols: netfacade.h redirects net_send to netfacade_send. The symbols
 * are weak, so that a program that defines one of the names itself, and takes another from the
 * static library, still links. */
#include "netfacade.h"
#include "netfacade/cipher.h"

#define PLAIN(type, name, parameters, arguments)                                                   \
    __attribute__((weak, visibility("default")))                                                   \
    type plain_##name parameters __asm__("net_" #name);                                            \
    type plain_##name parameters                                                                   \
    {                                                                                              \
        return net_##name arguments;                                                               \
    }

#define PLAIN_VOID(name, parameters, arguments)                                                    \
    __attribute__((weak, visibility("default"))) void plain_##name parameters __asm__(             \
        "net_" #name);                                                                             \
    void plain_##name parameters                                                                   \
    {                                                                                              \
        net_##name arguments;                                                                      \
    }

PLAIN(net_deadline, after, (int64_t milliseconds), (milliseconds))

PLAIN(net_socket *, listen, (const char *address), (address))
PLAIN(net_socket *, accept, (net_socket * listener, net_deadline deadline), (listener, deadline))
PLAIN(net_socket *, connect, (const char *address, net_deadline deadline), (address, deadline))
PLAIN(ssize_t, send, (net_socket * socket, const void *data, size_t size, net_deadline deadline),
      (socket, data, size, deadline))
PLAIN(ssize_t, recv, (net_socket * socket, void *buffer, size_t size, net_deadline deadline),
      (socket, buffer, size, deadline))
PLAIN(int, close, (net_socket * socket, net_deadline deadline), (socket, deadline))

PLAIN(ssize_t, recv_all, (net_socket * socket, void *buffer, size_t size, net_deadline deadline),
      (socket, buffer, size, deadline))
PLAIN(ssize_t, recv_until,
      (net_socket * socket, void *buffer, size_t size, int delimiter, net_deadline deadline),
      (socket, buffer, size, delimiter, deadline))
PLAIN(ssize_t, send_vector,
      (net_socket * socket, const net_slice *slices, int count, net_deadline deadline),
      (socket, slices, count, deadline))
PLAIN(int, shutdown, (net_socket * socket), (socket))
PLAIN_VOID(cancel, (net_socket * socket), (socket))

PLAIN(int, send_messages,
      (net_socket * socket, const net_message *messages, int count, net_deadline deadline),
      (socket, messages, count, deadline))
PLAIN(int, recv_messages,
      (net_socket * socket, net_message *messages, int count, net_deadline deadline),
      (socket, messages, count, deadline))
PLAIN(int, resolve,
      (const char *address, net_endpoint *endpoints, int count, net_deadline deadline),
      (address, endpoints, count, deadline))
PLAIN(int, endpoint_text, (const net_endpoint *endpoint, char *buffer, size_t size),
      (endpoint, buffer, size))

PLAIN(int, get, (net_socket * socket, const char *name, char *buffer, size_t size),
      (socket, name, buffer, size))
PLAIN(int, set, (net_socket * socket, const char *name, const char *value), (socket, name, value))
PLAIN(int, get_number, (net_socket * socket, const char *name, int64_t *value),
      (socket, name, value))
PLAIN(int, fd, (net_socket * socket), (socket))
PLAIN(int, release, (net_socket * socket), (socket))
PLAIN(int, address,
      (char *buffer, size_t size, const char *scheme, const char *host, const char *port),
      (buffer, size, scheme, host, port))

PLAIN(net_poller *, poller_open, (void), ())
PLAIN(int, poller_watch,
      (net_poller * poller, net_socket *socket, unsigned interest, void *user,
       net_deadline deadline),
      (poller, socket, interest, user, deadline))
PLAIN(int, poller_wait, (net_poller * poller, net_event *events, int count, net_deadline deadline),
      (poller, events, count, deadline))
PLAIN(int, poller_list, (net_poller * poller, net_event *events, int count),
      (poller, events, count))
PLAIN_VOID(poller_wake, (net_poller * poller), (poller))
PLAIN(int, poller_fd, (net_poller * poller), (poller))
PLAIN_VOID(poller_close, (net_poller * poller), (poller))

PLAIN(int, error, (void), ())
PLAIN(const char *, error_text, (void), ())
PLAIN(const char *, strerror, (int code), (code))
PLAIN(const char *, version, (void), ())

PLAIN(int, use_cipher, (const net_cipher *cipher), (cipher))
