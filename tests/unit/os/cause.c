/* Codes and their texts, the code of each errno, and the record of a thread's failures. */
#include "os/cause.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void every_code_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (int code = NET_EOF; code >= NET_SYSTEM; code--) {
        assert_string_not_equal(nf_code_text(code), "");
        assert_string_not_equal(nf_code_text(code), nf_code_text(-1));
        for (int other = NET_EOF; other > code; other--) {
            assert_string_not_equal(nf_code_text(code), nf_code_text(other));
        }
    }
    assert_string_equal(nf_code_text(0), "no error");
    assert_string_equal(nf_code_text(-1), nf_code_text(12345));
    assert_string_equal(nf_code_text(NF_WOULD_BLOCK), nf_code_text(-1));
}

static void an_errno_becomes_a_code_and_is_remembered(void **state)
{
    static const struct {
        int error;
        int code;
    } cases[] = {{ECONNREFUSED, NET_REFUSED},
                 {ECONNRESET, NET_RESET},
                 {EPIPE, NET_RESET},
                 {ETIMEDOUT, NET_RESET},
                 {ECONNABORTED, NET_RESET},
                 {EHOSTUNREACH, NET_UNREACHABLE},
                 {ENETUNREACH, NET_UNREACHABLE},
                 {EADDRINUSE, NET_INUSE},
                 {EACCES, NET_DENIED},
                 {EPERM, NET_DENIED},
                 {EMSGSIZE, NET_TOOBIG},
                 {EMFILE, NET_LIMIT},
                 {ENFILE, NET_LIMIT},
                 {ENOBUFS, NET_LIMIT},
                 {ENOMEM, NET_LIMIT},
                 {EAFNOSUPPORT, NET_UNSUPPORTED},
                 {ENOSYS, NET_UNSUPPORTED},
                 {EIO, NET_SYSTEM},
                 {EBADF, NET_SYSTEM},
                 {99999, NET_SYSTEM}};
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(nf_fail_errno(cases[i].error), cases[i].code);
        assert_int_equal(nf_cause_pending()->code, cases[i].code);
        assert_int_equal(nf_cause_pending()->error, cases[i].error);
        assert_string_equal(nf_cause_pending()->detail, "");
    }
    nf_errno_text(EIO, text, sizeof text);
    assert_non_null(strstr(text, "errno 5"));
    nf_errno_text(99999, text, sizeof text);
    assert_non_null(strstr(text, "errno 99999"));
}

/* A detail may quote the one that it replaces. One that is too long shows where it was cut. */
static void details_are_kept_and_cut_visibly(void **state)
{
    char much[2 * NF_DETAIL_MAX];

    (void)state;
    assert_int_equal(nf_fail_because(NET_NAME, "%s", "inner"), NET_NAME);
    nf_fail_because(NET_NAME, "outer of %s", nf_cause_pending()->detail);
    assert_string_equal(nf_cause_pending()->detail, "outer of inner");
    memset(much, 'x', sizeof much - 1);
    much[sizeof much - 1] = '\0';
    nf_fail_because(NET_NAME, "%s", much);
    size_t length = strlen(nf_cause_pending()->detail);

    assert_int_equal(length, NF_DETAIL_MAX - 1);
    assert_string_equal(nf_cause_pending()->detail + length - 4, "x...");
    nf_fail(NET_EOF);
    assert_string_equal(nf_cause_pending()->detail, "");
}

/* A failure that was not reported does not replace one that was. */
static void a_failure_stays_until_the_next_that_is_told(void **state)
{
    (void)state;
    nf_fail_because(NET_REFUSED, "first");
    nf_cause_report(NET_REFUSED);
    nf_fail_because(NET_NAME, "never told");
    assert_int_equal(nf_cause_last()->code, NET_REFUSED);
    assert_string_equal(nf_cause_last()->detail, "first");
    nf_fail_because(NET_NAME, "second");
    nf_cause_report(NET_NAME);
    assert_int_equal(nf_cause_last()->code, NET_NAME);
    assert_string_equal(nf_cause_last()->detail, "second");
}

/* The code of the call counts. A cause that does not belong to the code is not quoted. */
static void a_stale_cause_is_not_quoted(void **state)
{
    (void)state;
    nf_fail_because(NET_NAME, "something else");
    nf_cause_report(NET_TIMEOUT);
    assert_int_equal(nf_cause_last()->code, NET_TIMEOUT);
    assert_string_equal(nf_cause_last()->detail, "");
}

static void *look(void *argument)
{
    *(int *)argument = nf_cause_last()->code;
    nf_fail_because(NET_DENIED, "elsewhere");
    nf_cause_report(NET_DENIED);
    return NULL;
}

static void each_thread_has_its_own_record(void **state)
{
    pthread_t thread;
    int seen = 1;

    (void)state;
    nf_fail_because(NET_REFUSED, "here");
    nf_cause_report(NET_REFUSED);
    assert_int_equal(pthread_create(&thread, NULL, look, &seen), 0);
    pthread_join(thread, NULL);
    assert_int_equal(seen, 0);
    assert_string_equal(nf_cause_last()->detail, "here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_text_of_its_own),
        cmocka_unit_test(an_errno_becomes_a_code_and_is_remembered),
        cmocka_unit_test(details_are_kept_and_cut_visibly),
        cmocka_unit_test(a_failure_stays_until_the_next_that_is_told),
        cmocka_unit_test(a_stale_cause_is_not_quoted),
        cmocka_unit_test(each_thread_has_its_own_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
