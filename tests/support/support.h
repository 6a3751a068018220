/* What the tests share: addresses to run over, two ends that talk, threads that wait in a call, raw
 * peers that misbehave, and assertions that print the sentence of a failure.
 *
 * cmocka leaves a test by longjmp. Assert therefore only in the test's own thread and process: a
 * thread keeps its result in its struct, a child returns it as its exit status. */
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

#include "encrypted.h"

/* ---- The network ---- */

/* Whether this program has a network of its own, which contains only a loopback: mostly when it
 * runs as root. Only then may a test lay wires or set up a firewall. */
bool has_own_network(void);
/* Runs a command of the shell with this text as its input. Whether both worked. */
bool run_command(const char *command, const char *text);
/* Whether this program may make its own udp headers in this family (CAP_NET_RAW). */
bool may_send_raw(int family);

/* ---- Assertions ---- */

void check_code(long long got, int expected, const char *call, const char *file, int line);
long long check_ok(long long got, const char *call, const char *file, int line);
net_socket *check_socket(net_socket *got, const char *call, const char *file, int line);
void check_no_socket(net_socket *got, int expected, const char *call, const char *file, int line);
void check_took(double ms, double least, double most, const char *file, int line);
bool check_in_time(bool holds, const char *what, const char *file, int line);
void check_says(const char *text, const char *words, const char *file, int line);
void check_blames(const char *verb, const char *address, const char *file, int line);
void check_reads(net_socket *socket, const char *name, const char *expected, const char *file,
                 int line);

/* The call returns this negative code, and net_error() returns the same. */
#define assert_code(call, code) check_code((call), (code), #call, __FILE__, __LINE__)
/* The call succeeds. Returns its value, as long long. */
#define assert_ok(call)       check_ok((call), #call, __FILE__, __LINE__)
#define assert_count(call, n) assert_int_equal(assert_ok(call), (n))
/* The call returns a socket. Returns the socket. */
#define assert_socket(call) check_socket((call), #call, __FILE__, __LINE__)
/* The call returns NULL, and net_error() is this code. */
#define assert_no_socket(call, code) check_no_socket((call), (code), #call, __FILE__, __LINE__)
/* The milliseconds lie in [least, most]. `most` is stretched where programs run slowly, and is
 * checked as by in_time. */
#define assert_took(ms, least, most) check_took((ms), (least), (most), __FILE__, __LINE__)
/* Whether this is true, for conditions that need a machine that does not stall. If it is false, the
 * test may go on or return; it must close what it opened, and is run again from its beginning. It
 * fails if it is late in every run. Only for tests that run_list runs. */
#define in_time(condition) check_in_time((condition), #condition, __FILE__, __LINE__)
/* The sentence contains this text. */
#define assert_says(words) check_says(net_error_text(), (words), __FILE__, __LINE__)
/* The sentence names this verb, and a socket of the address's scheme. */
#define assert_blames(verb, address) check_blames((verb), (address), __FILE__, __LINE__)
/* A property has this value, as text. */
#define assert_reads(socket, name, text) check_reads((socket), (name), (text), __FILE__, __LINE__)
/* How often the words are in the text. */
int times_in(const char *text, const char *words);

/* ---- Which program makes the calls ---- */

/* Whether a server with a poller, in driven/, makes the blocking calls of this program. The
 * sentence of a dial that timed out is then that it was still going on, and names no attempt. */
bool is_driven(void);

/* ---- Time ---- */

/* How many times slower than natively programs may run here: 1, more under a sanitizer or valgrind,
 * or the value of NETFACADE_TEST_SLOW in the environment. */
int slowness(void);
double now_ms(void);
double elapsed_ms(double since);
/* The processor time that this thread has used. */
double thread_cpu_ms(void);
void nap(int ms);
/* A deadline that passes only when something hangs: 20 s, stretched. */
net_deadline soon(void);

/* ---- Addresses, and tests run over each of them ---- */

/* Lists end with NULL. The streams, whatever carries messages, and both. */
extern const char *const stream_templates[];
extern const char *const datagram_templates[];
extern const char *const all_templates[];
/* The datagrams without messages over streams: one socket of the system is shared by all peers of a
 * listener, and a send to nobody is no failure of the connection. */
extern const char *const plain_datagrams[];
/* Streams, and messages over streams: what has a peer that ends. */
extern const char *const connected_templates[];
/* The same without the templates that share their code with another (a path, a layer): for tests
 * that are slow by nature. */
extern const char *const stream_wires[];
extern const char *const all_wires[];
/* One of each kind of stream, for tests of what is kept of lines. */
extern const char *const line_templates[];
/* Those with a host and a port: 127.0.0.1, ::1, every interface. */
extern const char *const tcp_templates[];
extern const char *const udp_templates[];
extern const char *const ip_templates[];
/* Sockets of the kernel. They have descriptors, which other processes may share, and make system
 * calls. */
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

/* Runs each test over each template, or once with a NULL template. A test gets its template by
 * template_of(state). A test that leaves a descriptor open or a thread running fails. Returns the
 * number of failures. */
int run_list(const char *const *templates, const struct test *tests, size_t count);
/* If the template leaves a name open, each call returns another address. It is valid until the test
 * is over. */
const char *template_of(void **state);
bool is_stream(const char *address);
/* Whether it carries messages over a stream. */
bool is_framed(const char *address);
/* Whether many datagrams may be queued unread: over unix, if the test may set how many. */
bool holds_many(const char *address);
/* Whether it has a host and a port. */
bool is_ip(const char *address);

enum { ADDRESS_MAX = 256 };

/* The address to dial in order to reach a listener. If it is bound to a wildcard, the address is
 * loopback. */
void dial_address(net_socket *listener, char address[ADDRESS_MAX]);
/* A property that is a number. */
long long number_of(net_socket *socket, const char *name);

/* ---- Two ends that talk ---- */

struct pair {
    net_socket *listener;
    net_socket *client;
    net_socket *server;
};

/* Adds options to an address (NULL: none). */
void with_options(char whole[ADDRESS_MAX], const char *address, const char *options);

/* Listens on the template, dials it and accepts. Over udp the client sends "hi" first, and the
 * server has received it. */
void dial_pair(const char *address, struct pair *pair);
/* The same with options ("rcvbuf=4096&sndbuf=4096", NULL: none) for each side. */
void dial_pair_with(const char *address, const char *listen_options, const char *dial_options,
                    struct pair *pair);
/* Another client of the same listener. */
void dial_again(net_socket *listener, net_socket **client, net_socket **server);
/* Closes what is not NULL, with NET_NOW. */
void close_pair(struct pair *pair);
/* A body for in_child: closes all three. Returns 0 if each close succeeds. */
int close_pair_in_child(void *pair);

/* Sends all of it, without the 0 at its end. */
void say(net_socket *socket, const char *words);

/* What one end sends and the other must receive: `size` bytes at `offset` of an endless text. */
void write_pattern(void *buffer, size_t size, size_t offset);
bool is_pattern(const void *buffer, size_t size, size_t offset);
/* Sends until the system takes no more. Returns how many bytes it took. */
size_t fill(net_socket *socket);
/* A random number below `limit`, from a seed. */
unsigned random_below(unsigned *seed, unsigned limit);

/* ---- A thread that waits in a call ---- */

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
    double ms;          /* since the start of the thread */
    net_deadline ended; /* the moment at which it returned */
    pthread_t thread;
    pid_t tid;
    _Atomic bool entered;
    _Atomic bool done;
};

/* The usual calls. call_send sends far more than the buffers hold. call_accept and call_connect
 * return 0 or the code. */
caller_call call_send, call_recv, call_recv_all, call_recv_until, call_recv_messages, call_accept,
    call_connect;

/* Starts the thread and waits until it seems to sleep in its call. */
void caller_start(struct caller *caller, caller_call *call, net_socket *socket,
                  net_deadline deadline);
/* Starts it without waiting. */
void caller_launch(struct caller *caller, caller_call *call, net_socket *socket,
                   net_deadline deadline);
void caller_join(struct caller *caller);

/* Around the wait for a dial (NET_NOW) to be won: if it is encrypted, a thread accepts meanwhile,
 * for the dial includes the handshake. Returns what is accepted. */
void answer_begin(struct caller *answering, const char *address, net_socket *listener);
net_socket *answer_end(struct caller *answering, const char *address, net_socket *listener);

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
/* Waits until poll(2) reports one of these events, an error or a hang-up. Sent data has arrived
 * when the system says so, not when the call that sent it returns. */
void await_events(int fd, short events);
/* The same for the readiness of a socket, which may have no descriptor. */
void await_ready(net_socket *socket, short events);
/* Waits until the system holds this many bytes for a stream, or any, if they are encrypted. On a
 * wire without the system, bytes are there once they are sent. */
void await_bytes(net_socket *socket, int count);
/* A signal handler: it sets errno to 4711, cancels `to_cancel`, and keeps what errno is then. */
void cancel_in_handler(int number);
extern net_socket *to_cancel;
extern _Atomic int errno_after_cancel;

/* Runs `body` in a forked child. Returns what it returned (0 to 99), or 100 plus the signal that
 * ended it. A child that hangs is ended by SIGALRM. */
int in_child(int (*body)(void *argument), void *argument);

/* A plain descriptor connected to the listener (tcp or udp), opened without the library. */
int raw_dial(net_socket *listener);
/* A dialed datagram socket. Its target is a listener that is gone. */
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

/* A peer that talks and ends in any way: a plain descriptor if the wire has one and is not
 * encrypted, else a socket. */
struct raw_peer {
    int fd; /* -1: the peer is `socket` */
    net_socket *socket;
};

/* The raw peer dials and is accepted. Returns the socket on our side. Something that was sent to
 * the raw peer stays unread. */
net_socket *meet_raw_peer(net_socket *listener, struct raw_peer *peer);
void raw_peer_says(const struct raw_peer *peer, const char *words);
/* Waits for the end of what our side sends to the raw peer. */
void raw_peer_hears_end(const struct raw_peer *peer);
/* Close in order, or so that our side sees a reset. */
void raw_peer_leaves(struct raw_peer *peer);
void raw_peer_breaks_off(struct raw_peer *peer);

/* A listener whose queue is full: a dial hangs until the queued caller is accepted. */
struct black_hole {
    int listener;
    int caller;
    char address[ADDRESS_MAX];
};

/* At a numeric address; port 0: any port. */
void open_black_hole(const char *host, int port, struct black_hole *hole);
void close_black_hole(const struct black_hole *hole);

#endif
