/* wrap: malloc calloc realloc free */
/* driven: skip, it has pollers of its own, and counts memory */
/* Peers that announce much and send little: what they cost in time and memory. The memory of this
 * program is counted in bytes. */
#include "plain_peer.h"
#include "watching.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocations.h"
#include "socket/kept.h"

/* ---- Memory ---- */

static _Atomic long bytes_now; /* with what malloc rounds up */
static _Atomic long bytes_most;

static void add_bytes(const void *memory)
{
    long now = atomic_fetch_add(&bytes_now, (long)malloc_usable_size((void *)(uintptr_t)memory));

    now += (long)malloc_usable_size((void *)(uintptr_t)memory);
    if (now > atomic_load(&bytes_most)) {
        atomic_store(&bytes_most, now);
    }
}

static void drop_bytes(void *memory)
{
    atomic_fetch_sub(&bytes_now, (long)malloc_usable_size(memory));
}

void *__wrap_malloc(size_t size)
{
    void *memory = __real_malloc(size);

    add_bytes(memory);
    return memory;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *memory = __real_calloc(count, size);

    add_bytes(memory);
    return memory;
}

void *__wrap_realloc(void *memory, size_t size)
{
    long before = (long)malloc_usable_size(memory);
    void *moved = __real_realloc(memory, size);

    if (moved != NULL) {
        atomic_fetch_sub(&bytes_now, before);
        add_bytes(moved);
    }
    return moved;
}

void __wrap_free(void *memory)
{
    drop_bytes(memory);
    __real_free(memory);
}

static long most_above(long before)
{
    long most = atomic_load(&bytes_most) - before;

    atomic_store(&bytes_most, atomic_load(&bytes_now));
    return most;
}

enum { MIB = 1 << 20, A_FEW = 100 };

static char out[MIB + FRAME_EXTRA];
static char in[MIB];

/* ---- A byte now and then ---- */

struct trickle {
    const struct plain_peer *peer;
    const char *bytes;
    size_t size;
    _Atomic bool stop;
    _Atomic bool failed;
    pthread_t thread;
};

static void *send_slowly(void *argument)
{
    struct trickle *trickle = argument;

    for (size_t i = 0; i < trickle->size && !trickle->stop && !trickle->failed; i++) {
        trickle->failed = net_send(trickle->peer->plain, trickle->bytes + i, 1, soon()) != 1;
        nap(1);
    }
    return NULL;
}

static void trickle_start(struct trickle *trickle, const struct plain_peer *peer, const char *bytes,
                          size_t size)
{
    *trickle = (struct trickle){.peer = peer, .bytes = bytes, .size = size};
    assert_int_equal(pthread_create(&trickle->thread, NULL, send_slowly, trickle), 0);
}

static void trickle_stop(struct trickle *trickle)
{
    trickle->stop = true;
    pthread_join(trickle->thread, NULL);
    assert_false(trickle->failed);
}

static const char *const trickled[][2] = {{"frame=u16", "\377\377"},
                                          {"frame=u32", "\0\17\377\377"},
                                          {"frame=netstring", "999999:"},
                                          {"frame=line", "l"}};

static size_t write_trickle(size_t which)
{
    size_t head = which == 1 ? 4 : which == 0 ? 2 : strlen(trickled[which][1]);

    memset(out, 'x', MIB);
    memcpy(out, trickled[which][1], head);
    return MIB;
}

static void a_byte_now_and_then_stretches_no_deadline(void **state)
{
    enum { MS = 30, LATE = 60 };
    const char *address = template_of(state);
    net_message message = {.data = in, .capacity = sizeof in};

    for (size_t i = 0; i < COUNT(trickled); i++) {
        struct plain_peer peer;
        struct trickle trickle;
        double since = now_ms();

        meet_plain_peer(address, trickled[i][0], &peer);
        trickle_start(&trickle, &peer, out, write_trickle(i));
        since = now_ms();
        ssize_t n = net_recv(peer.framed, in, sizeof in, net_after(MS));
        double took = elapsed_ms(since);

        since = now_ms();
        ssize_t m = net_recv_messages(peer.framed, &message, 1, net_after(MS));
        double took_again = elapsed_ms(since);

        trickle_stop(&trickle);
        assert_int_equal(n, NET_TIMEOUT);
        assert_int_equal(m, NET_TIMEOUT);
        assert_took(took, MS, MS + LATE);
        assert_took(took_again, MS, MS + LATE);
        part_from_peer(&peer);
    }
}

/* Parts of a message wake nobody; its last byte does. */
static void a_poller_hears_only_of_whole_messages(void **state)
{
    enum { MS = 30, LATE = 60, SIZE = 20 };
    const char *address = template_of(state);
    net_event event;

    for (int i = 0; frame_kinds[i] != NULL; i++) {
        struct plain_peer peer;
        struct trickle trickle;
        char message[SIZE];
        char options[64];
        net_poller *poller = open_poller();

        strcat(strcpy(options, "frame="), frame_kinds[i]);
        meet_plain_peer(address, options, &peer);
        watch(poller, peer.framed, NET_READABLE);
        write_line_pattern(message, SIZE, 0);
        size_t size = write_frame(frame_kinds[i], message, SIZE, out);

        trickle_start(&trickle, &peer, out, size - 1);
        double since = now_ms();
        int n = net_poller_wait(poller, &event, 1, net_after(MS));
        double took = elapsed_ms(since);

        pthread_join(trickle.thread, NULL);
        assert_int_equal(n, NET_TIMEOUT);
        assert_took(took, MS, MS + LATE);
        assert_false(trickle.failed);
        expect_quiet(poller, 10);
        plain_sends(&peer, out + size - 1, 1);
        expect_event(poller, peer.framed, NET_READABLE);
        expect_event(poller, peer.framed, NET_READABLE);
        expect_message(peer.framed, message, SIZE);
        expect_quiet(poller, 10);
        part_from_peer(&peer);
        net_poller_close(poller);
    }
}

/* Each byte is looked at once and moves a bounded number of times, however many came before it. */
static double cost_of_bytes(const struct plain_peer *peer, int count)
{
    double cpu = 0;

    for (int i = 0; i < count; i++) {
        plain_sends(peer, "x", 1);
        double since = thread_cpu_ms();

        assert_code(net_recv(peer->framed, in, sizeof in, NET_NOW), NET_TIMEOUT);
        cpu += thread_cpu_ms() - since;
    }
    return cpu;
}

static void a_byte_costs_the_same_whatever_came_before(void **state)
{
    enum { BYTES = 500, BEFORE = 900000, TIMES = 6, NOISE = 5 /* ms */ };
    const char *address = template_of(state);

    for (size_t i = 1; i < COUNT(trickled); i++) {
        struct plain_peer peer;
        struct writer writer;

        meet_plain_peer(address, trickled[i][0], &peer);
        write_trickle(i);
        plain_sends(&peer, out, A_FEW);
        double first = cost_of_bytes(&peer, BYTES);

        writer_start(&writer, peer.plain, out + A_FEW, BEFORE);
        double since = now_ms();

        while (nf_kept_count(peer.framed->kept) < A_FEW + BYTES + BEFORE &&
               elapsed_ms(since) < 20000.0 * slowness()) {
            assert_code(net_recv(peer.framed, in, sizeof in, NET_NOW), NET_TIMEOUT);
        }
        writer_join(&writer);
        double later = cost_of_bytes(&peer, BYTES);

        in_time(later <= TIMES * first + NOISE * slowness());
        part_from_peer(&peer);
    }
}

/* ---- Much announced ---- */

/* A call needs a buffer to receive into, which has to do with `queue`, and not with the length. */
static void nothing_is_allocated_on_a_peers_word(void **state)
{
    enum { WORKING = 400 * 1024, KEPT = 512 };
    static const char word[] = "\77\377\377\377 a few bytes";
    struct plain_peer peer;
    net_poller *poller = open_poller();
    net_message message = {.data = in, .capacity = sizeof in};

    meet_plain_peer(template_of(state), "max=1GiB", &peer);
    watch(poller, peer.framed, NET_READABLE);
    expect_quiet(poller, 10);
    long before = bytes_now;

    plain_sends(&peer, word, sizeof word);
    most_above(before);
    assert_code(net_recv(peer.framed, in, sizeof in, net_after(10)), NET_TIMEOUT);
    assert_code(net_recv(peer.framed, in, sizeof in, NET_NOW), NET_TIMEOUT);
    assert_code(net_recv_messages(peer.framed, &message, 1, net_after(10)), NET_TIMEOUT);
    expect_quiet(poller, 10);
    assert_in_range(most_above(before), 1, WORKING);
    assert_in_range(bytes_now - before, 1, KEPT);
    part_from_peer(&peer);
    net_poller_close(poller);
}

/* What a long message needed is given back once it is taken, however it was received. */
static void memory_is_given_back(void **state)
{
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    for (int way = 0; way < 4; way++) {
        struct writer writer;
        net_message message = {.data = in, .capacity = sizeof in};

        if (way == 3) {
            watch(poller, pair.server, NET_READABLE);
        }
        long before = bytes_now;

        write_pattern(out, MIB, (size_t)way);
        writer_start(&writer, pair.client, out, MIB);
        if (way == 3) {
            expect_event(poller, pair.server, NET_READABLE);
        }
        ssize_t n = way != 1 ? net_recv(pair.server, in, sizeof in, soon())
                             : net_recv_messages(pair.server, &message, 1, soon());

        writer_join(&writer);
        assert_count(n, way != 1 ? MIB : 1);
        assert_true(is_pattern(in, MIB, (size_t)way));
        assert_null(pair.server->kept);
        assert_null(((struct nf_layer *)pair.client)->rest);
        assert_in_range(bytes_now, 0, before + 4096); /* the thread, and the poller's lists */
    }
    close_pair(&pair);
    net_poller_close(poller);
}

/* ---- The size of a socket ---- */

static long size_of_two(const char *address)
{
    struct pair pair;
    net_socket *client;
    net_socket *server;

    dial_pair(address, &pair);
    long before = bytes_now;

    dial_again(pair.listener, &client, &server);
    long size = bytes_now - before;

    net_close(client, NET_NOW);
    net_close(server, NET_NOW);
    close_pair(&pair);
    return size;
}

static void an_idle_one_is_little_larger_than_its_wires(void **state)
{
    enum { MORE = 192 };
    const char *address = template_of(state);
    long size = size_of_two(address);
    long below = size_of_two(address + strlen("framed+"));

    print_message("%ld bytes more than its wire's\n", (size - below) / 2);
    assert_in_range(size - below, 1, 2 * MORE);
}

/* ---- Ten thousand of them ---- */

enum { CROWD = 10000, SPARE = 100, HEAD = 4, PATIENCE = 100000 };

static net_socket *crowd[CROWD];
static net_socket *speakers[CROWD];

static int crowd_size(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    int most = limit.rlim_max > CROWD + SPARE ? CROWD : (int)limit.rlim_max - SPARE;

    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && slowness() == 1 ? most : most / 10;
}

/* A child: each of its sockets announces a megabyte and sends a little of it. Told to, the first
 * sends the rest of it, and then all end. Its end runs no check of valgrind: it has copies of what
 * its parent uses. */
static void be_crowd(const char *address, int count, int go)
{
    char byte;

    alarm((unsigned)(PATIENCE / 1000 * slowness()));
    for (int i = 0; i < count; i++) {
        speakers[i] = net_connect(address, soon());
        if (speakers[i] == NULL || net_send(speakers[i], out, HEAD + A_FEW, soon()) < 1) {
            _exit(1);
        }
    }
    if (read(go, &byte, 1) != 1) {
        _exit(1);
    }
    net_send(speakers[0], out + HEAD + A_FEW, MIB - A_FEW, soon());
    kill(getpid(), read(go, &byte, 1) == 0 ? SIGKILL : SIGABRT);
}

static pid_t start_crowd(net_socket *listener, int count, int *go)
{
    char address[ADDRESS_MAX];
    int ends[2];

    dial_address(listener, address);
    assert_int_equal(pipe(ends), 0);
    write_pattern(in, MIB, 0);
    write_frame("u32", in, MIB, out);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[1]);
        be_crowd(address + strlen("framed+"), count, ends[0]);
    }
    close(ends[0]);
    *go = ends[1];
    return pid;
}

static bool have_all_begun(int count)
{
    bool all = true;

    for (int i = 0; i < count && all; i++) {
        all = nf_kept_count(crowd[i]->kept) == HEAD + A_FEW;
    }
    return all;
}

static void idle_peers_cost_what_they_sent(void **state)
{
    enum { EACH = 1024 /* bytes for both objects, the watch, and what is kept */ };
    int count = crowd_size();
    int go;
    net_event event;
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    pid_t pid = start_crowd(listener, count, &go);
    net_poller *poller = open_poller();
    long before = bytes_now;

    for (int i = 0; i < count; i++) {
        crowd[i] = assert_socket(net_accept(listener, soon()));
        watch(poller, crowd[i], NET_READABLE);
    }
    long accepted = bytes_now - before;
    double since = now_ms();

    while (!have_all_begun(count) && elapsed_ms(since) < PATIENCE) {
        assert_code(net_poller_wait(poller, &event, 1, net_after(5)), NET_TIMEOUT);
    }
    long each = (bytes_now - before) / count;

    print_message("%d peers: %ld bytes each, %ld before they sent anything\n", count, each,
                  accepted / count);
    assert_in_range(each, HEAD + A_FEW, EACH);
    assert_int_equal(write(go, "g", 1), 1);
    assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
    assert_count(net_recv(event.socket, in, MIB, soon()), MIB);
    assert_true(is_pattern(in, MIB, 0));
    assert_in_range(bytes_now - before, 1, (long)count * EACH);
    expect_quiet(poller, 20);
    close(go);
    for (int ended = 0; ended < count; ended++) {
        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        int code = event.socket->kept != NULL ? NET_RESET : NET_EOF;

        assert_code(net_recv(event.socket, in, MIB, NET_NOW), code);
        net_close(event.socket, NET_NOW);
    }
    int status = -1;

    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const char *const crowd_wire[] = {"framed+unix://@", NULL};
    static const struct test tests[] = {
        TEST(a_byte_now_and_then_stretches_no_deadline),
        TEST(a_poller_hears_only_of_whole_messages),
        TEST(nothing_is_allocated_on_a_peers_word),
        TEST(a_byte_costs_the_same_whatever_came_before),
    };
    static const struct test wires[] = {
        TEST(memory_is_given_back),
        TEST(an_idle_one_is_little_larger_than_its_wires),
    };
    static const struct test many[] = {TEST(idle_peers_cost_what_they_sent)};

    return run_over(framed_templates, tests) + run_over(framed_wires, wires) +
           run_over(crowd_wire, many);
}
