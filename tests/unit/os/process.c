/* valgrind: skip, it forks */
/* A process is distinguished from its ancestors, whatever their numbers are. */
#include "os/process.h"
#include "support.h"

#include <sys/wait.h>

static void the_same_in_all_of_a_process(void **state)
{
    (void)state;
    int own = nf_process();

    assert_true(own > 0);
    assert_int_equal(nf_process(), own);
    assert_int_equal(nf_process_number(), getpid());
}

/* In `generations` of children, one below the other, each is distinguished from those above it. */
static int differs(int generations, const int *above, int count)
{
    int seen[4];
    int status = 0;
    pid_t child = fork();

    if (child != 0) {
        return child > 0 && waitpid(child, &status, 0) == child && status == 0;
    }
    seen[count] = nf_process();
    bool good = seen[count] == nf_process();

    for (int i = 0; i < count; i++) {
        seen[i] = above[i];
        good = good && above[i] != seen[count];
    }
    if (good && generations > 1) {
        good = differs(generations - 1, seen, count + 1);
    }
    _exit(good ? 0 : 1);
}

static void a_child_is_another(void **state)
{
    const int own = nf_process();

    (void)state;
    assert_true(differs(3, &own, 1));
    assert_true(differs(3, &own, 1));
    assert_int_equal(nf_process(), own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_in_all_of_a_process),
        cmocka_unit_test(a_child_is_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
