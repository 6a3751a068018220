/* A unix listener without the option said that its backlog is 2147483647, where the system had
 * lowered it to net.core.somaxconn. */
#include "support.h"

#include <stdio.h>

/* The system's maximum; 0: it does not tell. */
static long long most(void)
{
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    long long number = 0;

    if (file == NULL || fscanf(file, "%lld", &number) != 1) {
        number = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return number;
}

static void a_listener_says_what_the_system_granted(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    print_message("backlog: %lld, the system's maximum: %lld\n",
                  number_of(pair.listener, "backlog"), most());
    if (most() > 0) {
        assert_int_equal(number_of(pair.listener, "backlog"), most());
        assert_int_equal(number_of(pair.server, "backlog"), most());
    }
    close_pair(&pair);
    dial_pair_with(template_of(state), "backlog=3", NULL, &pair);
    assert_int_equal(number_of(pair.listener, "backlog"), 3);
    close_pair(&pair);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "unix://@", NULL};
    static const struct test tests[] = {
        TEST(a_listener_says_what_the_system_granted),
    };

    return run_over(templates, tests);
}
