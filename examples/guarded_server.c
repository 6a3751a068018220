/* guarded_server [ADDRESS] - an echo server over udp that lets in only who proves that he hears us;
 * guarded_server --call ADDRESS [WORD] - somebody who does, and prints the echo of his word.
 *
 *     guarded_server 'udp://127.0.0.1:7000?peers=100'
 *     guarded_server --call udp://127.0.0.1:7000 hello
 *
 * Anybody can write any sender into a datagram. So a stranger is told a cookie: only we can make
 * it, and only who really is at his address hears it. Nothing is kept of him until he says it back;
 * then he gets a socket and a thread. A stranger is told less than he said, so that nobody can
 * flood others through us. A cookie proves an address, no more: it is not a password. */
#define _DEFAULT_SOURCE

#include <netfacade.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    BATCH = 32,         /* datagrams in one call */
    HELLO_SIZE = 32,    /* a cookie, or zeros for want of one, and padding */
    COOKIE_SIZE = 8,    /* 64 bits are too many to guess */
    COOKIE_MS = 30000,  /* how long a cookie is good at least, and twice as long at most */
    TRY_MS = 500,       /* what has no answer after this time is said again */
    TRIES = 10,         /* and so often at most */
    BUFFER_SIZE = 65536 /* every datagram fits */
};

static net_socket *server;
static uint64_t key[2]; /* of the cookies: another one in each run */

#define ROTATED(word, bits) ((word) << (bits) | (word) >> (64 - (bits)))

static void mix(uint64_t v[4], int rounds)
{
    for (int half = 0; half < 2 * rounds; half++) {
        int i = half % 2 * 2; /* 0 in the first half of a round, 2 in the second */
        v[i] += v[1];
        v[2 - i] += v[3];
        v[1] = ROTATED(v[1], 13 + 2 * i) ^ v[i];
        v[3] = ROTATED(v[3], i == 0 ? 16 : 21) ^ v[2 - i];
        v[i] = ROTATED(v[i], 32);
    }
}

/* SipHash-2-4 of whole words (Aumasson and Bernstein, 2012): a hash that nobody can compute without
 * the key, however many of its values he has seen. A checksum will not do. */
static uint64_t siphash(const uint64_t *words, size_t count)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};

    for (size_t i = 0; i <= count; i++) {
        uint64_t word =
            i < count ? words[i] : (uint64_t)count << 59; /* at last the bytes' number */
        v[3] ^= word;
        mix(v, 2);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    mix(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* What somebody is told now, or was told `age` times COOKIE_MS ago. */
static uint64_t cookie_of(const net_endpoint *who, int age)
{
    uint64_t words[sizeof who->remote / sizeof(uint64_t) + 1];
    size_t count = sizeof words / sizeof words[0];

    memcpy(words, who->remote, sizeof who->remote);
    words[count - 1] = (uint64_t)(net_after(0) / 1000000 / COOKIE_MS - age);
    return siphash(words, count);
}

static void *echo(void *argument)
{
    net_socket *call = argument;
    char words[BUFFER_SIZE];
    ssize_t got = 0;

    while (got >= 0) { /* until NET_EOF: he was silent for `idle` */
        got = net_recv(call, words, sizeof words, NET_FOREVER);
        if (got >= 0) {
            net_send(call, words, (size_t)got, net_after(TRY_MS)); /* unheard, he will ask again */
        }
    }
    net_close(call, NET_NOW);
    return NULL;
}

/* Whoever is admitted is accepted before all others, and without waiting. False: there is no place
 * for him, so he hears nothing and will ask again. */
static int let_in(const net_endpoint *who)
{
    char name[64];
    pthread_t thread;

    net_endpoint_text(who, name, sizeof name);
    net_socket *call = net_set(server, "admit", name) == 0 ? net_accept(server, NET_NOW) : NULL;
    if (call == NULL || pthread_create(&thread, NULL, echo, call) != 0) {
        net_close(call, NET_NOW);
        return 0;
    }
    return pthread_detach(thread) == 0;
}

/* Who says his cookie twice in a batch is in by the first. Admitting him again would do nothing,
 * and the accept after it would take a stranger. */
static int is_in(const net_message *answers, int count, const net_endpoint *who)
{
    size_t size = sizeof who->remote;
    int i = 0;

    while (i < count && (answers[i].size != HELLO_SIZE ||
                         memcmp(answers[i].endpoint.remote, who->remote, size) != 0)) {
        i++;
    }
    return i < count;
}

/* Turn hellos into answers, in place: a cookie, or, to a good cookie, the hello itself as its echo.
 * Returns how many. */
static int answer(net_message *messages, int count)
{
    int answers = 0;

    for (int i = 0; i < count; i++) {
        const net_endpoint *who = &messages[i].endpoint;
        uint64_t cookie = cookie_of(who, 0);
        uint64_t said;

        if (messages[i].size != HELLO_SIZE) {
            continue; /* no hello; another server's cookie, perhaps */
        }
        memcpy(&said, messages[i].data, COOKIE_SIZE);
        if (said != cookie && said != cookie_of(who, 1)) {
            memcpy(messages[i].data, &cookie, COOKIE_SIZE);
            messages[i].size = COOKIE_SIZE;
        } else if (is_in(messages, answers, who) || !let_in(who)) {
            continue;
        }
        messages[answers++] = messages[i]; /* whom we heard is whom we answer */
    }
    return answers;
}

static int serve(void)
{
    static char hellos[BATCH][HELLO_SIZE];
    net_message messages[BATCH] = {0};
    int count = 0;

    while (count >= 0) {
        for (int i = 0; i < BATCH; i++) {
            messages[i].data = hellos[i];
            messages[i].capacity = HELLO_SIZE;
        }
        count = net_recv_messages(server, messages, BATCH, NET_FOREVER);
        int answers = answer(messages, count);
        for (int done = 0; done < answers;) {
            int sent =
                net_send_messages(server, messages + done, answers - done, net_after(TRY_MS));
            done += sent > 0 ? sent : 1; /* this one cannot be answered; the others can */
        }
    }
    return count;
}

/* Say hello with the cookie that we were told last, until the server says the same: we are in. Then
 * say the word. */
static int call(const char *word)
{
    char hello[HELLO_SIZE] = {0};
    char heard[BUFFER_SIZE];
    const char *said = hello;
    size_t size = HELLO_SIZE;
    ssize_t got = NET_TIMEOUT;

    for (int i = 0; i < TRIES && (got >= 0 || got == NET_TIMEOUT); i++) {
        got = net_send(server, said, size, net_after(TRY_MS));
        got = got < 0 ? got : net_recv(server, heard, sizeof heard, net_after(TRY_MS));
        if (got == (ssize_t)size && memcmp(heard, said, size) == 0) {
            if (said == word) {
                return puts(word) < 0;
            }
            said = word;
            size = strlen(word);
        } else if (got == COOKIE_SIZE) {
            memcpy(hello, heard, COOKIE_SIZE);
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    int calls = argc > 2 && strcmp(argv[1], "--call") == 0;
    const char *address = argc > 1 ? argv[1 + calls] : "udp://127.0.0.1:7000";
    char local[128];
    int failed = 1;

    server = calls ? net_connect(address, net_after(TRY_MS)) : net_listen(address);
    if (server != NULL && calls) {
        failed = call(argc > 3 ? argv[3] : "hello");
    } else if (server != NULL && getrandom(key, sizeof key, 0) == sizeof key) {
        net_get(server, "local", local, sizeof local);
        printf("listening on %s\n", local);
        fflush(stdout);
        failed = serve();
    }
    if (failed != 0) {
        fprintf(stderr, "guarded_server: %s\n", net_error_text());
    }
    net_close(server, NET_NOW);
    return failed != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
