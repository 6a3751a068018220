/* The same work over TCP by raw calls, by netfacade, and by comparable libraries if they are
 * installed. */
#include "contest.h"

#include <netfacade.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef HAVE_APR
#include <apr_network_io.h>
#endif
#ifdef HAVE_NSPR
#include <nspr.h>
#endif

enum {
    LARGE = 64 * 1024,
    LOOKS_APART = 16 /* operations between two looks at the clock */
};

/* How a library does it. Connections are blocking, with TCP_NODELAY, and every call has a deadline
 * if the library has deadlines. */
struct contestant {
    const char *name;
    void *(*listen)(int *port);
    void *(*dial)(int port);
    void *(*pick_up)(void *listener);
    long (*send)(void *call, const void *data, size_t size);
    long (*recv)(void *call, void *buffer, size_t size);
    void (*close)(void *call);
};

/* ---- Raw calls ---- */

static void *of_fd(int fd)
{
    return (void *)(intptr_t)fd;
}

static int fd_of(void *call)
{
    return (int)(intptr_t)call;
}

static void *raw_listen(int *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(bind(fd, (struct sockaddr *)&name, length) == 0 && listen(fd, SOMAXCONN) == 0, "listen");
    getsockname(fd, (struct sockaddr *)&name, &length);
    *port = ntohs(name.sin_port);
    return of_fd(fd);
}

static void *raw_dial(int port)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(connect(fd, (struct sockaddr *)&name, sizeof name) == 0, "connect");
    return of_fd(fd);
}

static void *raw_pick_up(void *listener)
{
    return of_fd(accept4(fd_of(listener), NULL, NULL, SOCK_CLOEXEC));
}

static long raw_send(void *call, const void *data, size_t size)
{
    return send(fd_of(call), data, size, MSG_NOSIGNAL);
}

static long raw_recv(void *call, void *buffer, size_t size)
{
    return recv(fd_of(call), buffer, size, 0);
}

static void raw_close(void *call)
{
    close(fd_of(call));
}

/* ---- netfacade ---- */

static char facade_address[64];

static void *facade_listen(int *port)
{
    net_socket *listener = net_listen("tcp://127.0.0.1:0");

    *port = 0;
    need(listener != NULL && net_get(listener, "local", facade_address, sizeof facade_address) > 0,
         "net_listen");
    return listener;
}

static void *facade_dial(int port)
{
    (void)port;
    return net_connect(facade_address, net_after(PATIENCE));
}

static void *facade_pick_up(void *listener)
{
    return net_accept(listener, net_after(PATIENCE));
}

static long facade_send(void *call, const void *data, size_t size)
{
    return net_send(call, data, size, net_after(PATIENCE));
}

static long facade_recv(void *call, void *buffer, size_t size)
{
    return net_recv(call, buffer, size, net_after(PATIENCE));
}

static void facade_close(void *call)
{
    net_close(call, NET_NOW);
}

#ifdef HAVE_APR
/* ---- APR ---- */

static apr_socket_t *apr_socket(apr_sockaddr_t **name, int port)
{
    apr_pool_t *pool;
    apr_socket_t *made;

    apr_pool_create(&pool, NULL);
    apr_sockaddr_info_get(name, "127.0.0.1", APR_INET, (apr_port_t)port, 0, pool);
    apr_socket_create(&made, APR_INET, SOCK_STREAM, APR_PROTO_TCP, pool);
    apr_socket_opt_set(made, APR_TCP_NODELAY, 1);
    return made;
}

static void *apr_start_listening(int *port)
{
    apr_sockaddr_t *name;
    apr_socket_t *made = apr_socket(&name, 0);

    apr_socket_opt_set(made, APR_SO_REUSEADDR, 1);
    need(apr_socket_bind(made, name) == 0 && apr_socket_listen(made, SOMAXCONN) == 0, "apr");
    apr_socket_addr_get(&name, APR_LOCAL, made);
    *port = name->port;
    return made;
}

static void *apr_dial(int port)
{
    apr_sockaddr_t *name;
    apr_socket_t *made = apr_socket(&name, port);

    apr_socket_timeout_set(made, PATIENCE * 1000);
    need(apr_socket_connect(made, name) == 0, "apr connect");
    return made;
}

static void *apr_pick_up(void *listener)
{
    apr_pool_t *pool;
    apr_socket_t *made;

    apr_pool_create(&pool, NULL);
    need(apr_socket_accept(&made, listener, pool) == 0, "apr accept");
    apr_socket_timeout_set(made, PATIENCE * 1000);
    return made;
}

/* It sends a part when there is no room for everything. */
static long apr_send(void *call, const void *data, size_t size)
{
    size_t sent = 0;

    while (sent < size) {
        apr_size_t length = size - sent;

        if (apr_socket_send(call, (const char *)data + sent, &length) != 0) {
            return -1;
        }
        sent += length;
    }
    return (long)sent;
}

static long apr_recv(void *call, void *buffer, size_t size)
{
    apr_size_t length = size;

    return apr_socket_recv(call, buffer, &length) == 0 ? (long)length : -1;
}

static void apr_hang_up(void *call)
{
    apr_pool_t *pool = apr_socket_pool_get(call);

    apr_socket_close(call);
    apr_pool_destroy(pool);
}
#endif

#ifdef HAVE_NSPR
/* ---- NSPR ---- */

static PRFileDesc *nspr_socket(PRNetAddr *name, int port)
{
    PRFileDesc *made = PR_OpenTCPSocket(PR_AF_INET);
    PRSocketOptionData on = {.option = PR_SockOpt_NoDelay, .value.no_delay = PR_TRUE};

    PR_SetSocketOption(made, &on);
    memset(name, 0, sizeof *name);
    PR_InitializeNetAddr(PR_IpAddrLoopback, (PRUint16)port, name);
    return made;
}

static void *nspr_listen(int *port)
{
    PRNetAddr name;
    PRFileDesc *made = nspr_socket(&name, 0);

    need(PR_Bind(made, &name) == PR_SUCCESS && PR_Listen(made, SOMAXCONN) == PR_SUCCESS, "nspr");
    PR_GetSockName(made, &name);
    *port = ntohs(name.inet.port);
    return made;
}

static void *nspr_dial(int port)
{
    PRNetAddr name;
    PRFileDesc *made = nspr_socket(&name, port);

    need(PR_Connect(made, &name, PR_MillisecondsToInterval(PATIENCE)) == PR_SUCCESS, "nspr");
    return made;
}

static void *nspr_pick_up(void *listener)
{
    return PR_Accept(listener, NULL, PR_MillisecondsToInterval(PATIENCE));
}

static long nspr_send(void *call, const void *data, size_t size)
{
    return PR_Send(call, data, (PRInt32)size, 0, PR_MillisecondsToInterval(PATIENCE));
}

static long nspr_recv(void *call, void *buffer, size_t size)
{
    return PR_Recv(call, buffer, (PRInt32)size, 0, PR_MillisecondsToInterval(PATIENCE));
}

static void nspr_close(void *call)
{
    PR_Close(call);
}
#endif

/* The others are compared with the first. The second is the same again, and shows how large a
 * difference has to be to mean something. */
static struct contestant contestants[] = {
    {"raw", raw_listen, raw_dial, raw_pick_up, raw_send, raw_recv, raw_close},
    {"raw again", raw_listen, raw_dial, raw_pick_up, raw_send, raw_recv, raw_close},
    {"netfacade", facade_listen, facade_dial, facade_pick_up, facade_send, facade_recv,
     facade_close},
#ifdef HAVE_APR
    {"APR", apr_start_listening, apr_dial, apr_pick_up, apr_send, apr_recv, apr_hang_up},
#endif
#ifdef HAVE_NSPR
    {"NSPR", nspr_listen, nspr_dial, nspr_pick_up, nspr_send, nspr_recv, nspr_close},
#endif
};

enum { CONTESTANTS = sizeof contestants / sizeof contestants[0] };

/* ---- The disciplines: each returns operations per second ---- */

struct match {
    const struct contestant *by;
    void *near;
    void *far;
    size_t size;
};

static _Alignas(PAGE) char near_buffer[LARGE];
static _Alignas(PAGE) char far_buffer[LARGE];

static void *echo(void *argument)
{
    struct match *match = argument;

    for (;;) {
        long n = match->by->recv(match->far, far_buffer, match->size);

        if (n <= 0 || match->by->send(match->far, far_buffer, (size_t)n) != n) {
            return NULL;
        }
    }
}

static double ping_pong(struct match *match)
{
    double begun = contest_now();
    long count = 0;

    while (contest_goes_on(begun)) {
        for (int i = 0; i < LOOKS_APART; i++) {
            need(match->by->send(match->near, near_buffer, match->size) == (long)match->size &&
                     match->by->recv(match->near, near_buffer, match->size) == (long)match->size,
                 "ping-pong");
            count++;
        }
    }
    return (double)count / (contest_now() - begun);
}

static void *swallow(void *argument)
{
    struct match *match = argument;

    while (match->by->recv(match->far, far_buffer, match->size) > 0) {
    }
    return NULL;
}

static double one_way(struct match *match)
{
    double begun = contest_now();
    long count = 0;

    while (contest_goes_on(begun)) {
        need(match->by->send(match->near, near_buffer, match->size) == (long)match->size, "send");
        count++;
    }
    return (double)count / (contest_now() - begun);
}

static double talk(const struct contestant *by, size_t size, void *(*far_side)(void *),
                   double (*near_side)(struct match *))
{
    struct match match = {.by = by, .size = size};
    pthread_t thread;
    int port;
    void *listener = by->listen(&port);

    match.near = by->dial(port);
    match.far = by->pick_up(listener);
    need(match.near != NULL && match.far != NULL, "the connection");
    pthread_create(&thread, NULL, far_side, &match);
    double rate = near_side(&match);

    by->close(match.near);
    pthread_join(thread, NULL);
    by->close(match.far);
    by->close(listener);
    return rate;
}

static double small_ping_pong(void *by)
{
    return talk(by, SMALL, echo, ping_pong);
}

static double large_one_way(void *by)
{
    return talk(by, LARGE, swallow, one_way);
}

static double connects(void *contestant)
{
    const struct contestant *by = contestant;
    int port;
    void *listener = by->listen(&port);
    double begun = contest_now();
    long count = 0;

    while (contest_goes_on(begun)) {
        void *near = by->dial(port);
        void *far = by->pick_up(listener);

        by->close(near);
        by->close(far);
        count++;
    }
    by->close(listener);
    return (double)count / (contest_now() - begun);
}

static const struct {
    const char *name;
    double (*run)(void *by);
} disciplines[] = {{"TCP ping-pong, 64 B", small_ping_pong},
                   {"TCP one way, 64 KiB", large_one_way},
                   {"connect, accept, close", connects}};

enum { DISCIPLINES = sizeof disciplines / sizeof disciplines[0] };

int main(int argc, char **argv)
{
    contest_open(argc > 1 ? argv[1] : NULL, 0.1);
#ifdef HAVE_APR
    apr_initialize();
#endif
    for (int i = 0; i < DISCIPLINES; i++) {
        struct entry entries[CONTESTANTS];

        for (int j = 0; j < CONTESTANTS; j++) {
            entries[j] =
                (struct entry){contestants[j].name, disciplines[i].run, &contestants[j], 0};
        }
        contest_run(disciplines[i].name, entries, CONTESTANTS);
    }
    return 0;
}
