/* wrap: send recv sendmsg recvmsg poll ppoll __ppoll_chk setsockopt */
/* wrap: malloc calloc realloc free */
/* driven: skip, it counts the system calls of calls that block */
/* valgrind: skip, its malloc does not say what is handed out */
/* What encryption costs besides the cipher: no system call more than the bytes take in the clear,
 * few buffers, and little memory for an idle connection beside what OpenSSL takes. */
#include "counted_calls.h"
#include "memory_in_use.h"
#include "tls_pair.h"

#include <malloc.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SMALL = 64, LARGE = 64 * 1024 };

static __thread long held; /* bytes of the allocations since the counting began */
static __thread long most_held;

static void start_counting_all(void)
{
    held = 0;
    most_held = 0;
    start_counting();
}

/* ---- Memory that calls hold ---- */

static void *note(void *made)
{
    if (counting) {
        counts[ALLOCATE]++;
        held += (long)malloc_usable_size(made);
        most_held = held > most_held ? held : most_held;
    }
    return made;
}

static void forget(void *old)
{
    held -= counting ? (long)malloc_usable_size(old) : 0;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return note(__real_malloc(size));
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return note(__real_calloc(n, size));
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    forget(old);
    return note(__real_realloc(old, size));
}

void __real_free(void *old);
void __wrap_free(void *old);
void __wrap_free(void *old)
{
    forget(old);
    __real_free(old);
}

static const char *const templates[] = {"tls://127.0.0.1:0", "tls+unix://@", NULL};

static const char dialed[] = "ca={ca}&name=localhost";

/* ---- System calls ---- */

/* Memory is for the records: two buffers to send, one to receive. */
static void a_blocking_call_is_one_system_call(void **state)
{
    enum { BUFFERS = 3 };
    struct pair pair;

    tls_open(template_of(state), NULL, dialed, &pair);
    expect_one_system_call_each(&pair, BUFFERS);
    close_pair(&pair);
}

/* The records of a send are all there when the receive begins. Only one of them is there twice, in
 * the session and in what is sent: with all of them twice, malloc gives the memory back to the
 * system after each send, and takes it again, page by page. */
static void large_sends_and_receives_are_one_system_call(void **state)
{
    enum { ROUNDS = 50, RECORD = 16 * 1024, AROUND = 2 * 1024 };
    static char sent[LARGE];
    static char got[LARGE];
    struct pair pair;

    tls_open(template_of(state), "rcvbuf=1MiB", "ca={ca}&name=localhost&sndbuf=1MiB", &pair);
    for (int i = 0; i < ROUNDS; i++) {
        start_counting_all();
        assert_count(net_send(pair.client, sent, LARGE, soon()), LARGE);
        assert_int_equal(counts[SEND], 1);
        assert_int_equal(counts[WAIT], 0);
        assert_int_equal(counts[OTHER], 0);
        assert_in_range(most_held, LARGE, LARGE + RECORD + AROUND);
        assert_int_equal(held, 0);
        start_counting_all();
        assert_count(net_recv_all(pair.server, got, LARGE, soon()), LARGE);
        counting = false;
        assert_in_range(counts[RECEIVE], 1, 3);
        assert_in_range(most_held, 0, 2 * LARGE);
        assert_int_equal(held, 0);
    }
    close_pair(&pair);
}

/* ---- Memory of idle ends ---- */

enum { ENDS = 100, MORE_MOST = 3 * 1024 };

static SSL_CTX *context_of(bool is_server)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());

    assert_non_null(context);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (is_server) {
        assert_int_equal(
            SSL_CTX_use_certificate_chain_file(context, certificate_file(CERTIFICATE_GOOD)), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(context, certificate_key(CERTIFICATE_GOOD),
                                                     SSL_FILETYPE_PEM),
                         1);
    } else {
        assert_int_equal(SSL_CTX_load_verify_file(context, certificate_ca()), 1);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    return context;
}

static SSL *raw_end(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);

    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    return ssl;
}

/* Neither waits: they take turns. */
static void raw_meet(SSL *client, SSL *server)
{
    char buffer[SMALL] = {0};
    int shaken = 0;

    assert_int_equal(SSL_set1_host(client, "localhost"), 1);
    for (int i = 0; i < SMALL && shaken != 2; i++) {
        shaken = (SSL_connect(client) == 1) + (SSL_accept(server) == 1);
    }
    assert_int_equal(shaken, 2);
    assert_int_equal(SSL_write(client, buffer, SMALL), SMALL);
    assert_int_equal(SSL_read(server, buffer, SMALL), SMALL);
    assert_int_equal(SSL_write(server, buffer, SMALL), SMALL);
    assert_int_equal(SSL_read(client, buffer, SMALL), SMALL);
}

/* Bytes of heap of an end that has shaken hands and sent and received a message. */
static long raw_bytes(void)
{
    SSL_CTX *contexts[] = {context_of(false), context_of(true)};
    SSL *ends[ENDS];
    size_t before = memory_in_use();

    for (int i = 0; i < ENDS; i += 2) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                         0);
        ends[i] = raw_end(contexts[0], fds[0]);
        ends[i + 1] = raw_end(contexts[1], fds[1]);
        raw_meet(ends[i], ends[i + 1]);
    }
    long bytes = (long)(memory_in_use() - before) / ENDS;

    for (int i = 0; i < ENDS; i++) {
        close(SSL_get_fd(ends[i]));
        SSL_free(ends[i]);
    }
    SSL_CTX_free(contexts[0]);
    SSL_CTX_free(contexts[1]);
    return bytes;
}

static long our_bytes(const char *address)
{
    net_socket *listener = tls_listen(address, CERTIFICATE_GOOD, NULL);
    struct pair pairs[ENDS / 2];
    struct pair first;

    tls_meet(listener, dialed, &first); /* what all dials share is there after it */
    size_t before = memory_in_use();

    for (int i = 0; i < ENDS / 2; i++) {
        tls_meet(listener, dialed, &pairs[i]);
        tls_talk(pairs[i].client, pairs[i].server);
    }
    long bytes = (long)(memory_in_use() - before) / ENDS;

    for (int i = 0; i < ENDS / 2; i++) {
        net_close(pairs[i].client, NET_NOW);
        net_close(pairs[i].server, NET_NOW);
    }
    net_close(first.client, NET_NOW);
    net_close(first.server, NET_NOW);
    net_close(listener, NET_NOW);
    return bytes;
}

static void an_idle_end_takes_little_more_than_openssl(void **state)
{
    long ours;
    long raw;

    if (memory_in_use() == 0) {
        skip(); /* a sanitizer's malloc does not say it */
    }
    our_bytes(template_of(state)); /* what OpenSSL makes once is there after it */
    raw_bytes();
    ours = our_bytes(template_of(state));
    raw = raw_bytes();
    print_message("heap of an idle end: %ld bytes, OpenSSL by itself %ld\n", ours, raw);
    assert_in_range(ours, 0, raw + MORE_MOST);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_blocking_call_is_one_system_call),
        TEST(large_sends_and_receives_are_one_system_call),
        TEST(an_idle_end_takes_little_more_than_openssl),
    };

    tls_begin();
    return run_over(templates, tests);
}
