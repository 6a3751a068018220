/* Assertions, time, addresses, and the runner. */
#define _GNU_SOURCE
#include "support.h"
#include "templates.h"

#include <errno.h>
#include <dirent.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- A network of the test's own ---- */

static bool own_network;

bool has_own_network(void)
{
    return own_network;
}

bool run_command(const char *command, const char *text)
{
    FILE *pipe = popen(command, "w");

    if (pipe == NULL) {
        return false;
    }
    bool told = fputs(text, pipe) >= 0;

    return pclose(pipe) == 0 && told;
}

bool may_send_raw(int family)
{
    int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Unix datagrams are never dropped: the sender waits while ten of them are unread. With a network
 * of its own the test allows more. */
static void make_room_for_datagrams(void)
{
    FILE *file = fopen("/proc/sys/net/unix/max_dgram_qlen", "we");

    if (file != NULL) {
        fputs("1000\n", file);
        fclose(file);
    }
}

/* Tests run side by side, and each frees and guesses ports. Where the system allows it, each test
 * program therefore has a loopback that no other program uses. */
__attribute__((constructor)) static void leave_the_network_of_the_machine(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = unshare(CLONE_NEWNET) == 0 ? socket(AF_INET, SOCK_DGRAM, 0) : -1;

    if (fd < 0) {
        return;
    }
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
        abort(); /* without a loopback this network is worse than that of the machine */
    }
    close(fd);
    make_room_for_datagrams();
    own_network = true;
}

/* ---- Which program makes the calls ---- */

/* driven/verbs.c defines it instead, where that is linked. */
__attribute__((weak)) bool is_driven(void)
{
    return false;
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
    bool late = ms > most * slowness();

    if (ms < least || late) {
        print_error("took %.3f ms, expected %.0f to %.0f\n", ms, least, most * slowness());
    }
    if (ms < least) {
        _fail(file, line);
    }
    check_in_time(!late, "in time", file, line);
}

/* The current run, and the place where it was late first. */
static struct {
    bool is_one_of_several;
    const char *late_file;
    int late_line;
} run;

bool check_in_time(bool holds, const char *what, const char *file, int line)
{
    if (holds) {
        return true;
    }
    print_error("%s:%d: not %s\n", file, line, what);
    if (!run.is_one_of_several) {
        _fail(file, line);
    }
    if (run.late_file == NULL) {
        run.late_file = file;
        run.late_line = line;
    }
    return false;
}

void check_blames(const char *verb, const char *address, const char *file, int line)
{
    char words[64];
    const char *rest = strstr(address, "//");

    snprintf(words, sizeof words, "%s %.*s", verb, (int)(rest - address) + 2, address);
    check_says(net_error_text(), words, file, line);
}

void check_says(const char *text, const char *words, const char *file, int line)
{
    if (strstr(text, words) == NULL) {
        print_error("\"%s\" does not say \"%s\"\n", text, words);
        _fail(file, line);
    }
}

void check_reads(net_socket *socket, const char *name, const char *expected, const char *file,
                 int line)
{
    char text[ADDRESS_MAX];

    check_ok(net_get(socket, name, text, sizeof text), name, file, line);
    if (strcmp(text, expected) != 0) {
        print_error("%s is '%s', not '%s'\n", name, text, expected);
        _fail(file, line);
    }
}

int times_in(const char *text, const char *words)
{
    int count = 0;

    for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words)) {
        count++;
    }
    return count;
}

/* ---- A cancel in a signal handler ---- */

net_socket *to_cancel;
_Atomic int errno_after_cancel;

void cancel_in_handler(int number)
{
    int kept = errno;

    (void)number;
    errno = 4711;
    net_cancel(to_cancel);
    errno_after_cancel = errno;
    errno = kept;
}

/* ---- What TSan asks for ---- */

/* TSan takes the connect(2) that sends a reset for one that opens the descriptor, and reports a
 * race with a thread that uses it. In a child it takes the threads of the parent for the child's
 * own, and reports a race where the child initialises again what they left (wires/mem/threads). */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
    return "race:nf_fd_abort\n"
           "race:live_in_the_child\n";
}

/* ---- Time ---- */

int slowness(void)
{
    const char *told = getenv("NETFACADE_TEST_SLOW");
    const char *preload = getenv("LD_PRELOAD"); /* valgrind is visible here */

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

double thread_cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
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

/* A test, and the template that it is run over. */
struct instance {
    void (*run)(void **state);
    const char *address;
};

const char *template_of(void **state)
{
    return template_instance(((const struct instance *)*state)->address);
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

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;

    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    closedir(directory);
    return count;
}

int open_descriptors(void)
{
    return count_entries("/proc/self/fd") - 1; /* not that of the directory itself */
}

static void *tell_who_it_is(void *argument)
{
    *(pid_t *)argument = (pid_t)syscall(SYS_gettid);
    return NULL;
}

/* With the first thread of a program, the thread sanitizer starts one of its own, which stays. A
 * thread of the test is listed for a moment after it was joined. */
static void start_the_first_thread(void)
{
    pthread_t thread;
    pid_t tid = 0;
    char path[64];

    assert_int_equal(pthread_create(&thread, NULL, tell_who_it_is, &tid), 0);
    pthread_join(thread, NULL);
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)tid);
    while (access(path, F_OK) == 0) {
        nap(1);
    }
}

int running_threads(void)
{
    static pthread_once_t first = PTHREAD_ONCE_INIT;

    pthread_once(&first, start_the_first_thread);
    return count_entries("/proc/self/task");
}

static int descriptors_before;
static int threads_before;

static int count_means(void **state)
{
    (void)state;
    templates_begin();
    descriptors_before = open_descriptors();
    threads_before = running_threads();
    return 0;
}

static bool all_is_given_back(void)
{
    return open_descriptors() == descriptors_before && running_threads() <= threads_before;
}

/* A resolver thread that was left behind ends later. */
static int compare_means(void **state)
{
    double since = now_ms();

    (void)state;
    bool clean = templates_end();

    while (!all_is_given_back() && elapsed_ms(since) < 5000.0 * slowness()) {
        nap(5);
    }
    if (!all_is_given_back()) {
        print_error("%d descriptors open before, %d after; %d threads, %d after\n",
                    descriptors_before, open_descriptors(), threads_before, running_threads());
        return -1;
    }
    return clean ? 0 : -1;
}

/* The machine may stall at any place, for seconds, and no measurement of the test can exclude that.
 * But if the code under test is late, it is late in each run. */
static void run_until_in_time(void **state)
{
    enum { RUNS = 5, PAUSE = 100 /* ms, for the stall to pass */ };
    const struct instance *instance = *state;

    run.is_one_of_several = true;
    for (int i = 1; i == 1 || run.late_file != NULL; i++) {
        if (i > RUNS) {
            _fail(run.late_file, run.late_line);
        }
        nap(i > 1 ? i * PAUSE : 0);
        run.late_file = NULL;
        instance->run(state);
    }
}

static char *test_name(const char *name, const char *address)
{
    char *text = malloc(256);

    assert_non_null(text);
    snprintf(text, 256, "%s%s%s", name, address != NULL ? " over " : "",
             address != NULL ? address : "");
    return text;
}

/* Without those that are spared. Returns how many there are: one, NULL, if there is no list. */
static size_t count_rounds(const char *const *templates)
{
    size_t rounds = 0;

    for (size_t i = 0; templates != NULL && templates[i] != NULL; i++) {
        rounds += template_is_spared(templates[i]) ? 0 : 1;
    }
    return templates != NULL ? rounds : 1;
}

static void add_tests(struct CMUnitTest *all, struct instance *instances, const struct test *tests,
                      size_t count, const char *address)
{
    for (size_t i = 0; i < count; i++) {
        instances[i] = (struct instance){.run = tests[i].run, .address = address};
        all[i] = (struct CMUnitTest){.name = test_name(tests[i].name, address),
                                     .test_func = run_until_in_time,
                                     .setup_func = count_means,
                                     .teardown_func = compare_means,
                                     .initial_state = &instances[i]};
    }
}

/* NETFACADE_TEST_ONLY: a pattern of the names to run, for finding one failure. */
int run_list(const char *const *templates, const struct test *tests, size_t count)
{
    static const char *const none[] = {NULL};
    const char *const *address = templates != NULL ? templates : none;
    const char *only = getenv("NETFACADE_TEST_ONLY");
    size_t total = count_rounds(templates) * count;
    struct CMUnitTest *all = calloc(total, sizeof *all);
    struct instance *instances = calloc(total, sizeof *instances);

    assert_non_null(all);
    assert_non_null(instances);
    for (size_t at = 0; at < total; address++) {
        if (!template_is_spared(*address)) {
            add_tests(all + at, instances + at, tests, count, *address);
            at += count;
        }
    }
    if (only != NULL) {
        cmocka_set_test_filter(only);
    }
    int failures = _cmocka_run_group_tests("tests", all, total, NULL, NULL);

    for (size_t i = 0; i < total; i++) {
        free((char *)(uintptr_t)all[i].name);
    }
    free(instances);
    free(all);
    return failures;
}
