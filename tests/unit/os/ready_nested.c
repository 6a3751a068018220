/* The descriptor of an epoll set, which is readable while something watched is ready, and its
 * alarm. The poll implementation has neither. */
#include "ready_set.h"
#include "support.h"

static bool is_readable(int fd, net_deadline deadline)
{
    struct nf_poll poll = {.fd = fd, .want = NF_IN};

    return nf_poll(&poll, 1, deadline) == 1;
}

static void a_nested_set_is_readable_while_something_is_ready(void **state)
{
    struct thing thing;

    ready_set_open(template_of(state));
    thing_open(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    int fd = body->fd(ready);

    assert_true(fd >= 0);
    assert_false(is_readable(fd, NET_NOW));
    thing_make_readable(&thing);
    assert_true(is_readable(fd, soon()));
    assert_int_equal(told_of(&thing), NF_IN);
    assert_true(is_readable(fd, NET_NOW));
    thing_make_unreadable(&thing);
    assert_false(is_readable(fd, NET_NOW));
    thing_make_readable(&thing);
    assert_true(is_readable(fd, NET_NOW));
    assert_int_equal(thing_watch(&thing, 0), 0);
    assert_false(is_readable(fd, NET_NOW));
    thing_close(&thing);
    body->close(ready);
}

/* Set the alarm. Returns after how many ms the descriptor was readable. */
static double fires_after(int ms)
{
    double since = now_ms();

    assert_int_equal(body->alarm(ready, net_after(ms)), 0);
    assert_true(is_readable(body->fd(ready), soon()));
    return elapsed_ms(since);
}

static void an_alarm_fires_at_the_moment_it_was_set_to_last(void **state)
{
    enum { EARLY = 15, MIDDLE = 30, FAR = 60000, LATE = 8 }; /* ms */

    ready_set_open(template_of(state));
    int fd = body->fd(ready);

    assert_int_equal(body->alarm(ready, NET_FOREVER), 0);
    assert_false(is_readable(fd, NET_NOW));
    assert_took(fires_after(MIDDLE), MIDDLE - 1, MIDDLE + LATE);
    assert_true(is_readable(fd, NET_NOW)); /* until it is set again */
    assert_int_equal(body->alarm(ready, net_after(FAR)), 0);
    assert_false(is_readable(fd, NET_NOW));
    assert_took(fires_after(EARLY), EARLY - 1, EARLY + LATE);
    assert_int_equal(body->alarm(ready, net_after(EARLY)), 0);
    assert_int_equal(body->alarm(ready, NET_FOREVER), 0);
    assert_false(is_readable(fd, net_after(2 * EARLY)));
    body->close(ready);
}

static void an_alarm_for_the_past_fires_at_once_and_names_no_user(void **state)
{
    struct thing thing;

    ready_set_open(template_of(state));
    thing_open(&thing);
    thing_make_readable(&thing);
    assert_int_equal(thing_watch(&thing, NF_IN), 0);
    const net_deadline past[] = {NET_NOW, net_after(INT64_MIN), net_after(-1), net_after(0)};
    int fd = body->fd(ready);

    for (size_t i = 0; i < COUNT(past); i++) {
        thing_make_unreadable(&thing);
        assert_int_equal(body->alarm(ready, past[i]), 0);
        assert_true(is_readable(fd, soon()));
        assert_int_equal(body->wait(ready, answers, soon()), 1);
        assert_null(answers[0].user);
        thing_make_readable(&thing);
        assert_int_equal(told_of(&thing), NF_IN); /* it does not hide the others */
        assert_int_equal(body->alarm(ready, NET_FOREVER), 0);
        assert_int_equal(body->wait(ready, answers, NET_NOW), 1);
        assert_ptr_equal(answers[0].user, &thing);
    }
    thing_close(&thing);
    body->close(ready);
}

static void polls_body_cannot_be_nested(void **state)
{
    ready_set_open(template_of(state));
    assert_int_equal(body->fd(ready), NET_UNSUPPORTED);
    assert_int_equal(body->alarm(ready, NET_FOREVER), NET_UNSUPPORTED);
    assert_int_equal(body->alarm(ready, net_after(1)), NET_UNSUPPORTED);
    body->close(ready);
}

int main(void)
{
    static const char *const epoll[] = {"epoll", NULL};
    static const char *const poll[] = {"poll", NULL};
    const struct test epolls[] = {
        TEST(a_nested_set_is_readable_while_something_is_ready),
        TEST(an_alarm_fires_at_the_moment_it_was_set_to_last),
        TEST(an_alarm_for_the_past_fires_at_once_and_names_no_user),
    };
    const struct test polls[] = {
        TEST(polls_body_cannot_be_nested),
    };

    return run_over(epoll, epolls) + run_over(poll, polls);
}
