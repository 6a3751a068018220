/* wrap: getaddrinfo freeaddrinfo pthread_create */
/* Lookups on threads that nobody waits for. The resolver answers when the test says so. */
#include "name/resolve.h"
#include "netfacade.h"
#include "os/cause.h"
#include "os/poll.h"
#include "wait/deadline.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

enum { PATIENCE = 30000 }; /* ms: the bound for a call that should take no time */

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);
void __wrap_freeaddrinfo(struct addrinfo *found);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);

/* ---- The resolver ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static bool gate_open = true; /* whether names that begin with "slow" get an answer */
static int running;
static int running_most;
static int finished;
static atomic_int alive; /* answers that are not freed */
static atomic_int threads_refused;

static struct addrinfo *answer(int family, uint8_t number, struct addrinfo *next)
{
    struct addrinfo *one = calloc(1, sizeof *one + sizeof(struct sockaddr_in6));
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)(one + 1);

    assert_non_null(one);
    one->ai_family = family;
    one->ai_addr = (struct sockaddr *)v6;
    one->ai_next = next;
    v6->sin6_family = (sa_family_t)family;
    if (family == AF_INET) {
        ((struct sockaddr_in *)(void *)v6)->sin_addr.s_addr = htonl(0x7f000000U + number);
    } else {
        v6->sin6_addr.s6_addr[15] = number;
    }
    atomic_fetch_add(&alive, 1);
    return one;
}

static void pass_gate(const char *host)
{
    pthread_mutex_lock(&lock);
    running++;
    running_most = running > running_most ? running : running_most;
    pthread_cond_broadcast(&moved);
    while (strncmp(host, "slow", 4) == 0 && !gate_open) {
        pthread_cond_wait(&moved, &lock);
    }
    running--;
    finished++;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

/* "v4only" has no IPv6 address, "nobody" has none, "broken" fails in another way, "many" has very
 * many. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    int family = hints->ai_family;

    (void)service;
    pass_gate(host);
    if (strcmp(host, "nobody") == 0 || (strcmp(host, "v4only") == 0 && family == AF_INET6)) {
        return EAI_NONAME;
    }
    if (strcmp(host, "broken") == 0) {
        errno = EMFILE;
        return family == AF_INET ? EAI_SYSTEM : EAI_MEMORY;
    }
    *found = NULL;
    for (int i = strcmp(host, "many") == 0 ? 100 : 2; i > 0; i--) {
        *found = answer(family, (uint8_t)i, *found);
    }
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;

        free(found);
        atomic_fetch_sub(&alive, 1);
        found = next;
    }
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    if (atomic_load(&threads_refused) > 0) {
        atomic_fetch_sub(&threads_refused, 1);
        return EAGAIN;
    }
    return __real_pthread_create(thread, attributes, body, argument);
}

static void set_gate(bool open)
{
    pthread_mutex_lock(&lock);
    gate_open = open;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

/* Wait until a counter of the resolver has a value. */
static void await(const int *counter, int value)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE / 1000;
    pthread_mutex_lock(&lock);
    while (*counter < value) {
        assert_int_equal(pthread_cond_timedwait(&moved, &lock, &until), 0);
    }
    pthread_mutex_unlock(&lock);
}

static int start(void **state)
{
    (void)state;
    pthread_mutex_lock(&lock);
    gate_open = true;
    running_most = 0;
    finished = 0;
    pthread_mutex_unlock(&lock);
    return 0;
}

/* ---- The tests ---- */

static struct nf_resolve *begin(const char *host)
{
    struct nf_resolve *resolve = NULL;

    assert_int_equal(nf_resolve_begin(host, true, true, &resolve), 0);
    return resolve;
}

/* Wait for the answer of a family, however long it takes. */
static int hear(struct nf_resolve *resolve, enum nf_family family, struct nf_addr *addrs)
{
    net_deadline deadline = net_after(PATIENCE);
    int count = nf_resolve_answer(resolve, family, addrs);

    while (count == NF_WOULD_BLOCK) {
        struct nf_poll answer = {.fd = nf_resolve_fd(resolve), .want = NF_IN};

        assert_true(nf_now() < deadline);
        nf_poll(&answer, 1, deadline);
        nf_resolve_drain(resolve);
        count = nf_resolve_answer(resolve, family, addrs);
    }
    return count;
}

static void both_families_are_asked_and_answer_apart(void **state)
{
    struct nf_resolve *resolve = begin("host.example");
    struct nf_addr addrs[NF_RESOLVE_MAX];

    (void)state;
    assert_int_equal(hear(resolve, NF_IPV4, addrs), 2);
    assert_int_equal(addrs[0].family, NF_IPV4);
    assert_int_equal(addrs[0].ip[3], 1);
    assert_int_equal(addrs[1].ip[3], 2);
    assert_int_equal(hear(resolve, NF_IPV6, addrs), 2);
    assert_int_equal(addrs[1].family, NF_IPV6);
    assert_int_equal(addrs[1].ip[15], 2);
    nf_resolve_forget(resolve);
}

/* The sentence quotes the resolver. */
static void a_name_that_nobody_has_is_said_so(void **state)
{
    struct nf_resolve *resolve = begin("nobody");
    struct nf_addr addrs[NF_RESOLVE_MAX];

    (void)state;
    assert_int_equal(hear(resolve, NF_IPV4, addrs), NET_NAME);
    assert_non_null(strstr(nf_cause_pending()->detail, "nobody"));
    assert_non_null(strstr(nf_cause_pending()->detail, gai_strerror(EAI_NONAME)));
    assert_int_equal(hear(resolve, NF_IPV6, addrs), NET_NAME);
    nf_resolve_forget(resolve);
    resolve = begin("v4only");
    assert_int_equal(hear(resolve, NF_IPV6, addrs), NET_NAME);
    assert_int_equal(hear(resolve, NF_IPV4, addrs), 2);
    nf_resolve_forget(resolve);
}

static void a_resolver_without_means_is_at_its_limit(void **state)
{
    struct nf_resolve *resolve = begin("broken");
    struct nf_addr addrs[NF_RESOLVE_MAX];

    (void)state;
    assert_int_equal(hear(resolve, NF_IPV4, addrs), NET_LIMIT);
    assert_non_null(strstr(nf_cause_pending()->detail, "errno 24"));
    assert_int_equal(hear(resolve, NF_IPV6, addrs), NET_LIMIT);
    nf_resolve_forget(resolve);
}

static void more_answers_than_there_is_room_for_are_left_out(void **state)
{
    struct nf_resolve *resolve = begin("many");
    struct nf_addr addrs[NF_RESOLVE_MAX];

    (void)state;
    assert_int_equal(hear(resolve, NF_IPV4, addrs), NF_RESOLVE_MAX);
    assert_int_equal(addrs[0].ip[3], 1);
    assert_int_equal(hear(resolve, NF_IPV6, addrs), NF_RESOLVE_MAX);
    nf_resolve_forget(resolve);
}

/* At most 16 lookups run. More of them wait in a queue, in order. */
static void at_most_16_lookups_run_and_more_wait(void **state)
{
    enum { REQUESTS = 20 };
    struct nf_resolve *resolve[REQUESTS];
    struct nf_addr addrs[NF_RESOLVE_MAX];

    (void)state;
    set_gate(false);
    for (int i = 0; i < REQUESTS; i++) {
        resolve[i] = begin("slow.example");
    }
    await(&running, NF_RESOLVE_RUNNING);
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(nf_resolve_answer(resolve[i], NF_IPV4, addrs), NF_WOULD_BLOCK);
    }
    set_gate(true);
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(hear(resolve[i], NF_IPV4, addrs), 2);
        assert_int_equal(hear(resolve[i], NF_IPV6, addrs), 2);
        nf_resolve_forget(resolve[i]);
    }
    assert_int_equal(running_most, NF_RESOLVE_RUNNING);
    assert_int_equal(finished, 2 * REQUESTS);
}

/* A request that is withdrawn while it waits in the queue is never looked up. */
static void what_waits_in_the_queue_can_be_withdrawn(void **state)
{
    enum { RUNNING = NF_RESOLVE_RUNNING / 2, WAITING = 4 };
    struct nf_resolve *resolve[RUNNING + WAITING];
    struct nf_addr addrs[NF_RESOLVE_MAX];

    (void)state;
    set_gate(false);
    for (int i = 0; i < RUNNING + WAITING; i++) {
        resolve[i] = begin("slow.example");
    }
    await(&running, NF_RESOLVE_RUNNING);
    nf_resolve_forget(resolve[RUNNING + 3]);
    nf_resolve_forget(resolve[RUNNING]);
    nf_resolve_forget(resolve[RUNNING + 1]);
    set_gate(true);
    for (int i = 0; i < RUNNING; i++) {
        assert_int_equal(hear(resolve[i], NF_IPV4, addrs), 2);
        assert_int_equal(hear(resolve[i], NF_IPV6, addrs), 2);
        nf_resolve_forget(resolve[i]);
    }
    assert_int_equal(hear(resolve[RUNNING + 2], NF_IPV6, addrs), 2);
    assert_int_equal(hear(resolve[RUNNING + 2], NF_IPV4, addrs), 2);
    nf_resolve_forget(resolve[RUNNING + 2]);
    assert_int_equal(finished, 2 * (RUNNING + 1));
}

/* Nobody waits for it, and it leaves no memory behind: LeakSanitizer would report it. */
static void a_forgotten_lookup_ends_by_itself(void **state)
{
    (void)state;
    set_gate(false);
    struct nf_resolve *resolve = begin("slow.example");

    await(&running, 2);
    nf_resolve_forget(resolve);
    pthread_mutex_lock(&lock);
    int still_running = running;

    pthread_mutex_unlock(&lock);
    assert_int_equal(still_running, 2);
    set_gate(true);
    await(&finished, 2);
}

static void without_a_thread_a_lookup_is_at_its_limit(void **state)
{
    struct nf_addr addrs[NF_RESOLVE_MAX];

    (void)state;
    atomic_store(&threads_refused, 2);
    struct nf_resolve *resolve = begin("host.example");

    assert_int_equal(hear(resolve, NF_IPV4, addrs), NET_LIMIT);
    assert_int_equal(hear(resolve, NF_IPV6, addrs), NET_LIMIT);
    nf_resolve_forget(resolve);
    atomic_store(&threads_refused, 1);
    resolve = begin("host.example");
    assert_int_equal(hear(resolve, NF_IPV6, addrs), NET_LIMIT);
    assert_int_equal(hear(resolve, NF_IPV4, addrs), 2);
    nf_resolve_forget(resolve);
    resolve = begin("host.example");
    assert_int_equal(hear(resolve, NF_IPV6, addrs), 2);
    assert_int_equal(hear(resolve, NF_IPV4, addrs), 2);
    nf_resolve_forget(resolve);
}

/* The threads that were left behind end before the process does, so their memory is no leak. */
static int let_all_end(void **state)
{
    struct timespec rest = {.tv_nsec = 50000000};

    (void)state;
    for (int i = 0; i < 100 && atomic_load(&alive) > 0; i++) {
        nanosleep(&rest, NULL);
    }
    nanosleep(&rest, NULL);
    return atomic_load(&alive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_families_are_asked_and_answer_apart, start),
        cmocka_unit_test_setup(a_name_that_nobody_has_is_said_so, start),
        cmocka_unit_test_setup(a_resolver_without_means_is_at_its_limit, start),
        cmocka_unit_test_setup(more_answers_than_there_is_room_for_are_left_out, start),
        cmocka_unit_test_setup(at_most_16_lookups_run_and_more_wait, start),
        cmocka_unit_test_setup(what_waits_in_the_queue_can_be_withdrawn, start),
        cmocka_unit_test_setup(a_forgotten_lookup_ends_by_itself, start),
        cmocka_unit_test_setup(without_a_thread_a_lookup_is_at_its_limit, start),
    };

    return cmocka_run_group_tests(tests, NULL, let_all_end);
}
