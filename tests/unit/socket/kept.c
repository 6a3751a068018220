/* wrap: malloc realloc */
/* The store of bytes that a socket keeps. */
#include "socket/kept.h"
#include "socket/socket.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool refuses;
static int reallocations;

/* A compiler may make this of a realloc of NULL. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    if (refuses) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_malloc(size);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    reallocations++;
    if (refuses) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_realloc(old, size);
}

/* Put bytes of the pattern behind those that are kept. `end` is how many have been put so far. */
static void put(struct nf_kept **kept, size_t size, size_t *end)
{
    char *to = nf_kept_space(kept, 1, size);

    assert_non_null(to);
    write_pattern(to, size, *end);
    (*kept)->count += size;
    *end += size;
}

static void take(struct nf_kept **kept, size_t size, size_t *taken)
{
    char buffer[4096];

    assert_in_range(size, 1, sizeof buffer);
    assert_int_equal(nf_kept_take(kept, buffer, size), size);
    assert_true(is_pattern(buffer, size, *taken));
    *taken += size;
}

static void bytes_come_out_as_they_went_in(void **state)
{
    struct nf_kept *kept = NULL;
    unsigned seed = 1;
    size_t end = 0;
    size_t taken = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t size = 1 + random_below(&seed, 4096);

        if (random_below(&seed, 2) == 0 && end - taken < 64 * 1024) {
            put(&kept, size, &end);
        } else if (end > taken) {
            take(&kept, size < end - taken ? size : end - taken, &taken);
        }
        if (random_below(&seed, 4) == 0) {
            nf_kept_fit(&kept);
        }
        assert_int_equal(nf_kept_count(kept), end - taken);
        assert_true((kept == NULL) == (end == taken));
        assert_true(kept == NULL || is_pattern(nf_kept_start(kept), end - taken, taken));
    }
    free(kept);
}

static void the_first_room_is_for_more_than_the_first_bytes(void **state)
{
    struct nf_kept *kept = NULL;
    char *first = nf_kept_space(&kept, 1000, 10);

    (void)state;
    assert_non_null(first);
    kept->count = 10;
    reallocations = 0;
    assert_ptr_equal(nf_kept_space(&kept, 1000, 990), first + 10);
    assert_int_equal(reallocations, 0);
    assert_non_null(nf_kept_space(&kept, 1000, 991));
    assert_int_equal(reallocations, 1);
    assert_int_equal(kept->count, 10);
    free(kept);
}

static void taking_the_last_byte_or_fitting_none_leaves_no_object(void **state)
{
    struct nf_kept *kept = NULL;
    char byte;

    (void)state;
    nf_kept_fit(&kept);
    assert_null(kept);
    assert_non_null(nf_kept_space(&kept, 100, 1));
    nf_kept_fit(&kept);
    assert_null(kept);
    *nf_kept_space(&kept, 100, 1) = 'x';
    kept->count = 1;
    assert_int_equal(nf_kept_take(&kept, &byte, 100), 1);
    assert_int_equal(byte, 'x');
    assert_null(kept);
    assert_non_null(nf_kept_space(&kept, 100, 50));
    kept->count = 50;
    assert_int_equal(nf_kept_take(&kept, NULL, SIZE_MAX), 50);
    assert_null(kept);
}

/* A queue that stays short moves to the front instead of growing, and seldom. */
static void a_short_queue_in_motion_takes_no_more_memory(void **state)
{
    struct nf_kept *kept = NULL;
    size_t end = 0;
    size_t taken = 0;

    (void)state;
    put(&kept, 64, &end);
    for (int i = 0; i < 10000; i++) {
        put(&kept, 64, &end);
        take(&kept, 64, &taken);
    }
    assert_in_range(kept->room, 128, 512);
    free(kept);
}

static void most_of_the_unused_room_is_given_back(void **state)
{
    struct nf_kept *kept = NULL;
    size_t end = 0;
    size_t taken = 0;

    (void)state;
    assert_non_null(nf_kept_space(&kept, 1 << 20, 1));
    put(&kept, 3000, &end);
    take(&kept, 1000, &taken);
    nf_kept_fit(&kept);
    assert_int_equal(kept->room, 2000);
    take(&kept, 2000, &taken);
    assert_null(kept);
}

/* What is known of the bytes stays true of them when some in front are taken. */
static void what_was_searched_counts_from_the_first_byte(void **state)
{
    struct nf_kept *kept = NULL;
    size_t end = 0;
    size_t taken = 0;

    (void)state;
    put(&kept, 100, &end);
    kept->searched = 60;
    take(&kept, 20, &taken);
    assert_int_equal(kept->searched, 40);
    nf_kept_fit(&kept);
    put(&kept, 1000, &end);
    assert_int_equal(kept->searched, 40);
    take(&kept, 50, &taken);
    assert_int_equal(kept->searched, 0);
    free(kept);
}

static void without_memory_nothing_is_lost(void **state)
{
    struct nf_kept *kept = NULL;
    size_t end = 0;

    (void)state;
    refuses = true;
    nf_fail(0);
    assert_null(nf_kept_space(&kept, 10, 10));
    assert_null(kept);
    assert_int_equal(nf_cause_pending()->code, NET_LIMIT);
    refuses = false;
    put(&kept, 1000, &end);
    refuses = true;
    assert_null(nf_kept_space(&kept, 10, 100000));
    assert_int_equal(nf_kept_take(&kept, NULL, 900), 900);
    nf_kept_fit(&kept); /* it cannot become smaller either */
    refuses = false;
    assert_int_equal(nf_kept_count(kept), 100);
    assert_true(is_pattern(nf_kept_start(kept), 100, 900));
    free(kept);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(bytes_come_out_as_they_went_in),
        TEST(the_first_room_is_for_more_than_the_first_bytes),
        TEST(taking_the_last_byte_or_fitting_none_leaves_no_object),
        TEST(a_short_queue_in_motion_takes_no_more_memory),
        TEST(most_of_the_unused_room_is_given_back),
        TEST(what_was_searched_counts_from_the_first_byte),
        TEST(without_memory_nothing_is_lost),
    };

    return run_once(tests);
}
