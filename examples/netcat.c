/* netcat [-l] [-w SECONDS] ADDRESS - joins a socket to standard input and output.
 *
 *     netcat -l tcp://:7000 > file          wait for one call and keep what it says
 *     netcat tcp://there:7000 < file        make that call
 *     echo | netcat -w 2 udp://[::1]:7037   ask, and listen until it is quiet for two seconds
 *
 * Two directions, two threads: one socket may be sent to and received from at the same time. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 65536,  /* every datagram fits */
    DATAGRAM_SIZE = 1200, /* how much input one datagram carries: small enough for every path */
    TICK_MS = 200,        /* how often the receiver looks up: progress, quiet, end of input */
    QUIET_MS = 1000,      /* datagrams have no end: after our input, stop when quiet for so long */
    LONG_MS = 1000,       /* a transfer that takes longer shows its progress */
    PAUSE_NS = 10000000,  /* between looks when there is nothing more to hear */
    LONGEST_S = 1000000,  /* for -w */
    MS_NS = 1000000,      /* the difference of two moments is in nanoseconds */
    MIB = 1024 * 1024
};

static net_socket *call;
static bool datagrams;
static int64_t quiet_ms = -1; /* -w; negative: not given */
static atomic_bool sending;   /* the speaker is inside net_send */
static atomic_bool spoken;    /* the speaker has finished */
static atomic_bool failed;
static atomic_llong carried; /* bytes, both directions */

/* How long the peer may keep us waiting: for the dial, and for one send. */
static net_deadline patience(void)
{
    return quiet_ms < 0 ? NET_FOREVER : net_after(quiet_ms);
}

/* The first failure is the cause; what fails after it is only a consequence. */
static bool fail(const char *sentence)
{
    if (!atomic_exchange(&failed, true)) {
        fprintf(stderr, "netcat: %s\n", sentence);
    }
    return false;
}

/* One piece of standard input to the socket. Returns false when there is no more to say. */
static bool speak(void)
{
    static char buffer[BUFFER_SIZE];
    ssize_t got = read(STDIN_FILENO, buffer, datagrams ? DATAGRAM_SIZE : sizeof buffer);

    if (got < 0) {
        fail("standard input cannot be read");
        net_cancel(call); /* or both sides would wait for the other to end */
        return false;
    }
    if (got == 0) { /* the half-close: the peer reads an end; datagrams have none */
        return !datagrams && net_shutdown(call) != 0 && fail(net_error_text());
    }
    atomic_store(&sending, true);
    for (ssize_t done = 0; done < got;) { /* more than once only when -w stops it part way */
        ssize_t sent = net_send(call, buffer + done, (size_t)(got - done), patience());
        if (sent < 0) {
            return fail(net_error_text()); /* the sentence is this thread's: tell it here */
        }
        done += sent;
        atomic_fetch_add(&carried, sent);
    }
    atomic_store(&sending, false);
    return true;
}

static void *speaker(void *unused)
{
    while (speak()) {
    }
    atomic_store(&sending, false);
    atomic_store(&spoken, true); /* what the peer still says is heard, also after a failure */
    return unused;
}

/* One look at the socket. Returns false when there is no more to hear. */
static bool hear(void)
{
    static char buffer[BUFFER_SIZE];
    ssize_t got = net_recv(call, buffer, sizeof buffer, net_after(TICK_MS));

    if (got < 0) {
        return got == NET_TIMEOUT || (got != NET_EOF && fail(net_error_text()));
    }
    atomic_fetch_add(&carried, got);
    return fwrite(buffer, 1, (size_t)got, stdout) == (size_t)got || fail("cannot write output");
}

static void show_progress(net_deadline begun, net_deadline now, bool last)
{
    static net_deadline shown;
    long long bytes = atomic_load(&carried);
    double seconds = (double)(now - begun) / 1e9;

    if (now - begun >= (int64_t)LONG_MS * MS_NS &&
        (last || now - shown >= (int64_t)TICK_MS * MS_NS)) {
        fprintf(stderr, "\r%lld bytes, %.1f MiB/s%s", bytes, (double)bytes / MIB / seconds,
                last ? "\n" : " ");
        shown = now;
    }
}

/* The receiver: the socket to standard output, until both directions have ended. */
static void converse(bool interactive, bool progress)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    net_deadline begun = net_after(0);
    net_deadline now = begun;
    net_deadline last = begun; /* when something was carried last */
    long long before = 0;
    bool hearing = true;

    while (hearing || !atomic_load(&spoken)) {
        if (hearing) {
            hearing = hear();
        } else if (interactive || atomic_load(&failed)) {
            break; /* nobody should have to press ^D after the other side hung up */
        } else {
            nanosleep(&pause, NULL); /* only the speaker goes on */
        }
        bool asked = datagrams && atomic_load(&spoken);
        int64_t limit = quiet_ms < 0 && asked ? QUIET_MS : quiet_ms;
        now = net_after(0);
        if (atomic_load(&carried) != before || atomic_load(&sending)) {
            before = atomic_load(&carried);
            last = now; /* a send that gets nowhere has a deadline of its own */
        }
        if (limit >= 0 && now - last >= limit * MS_NS) {
            break;
        }
        if (progress) {
            show_progress(begun, now, false);
        }
    }
    if (progress) {
        show_progress(begun, now, true);
    }
}

/* Wait for one call. It lives on without its listener. */
static net_socket *await_call(const char *address)
{
    net_socket *listener = net_listen(address);
    net_socket *caller;
    char local[128];

    if (listener == NULL) {
        return NULL;
    }
    net_get(listener, "local", local, sizeof local);
    fprintf(stderr, "listening on %s\n", local);
    caller = net_accept(listener, NET_FOREVER);
    net_close(listener, NET_NOW);
    return caller;
}

/* Returns the index of the address in argv, or 0 when the arguments make no sense. */
static int read_options(int argc, char **argv, bool *wait_for_call)
{
    int option = getopt(argc, argv, "lw:");

    for (; option == 'l' || option == 'w'; option = getopt(argc, argv, "lw:")) {
        if (option == 'l') {
            *wait_for_call = true;
            continue;
        }
        char *end = optarg;
        long seconds = strtol(optarg, &end, 10);
        if (*end != '\0' || seconds < 1 || seconds > LONGEST_S) {
            return 0;
        }
        quiet_ms = (int64_t)seconds * 1000;
    }
    return option == -1 && optind == argc - 1 ? optind : 0;
}

int main(int argc, char **argv)
{
    bool interactive = isatty(STDIN_FILENO) != 0;
    bool wait_for_call = false;
    int address = read_options(argc, argv, &wait_for_call);
    char scheme[16] = "";
    pthread_t thread;

    if (address == 0) {
        fprintf(stderr, "usage: netcat [-l] [-w SECONDS] ADDRESS\n");
        return 2;
    }
    call = wait_for_call ? await_call(argv[address]) : net_connect(argv[address], patience());
    if (call == NULL) {
        fprintf(stderr, "netcat: %s\n", net_error_text());
        return EXIT_FAILURE;
    }
    net_get(call, "scheme", scheme, sizeof scheme);
    datagrams = strcmp(scheme, "udp") == 0;
    setvbuf(stdout, NULL, _IONBF, 0); /* what is heard is written at once */
    if (pthread_create(&thread, NULL, speaker, NULL) != 0) {
        fprintf(stderr, "netcat: no thread\n");
        return EXIT_FAILURE;
    }
    converse(interactive, isatty(STDERR_FILENO) && !(interactive && isatty(STDOUT_FILENO)));
    if (atomic_load(&spoken)) {
        pthread_join(thread, NULL);
        net_close(call, NET_NOW);
    } /* else the speaker waits for input, and the socket ends with the program */
    return atomic_load(&failed) ? EXIT_FAILURE : EXIT_SUCCESS;
}
