/* What the tests share: addresses to run over, two ends that talk, threads that sit in a call, raw
 * peers that misbehave, and assertions that print the sentence of a failure.
 *
 * cmocka leaves a test by longjmp, so assert in the test's own thread and process only: a thread
 * keeps its result in its struct, a child says it by its exit status. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "netfacade.h"

/* ---- The network ---- */

/* Whether this program has a network of its own, with nothing in it but a loopback: as root,
 * mostly. Only then may a test lay wires or set up a firewall. */
bool has_own_network(void);

/* ---- Assertions ---- */

void check_code(long long got, int expected, const char *call, const char *file, int line);
long long check_ok(long long got, const char *call, const char *file, int line);
net_socket *check_socket(net_socket *got, const char *call, const char *file, int line);
void check_no_socket(net_socket *got, int expected, const char *call, const char *file, int line);
void check_took(double ms, double least, double most, const char *file, int line);
bool check_in_time(bool holds, const char *what, const char *file, int line);
void check_says(const char *text, const char *words, const char *file, int line);
void check_blames(const char *verb, const char *address, const char *file, int line);

/* The call returns this negative code, and net_error() says the same. */
#define assert_code(call, code) check_code((call), (code), #call, __FILE__, __LINE__)
/* The call succeeds; its value, as long long. */
#define assert_ok(call)       check_ok((call), #call, __FILE__, __LINE__)
#define assert_count(call, n) assert_int_equal(assert_ok(call), (n))
/* The call returns a socket; the socket. */
#define assert_socket(call) check_socket((call), #call, __FILE__, __LINE__)
/* The call returns NULL, and net_error() is this code. */
#define assert_no_socket(call, code) check_no_socket((call), (code), #call, __FILE__, __LINE__)
/* So many milliseconds lie in [least, most]; `most` is stretched where programs run slowly, and
 * held as in_time holds. */
#define assert_took(ms, least, most) check_took((ms), (least), (most), __FILE__, __LINE__)
/* Whether this holds, which is for a machine that does not stall. Where it does not, the test may
 * go on or return, closing what it opened, and is run again from its beginning; it fails when it is
 * late in every run. Only in tests that run_list runs. */
#define in_time(condition) check_in_time((condition), #condition, __FILE__, __LINE__)
/* The sentence contains these words. */
#define assert_says(words) check_says(net_error_text(), (words), __FILE__, __LINE__)
/* The sentence names this verb, and a socket of the address's scheme. */
#define assert_blames(verb, address) check_blames((verb), (address), __FILE__, __LINE__)

/* ---- Who makes the calls ---- */

/* Whether the blocking calls of this program are played by a server with a poller, in driven/. A
 * dial that ran out of time says then that it was still going on, and names no attempt. */
bool is_driven(void);

/* ---- Time ---- */

/* How many times slower than natively programs may run here: 1, more under a sanitizer or valgrind,
 * or what the environment says in NETFACADE_TEST_SLOW. */
int slowness(void);
double now_ms(void);
double elapsed_ms(double since);
void nap(int ms);
/* A deadline that passes only when something hangs: 20 s, stretched. */
net_deadline soon(void);

/* ---- Addresses, and tests run over each of them ---- */

/* Lists end with NULL. */
extern const char *const stream_templates[];
extern const char *const datagram_templates[];
extern const char *const all_templates[];
/* The same without what shares its code with another, a path or a layer: for tests that are slow by
 * nature. */
extern const char *const stream_wires[];
extern const char *const all_wires[];
/* Of these: hosts and ports, each of 127.0.0.1, ::1, every interface. */
extern const char *const tcp_templates[];
extern const char *const udp_templates[];
extern const char *const ip_templates[];
/* Sockets of the kernel's: descriptors, which other processes may have, and system calls. */
extern const char *const kernel_templates[];
extern const char *const kernel_streams[];
extern const char *const kernel_datagrams[];

struct test {
    const char *name;
    void (*run)(void **state);
};

/* clang-format off */
#define TEST(function) {#function, function}
/* clang-format on */
#define COUNT(array)              (sizeof(array) / sizeof((array)[0]))
#define run_over(templates, list) run_list((templates), (list), COUNT(list))
#define run_once(list)            run_list(NULL, (list), COUNT(list))

/* Runs each test over each template, which it gets by template_of(state), or once with a NULL
 * template; a test that leaves a descriptor open or a thread running fails. Returns the number of
 * failures. */
int run_list(const char *const *templates, const struct test *tests, size_t count);
/* Where a template leaves a name open, another address at each call, good until the test is over.
 */
const char *template_of(void **state);
bool is_stream(const char *address);
/* Whether many datagrams may wait unread there: over unix, where we may say how many. */
bool holds_many(const char *address);
/* Whether it has a host and a port. */
bool is_ip(const char *address);

enum { ADDRESS_MAX = 256 };

/* The address to dial in order to reach a listener; of a wildcard, by loopback. */
void dial_address(net_socket *listener, char address[ADDRESS_MAX]);
/* A property that is a number. */
long long number_of(net_socket *socket, const char *name);

/* ---- Two ends that talk ---- */

struct pair {
    net_socket *listener;
    net_socket *client;
    net_socket *server;
};

/* An address with more options; NULL: none. */
void with_options(char whole[ADDRESS_MAX], const char *address, const char *options);

/* Listens on the template, dials it and accepts. Over udp the client says "hi" first, and the
 * server has heard it. */
void dial_pair(const char *address, struct pair *pair);
/* The same with options ("rcvbuf=4096&sndbuf=4096", NULL: none) for each side. */
void dial_pair_with(const char *address, const char *listen_options, const char *dial_options,
                    struct pair *pair);
/* Another client of the same listener. */
void dial_again(net_socket *listener, net_socket **client, net_socket **server);
/* Closes what is not NULL, with NET_NOW. */
void close_pair(struct pair *pair);

/* What one end sends and the other must get: `size` bytes at `offset` of an endless text. */
void write_pattern(void *buffer, size_t size, size_t offset);
bool is_pattern(const void *buffer, size_t size, size_t offset);
/* Sends until the system takes no more; how many bytes it took. */
size_t fill(net_socket *socket);
/* Seeded, below `limit`. */
unsigned random_below(unsigned *seed, unsigned limit);

/* ---- A thread that sits in a call ---- */

struct caller;
typedef long long caller_call(struct caller *caller);

struct caller {
    caller_call *call;
    net_socket *socket;
    net_deadline deadline;
    net_socket *made;    /* by an accept or connect */
    const char *address; /* for connect */
    long long result;
    int code;           /* net_error() after it */
    double ms;          /* from the start of the thread */
    net_deadline ended; /* when it returned */
    pthread_t thread;
    pid_t tid;
    _Atomic bool entered;
    _Atomic bool done;
};

/* The usual calls. call_send sends far more than buffers hold. call_accept and call_connect give
 * 0 or the code. */
caller_call call_send, call_recv, call_recv_all, call_recv_until, call_recv_messages, call_accept,
    call_connect;

/* Starts the thread and waits until it seems to sleep in its call. */
void caller_start(struct caller *caller, caller_call *call, net_socket *socket,
                  net_deadline deadline);
/* Starts it at once. */
void caller_launch(struct caller *caller, caller_call *call, net_socket *socket,
                   net_deadline deadline);
void caller_join(struct caller *caller);

/* ---- A thread that sends another a signal each millisecond, handled without SA_RESTART ---- */

struct storm {
    pthread_t thread;
    pthread_t target;
    _Atomic bool stop;
    _Atomic int sent;
};

void storm_start(struct storm *storm, pthread_t target);
void storm_stop(struct storm *storm);

/* ---- Processes and descriptors ---- */

int open_descriptors(void);
int running_threads(void);
/* Waits until poll(2) tells of one of these events, an error or a hang-up: what was sent has come
 * when the system says so, not when the call that sent it is over. */
void await_events(int fd, short events);
/* The same of what a socket tells, which may have no descriptor. */
void await_ready(net_socket *socket, short events);
/* Waits until the system holds so many bytes for a stream. Where there is no system between the
 * ends they are there once they were sent. */
void await_bytes(net_socket *socket, int count);
/* Runs `body` in a forked child; returns what it returned (0 to 99), or 100 and more: the signal
 * that ended it. A child that hangs is ended by SIGALRM. */
int in_child(int (*body)(void *argument), void *argument);

/* A plain descriptor connected to the listener (tcp or udp), which the library knows nothing of. */
int raw_dial(net_socket *listener);
/* A dialed datagram socket, and whom it dialed: a listener that is gone. */
net_socket *dial_nobody(const char *template, char target[ADDRESS_MAX]);
/* The same, after a batch of two messages of which one was sent; the last failure is that the other
 * was refused. */
net_socket *refuse_part_way(const char *template, const net_message messages[2]);
/* For a test that replaces getaddrinfo(3) and knows the real one: what a name server would say of a
 * host on loopback, in the family that is asked for. */
struct addrinfo;
typedef int look_up(const char *node, const char *service, const struct addrinfo *hints,
                    struct addrinfo **list);
int look_up_loopback(look_up *real, const char *service, const struct addrinfo *hints,
                     struct addrinfo **list);
/* Records another failure, NET_ADDRESS of nonsense://, so that a test sees whether a call records
 * its own. */
void fail_otherwise(void);
/* Closes it so that the peer sees a reset. */
void raw_reset(int fd);

/* Somebody who talks and ends as he likes: a plain descriptor where the wire has such, else a
 * socket. */
struct stranger {
    int fd; /* -1: he is the socket */
    net_socket *socket;
};

/* He calls and is accepted; the socket on our side. He has not read all that it said. */
net_socket *meet_stranger(net_socket *listener, struct stranger *him);
void stranger_says(const struct stranger *him, const char *words);
/* Waits for the end of what we say to him. */
void stranger_hears_end(const struct stranger *him);
/* Gone, in order, or so that we see a reset. */
void stranger_leaves(struct stranger *him);
void stranger_breaks_off(struct stranger *him);

/* A listener whose queue is full: a dial hangs there until somebody accepts the caller. */
struct black_hole {
    int listener;
    int caller;
    char address[ADDRESS_MAX];
};

/* At an address in numbers; port 0: at any. */
void open_black_hole(const char *host, int port, struct black_hole *hole);
void close_black_hole(const struct black_hole *hole);

#endif
