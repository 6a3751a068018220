/* guarded_server [ADDRESS] - an echo server over udp that serves peers that prove their address;
 * guarded_server --call ADDRESS [WORD] - a client that proves its own, and prints the echo of WORD.
 *
 *     guarded_server 'udp://127.0.0.1:7000?peers=100'
 *     guarded_server --call udp://127.0.0.1:7000 hello
 *
 * A datagram can carry a false source address. So the server sends each stranger a cookie: only the
 * server can make it, and only a program at that address receives it. The server keeps nothing of a
 * stranger until it sends the cookie back; then the stranger gets a socket and a thread. An answer
 * to a stranger is shorter than its question, so the server cannot be used to flood others. A
 * cookie proves an address, no more: it is not a password. A signal ends it at once; the file of a
 * unix address then stays, and the next listener replaces it. */
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
    HELLO_SIZE = 32,    /* a cookie, or zeros if there is none yet, and padding */
    COOKIE_SIZE = 8,    /* 64 bits are too many to guess */
    COOKIE_MS = 30000,  /* a cookie is good for at least this, and at most twice as long */
    TRY_MS = 500,       /* the client asks again when it has no answer after this */
    TRIES = 10,         /* how often it asks at most */
    BUFFER_SIZE = 65536 /* every datagram fits */
};

static net_socket *server;
static uint64_t key[2]; /* the key of the cookies: a new one in each run */

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

/* SipHash-2-4 of whole 64-bit words (Aumasson and Bernstein, 2012): a hash that cannot be computed
 * without the key, even after many of its values were seen. A checksum is not enough. */
static uint64_t siphash(const uint64_t *words, size_t count)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};

    for (size_t i = 0; i <= count; i++) {
        uint64_t word =
            i < count ? words[i] : (uint64_t)count << 59; /* the last word is the number of bytes */
        v[3] ^= word;
        mix(v, 2);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    mix(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The cookie of this endpoint now, or `age` times COOKIE_MS ago. */
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

    while (got >= 0) { /* until NET_EOF: the peer was silent for `idle` */
        got = net_recv(call, words, sizeof words, NET_FOREVER);
        if (got >= 0) {
            net_send(call, words, (size_t)got, net_after(TRY_MS)); /* if lost, it asks again */
        }
    }
    net_close(call, NET_NOW);
    return NULL;
}

/* Admit a peer, and accept it: an admitted peer comes before all others, without waiting. False:
 * there is no room for it, so it gets no answer and will ask again. */
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

/* A peer that sends its cookie twice in a batch is accepted for the first. To admit it again would
 * do nothing, and the accept after that would take a stranger. */
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

/* Turn hellos into answers, in place. The answer is a cookie; to a hello with a good cookie, it is
 * the hello itself. Returns how many. */
static int answer(net_message *messages, int count)
{
    int answers = 0;

    for (int i = 0; i < count; i++) {
        const net_endpoint *who = &messages[i].endpoint;
        uint64_t cookie = cookie_of(who, 0);
        uint64_t said;

        if (messages[i].size != HELLO_SIZE) {
            continue; /* no hello; perhaps a cookie from another such server */
        }
        memcpy(&said, messages[i].data, COOKIE_SIZE);
        if (said != cookie && said != cookie_of(who, 1)) {
            memcpy(messages[i].data, &cookie, COOKIE_SIZE);
            messages[i].size = COOKIE_SIZE;
        } else if (is_in(messages, answers, who) || !let_in(who)) {
            continue;
        }
        messages[answers++] = messages[i]; /* the endpoint stays: the answer goes to the sender */
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
            done += sent > 0 ? sent : 1; /* skip one that cannot be sent */
        }
    }
    return count;
}

/* Send hellos with the last cookie received, until the server echoes one: then this client is
 * accepted. Then send the word. */
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
