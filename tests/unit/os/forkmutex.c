/* valgrind: skip, it forks */
/* A mutex that a forked child makes anew. */
#include "os/forkmutex.h"
#include "support.h"

#include <pthread.h>

enum { THREADS = 8, TIMES = 1000 };

static struct nf_fork_mutex mutex;
static int first_times; /* guarded by the mutex, as are the others */
static int count;

static void *lock_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < TIMES; i++) {
        first_times += nf_fork_mutex_lock(&mutex);
        count++;
        nf_fork_mutex_unlock(&mutex);
    }
    return NULL;
}

static void one_of_many_threads_is_the_first(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, lock_often, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(first_times, 1);
    assert_int_equal(count, THREADS * TIMES);
}

/* Its parent holds the mutex. The first call of the child succeeds, and so does that of a child of
 * its own, made while it holds it. */
static int is_first(void *generations)
{
    int *left = generations;
    bool good = nf_fork_mutex_lock(&mutex);

    *left -= 1;
    good = good && (*left == 0 || in_child(is_first, left) == 0);
    nf_fork_mutex_unlock(&mutex);
    good = good && !nf_fork_mutex_lock(&mutex);
    nf_fork_mutex_unlock(&mutex);
    return good ? 0 : 1;
}

static void a_child_makes_it_anew(void **state)
{
    int generations = 3;

    (void)state;
    nf_fork_mutex_lock(&mutex);
    assert_int_equal(in_child(is_first, &generations), 0);
    nf_fork_mutex_unlock(&mutex);
    assert_false(nf_fork_mutex_lock(&mutex));
    nf_fork_mutex_unlock(&mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_many_threads_is_the_first),
        cmocka_unit_test(a_child_makes_it_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
