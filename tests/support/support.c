/* Assertions, time, addresses, and the runner. */
#define _GNU_SOURCE
#include "support.h"

#include <dirent.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- A network of our own ---- */

/* Tests run side by side, and each frees and guesses ports: where the system allows it, every test
 * program has a loopback that nobody else uses. */
__attribute__((constructor)) static void leave_the_network_of_the_machine(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = unshare(CLONE_NEWNET) == 0 ? socket(AF_INET, SOCK_DGRAM, 0) : -1;

    if (fd < 0) {
        return;
    }
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
        abort(); /* a network without a loopback is worse than the machine's */
    }
    close(fd);
}

/* ---- Assertions ---- */

void check_code(long long got, int expected, const char *call, const char *file, int line)
{
    int error = net_error();

    if (got != expected || (expected < 0 && error != expected)) {
        print_error("%s: expected %d (%s), got %lld; net_error() is %d: %s\n", call, expected,
                    net_strerror(expected), got, error, net_error_text());
        _fail(file, line);
    }
}

long long check_ok(long long got, const char *call, const char *file, int line)
{
    if (got < 0) {
        print_error("%s: %lld: %s\n", call, got, net_error_text());
        _fail(file, line);
    }
    return got;
}

net_socket *check_socket(net_socket *got, const char *call, const char *file, int line)
{
    if (got == NULL) {
        print_error("%s: NULL: %s\n", call, net_error_text());
        _fail(file, line);
    }
    return got;
}

void check_no_socket(net_socket *got, int expected, const char *call, const char *file, int line)
{
    if (got != NULL || net_error() != expected) {
        print_error("%s: expected NULL and %d (%s), got %p; net_error() is %d: %s\n", call,
                    expected, net_strerror(expected), (void *)got, net_error(), net_error_text());
        net_close(got, NET_NOW);
        _fail(file, line);
    }
}

void check_took(double ms, double least, double most, const char *file, int line)
{
    if (ms < least || ms > most * slowness()) {
        print_error("took %.3f ms, expected %.0f to %.0f\n", ms, least, most * slowness());
        _fail(file, line);
    }
}

void check_says(const char *text, const char *words, const char *file, int line)
{
    if (strstr(text, words) == NULL) {
        print_error("\"%s\" does not say \"%s\"\n", text, words);
        _fail(file, line);
    }
}

/* ---- Time ---- */

int slowness(void)
{
    const char *told = getenv("NETFACADE_TEST_SLOW");
    const char *preload = getenv("LD_PRELOAD"); /* valgrind shows itself here */

    if (told != NULL) {
        int factor = (int)strtol(told, NULL, 10);

        return factor > 0 ? factor : 1;
    }
    if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
        return 10;
    }
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    return 5;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
    return 5;
#endif
#endif
    return 1;
}

double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

double elapsed_ms(double since)
{
    return now_ms() - since;
}

void nap(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    int slept = -1;

    while (slept != 0) {
        slept = nanosleep(&left, &left);
    }
}

net_deadline soon(void)
{
    return net_after(20000 * (int64_t)slowness());
}

/* ---- Addresses ---- */

#define STREAMS   "tcp://127.0.0.1:0", "tcp://[::1]:0", "tcp://*:0"
#define DATAGRAMS "udp://127.0.0.1:0", "udp://[::1]:0", "udp://*:0"

const char *const stream_templates[] = {STREAMS, NULL};
const char *const datagram_templates[] = {DATAGRAMS, NULL};
const char *const all_templates[] = {STREAMS, DATAGRAMS, NULL};

const char *template_of(void **state)
{
    return *state;
}

bool is_stream(const char *address)
{
    return strncmp(address, "tcp:", 4) == 0;
}

long long number_of(net_socket *socket, const char *name)
{
    char text[64];

    assert_ok(net_get(socket, name, text, sizeof text));
    return strtoll(text, NULL, 10);
}

void dial_address(net_socket *listener, char address[ADDRESS_MAX])
{
    char scheme[16];

    assert_ok(net_get(listener, "local", address, ADDRESS_MAX));
    assert_ok(net_get(listener, "scheme", scheme, sizeof scheme));
    if (strstr(address, "://*:") != NULL || strstr(address, "://[::]:") != NULL ||
        strstr(address, "://:") != NULL || strstr(address, "://0.0.0.0:") != NULL) {
        snprintf(address, ADDRESS_MAX, "%s://127.0.0.1:%lld", scheme, number_of(listener, "port"));
    }
}

/* ---- The runner ---- */

int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -1; /* the directory's own */

    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    closedir(directory);
    return count;
}

static int descriptors_before;

static int count_descriptors(void **state)
{
    (void)state;
    descriptors_before = open_descriptors();
    return 0;
}

/* A resolver that was left behind closes its own in its own time. */
static int compare_descriptors(void **state)
{
    double since = now_ms();

    (void)state;
    while (open_descriptors() != descriptors_before && elapsed_ms(since) < 1000.0 * slowness()) {
        nap(5);
    }
    if (open_descriptors() != descriptors_before) {
        print_error("%d descriptors open before, %d after\n", descriptors_before,
                    open_descriptors());
        return -1;
    }
    return 0;
}

static char *test_name(const char *name, const char *address)
{
    char *text = malloc(256);

    assert_non_null(text);
    snprintf(text, 256, "%s%s%s", name, address != NULL ? " over " : "",
             address != NULL ? address : "");
    return text;
}

static void add_tests(struct CMUnitTest *all, const struct test *tests, size_t count,
                      const char *address)
{
    for (size_t i = 0; i < count; i++) {
        all[i] = (struct CMUnitTest){.name = test_name(tests[i].name, address),
                                     .test_func = tests[i].run,
                                     .setup_func = count_descriptors,
                                     .teardown_func = compare_descriptors,
                                     .initial_state = (char *)(uintptr_t)address};
    }
}

/* NETFACADE_TEST_ONLY: a pattern of names to run, for the hunt of one failure. */
int run_list(const char *const *templates, const struct test *tests, size_t count)
{
    static const char *const none[] = {NULL};
    const char *const *address = templates != NULL ? templates : none;
    const char *only = getenv("NETFACADE_TEST_ONLY");
    size_t rounds = 0;

    while (address[rounds] != NULL) {
        rounds++;
    }
    rounds += rounds == 0 ? 1 : 0;
    size_t total = rounds * count;
    struct CMUnitTest *all = calloc(total, sizeof *all);

    assert_non_null(all);
    for (size_t i = 0; i < rounds; i++) {
        add_tests(all + i * count, tests, count, address[i]);
    }
    if (only != NULL) {
        cmocka_set_test_filter(only);
    }
    int failures = _cmocka_run_group_tests("tests", all, total, NULL, NULL);

    for (size_t i = 0; i < total; i++) {
        free((char *)(uintptr_t)all[i].name);
    }
    free(all);
    return failures;
}
