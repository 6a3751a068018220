/* Bytes that are delayed, with made-up time. */
#include "chaos/delay.h"
#include "support.h"

#include <string.h>

static struct nf_delay *open_delay(void)
{
    struct nf_delay *delay = nf_delay_new();

    assert_non_null(delay);
    return delay;
}

/* Queue `size` bytes of the text from `offset` on. False: there was less room. */
static bool put(struct nf_delay *delay, size_t size, size_t offset, net_deadline due)
{
    char *where = NULL;
    size_t space = nf_delay_space(delay, &where);

    if (space < size) {
        return false;
    }
    write_pattern(where, size, offset);
    nf_delay_put(delay, size, due);
    return true;
}

static void bytes_arrive_at_their_moment(void **state)
{
    struct nf_delay *delay = open_delay();
    const char *bytes = NULL;
    char taken[8];

    (void)state;
    assert_true(nf_delay_next(delay) == NET_FOREVER);
    assert_true(put(delay, 5, 0, 100));
    assert_true(put(delay, 7, 5, 200));
    assert_int_equal(nf_delay_next(delay), 100);
    assert_int_equal(nf_delay_arrived(delay, 99, &bytes), 0);
    assert_int_equal(nf_delay_arrived(delay, 100, &bytes), 5);
    assert_int_equal(nf_delay_next(delay), 200);
    nf_delay_take(delay, taken, 3);
    assert_true(is_pattern(taken, 3, 0));
    assert_int_equal(nf_delay_arrived(delay, 199, &bytes), 2);
    assert_int_equal(nf_delay_arrived(delay, 200, &bytes), 9);
    assert_true(is_pattern(bytes, 9, 3));
    assert_true(nf_delay_next(delay) == NET_FOREVER);
    delay->end = 300;
    assert_int_equal(nf_delay_next(delay), 300);
    char *where = NULL;

    assert_int_equal(nf_delay_space(delay, &where), 0);
    nf_delay_free(delay);
    nf_delay_free(NULL);
}

/* A writer and a reader take random steps. All bytes arrive in order, and never more wait than
 * there is room for. */
static void much_goes_through_in_order(void **state)
{
    struct nf_delay *delay = open_delay();
    static char taken[NF_DELAY_ROOM];
    unsigned seed = 1;
    size_t written = 0;
    size_t read = 0;

    (void)state;
    for (net_deadline now = 1; now < 20000; now++) {
        size_t size = 1 + random_below(&seed, 3000);
        const char *bytes = NULL;

        if (put(delay, size, written, now + 10)) {
            written += size;
        }
        size_t arrived = nf_delay_arrived(delay, now, &bytes);

        assert_true(delay->count <= NF_DELAY_ROOM);
        assert_int_equal(delay->count, written - read);
        size = random_below(&seed, 3200);
        size = size < arrived ? size : arrived;
        nf_delay_take(delay, taken, size);
        assert_true(is_pattern(taken, size, read));
        read += size;
    }
    assert_true(written > 1000000);
    nf_delay_free(delay);
}

static void it_is_full_of_bytes_or_of_parts(void **state)
{
    struct nf_delay *delay = open_delay();
    char *where = NULL;
    const char *bytes = NULL;

    (void)state;
    assert_true(put(delay, NF_DELAY_ROOM, 0, 1));
    assert_int_equal(nf_delay_space(delay, &where), 0);
    assert_int_equal(nf_delay_arrived(delay, 1, &bytes), NF_DELAY_ROOM);
    assert_true(is_pattern(bytes, NF_DELAY_ROOM, 0));
    nf_delay_free(delay);
    delay = open_delay();
    for (int i = 0; i < NF_DELAY_PARTS; i++) {
        assert_true(put(delay, 1, (size_t)i, i));
    }
    assert_int_equal(nf_delay_space(delay, &where), 0);
    assert_int_equal(nf_delay_arrived(delay, 0, &bytes), 1);
    assert_true(nf_delay_space(delay, &where) > 0);
    nf_delay_free(delay);
}

int main(void)
{
    const struct test tests[] = {
        TEST(bytes_arrive_at_their_moment),
        TEST(much_goes_through_in_order),
        TEST(it_is_full_of_bytes_or_of_parts),
    };

    return run_once(tests);
}
