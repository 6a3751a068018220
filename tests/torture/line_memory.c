/* wrap: malloc calloc realloc free */
/* Each allocation that a line needs fails. The call then returns a code, no byte is lost, and the
 * next call goes on. What was allocated is freed. */
#include "allocations.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

static __thread bool is_counted; /* the test is inside a call on a socket */
static __thread int asked;
static int fails_at; /* the number of the first allocation of a call that fails, from 1; 0: none */
static bool fails_for_good; /* all that come after it fail too */

static bool fails(void)
{
    if (!is_counted || fails_at == 0) {
        return false;
    }
    asked++;
    return asked == fails_at || (fails_for_good && asked > fails_at);
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (fails()) {
        return NULL;
    }
    return memory != NULL ? __real_realloc(memory, size) : count_in(__real_malloc(size));
}

void __wrap_free(void *memory)
{
    __real_free(count_out(memory));
}

enum { LONG = 60000, PIECE = 3000 };

static char line[LONG];
static char in[LONG];

static ssize_t receive_line(net_socket *socket, size_t size, net_deadline deadline)
{
    asked = 0;
    is_counted = true;
    ssize_t n = net_recv_until(socket, in, size, '\n', deadline);

    is_counted = false;
    return n;
}

static void write_line(void)
{
    write_pattern(line, LONG, 0);
    for (int i = 0; i < LONG; i++) {
        line[i] = line[i] == '\n' ? '\v' : line[i];
    }
    line[LONG - 1] = '\n';
}

/* A line that comes in pieces. Each piece is looked at while memory is short. Returns how many
 * calls failed. */
static int read_in_pieces(struct pair *pair)
{
    int refused = 0;

    for (int sent = 0; sent < LONG; sent += PIECE) {
        assert_count(net_send(pair->client, line + sent, PIECE, soon()), PIECE);
        await_ready(pair->server, POLLIN); /* otherwise nothing needs memory */
        for (int i = 0; i < 2 && sent + PIECE < LONG; i++) {
            ssize_t n = receive_line(pair->server, LONG, NET_NOW);

            assert_true(n == NET_LIMIT || n == NET_TIMEOUT);
            if (n == NET_LIMIT) {
                assert_int_equal(net_error(), NET_LIMIT);
                assert_says("memory");
                refused++;
            }
        }
    }
    return refused;
}

static void expect_rest(struct pair *pair, bool by_bytes)
{
    fails_at = 0;
    if (by_bytes) {
        assert_count(net_recv_all(pair->server, in, LONG, soon()), LONG);
    } else {
        assert_count(receive_line(pair->server, LONG, soon()), LONG);
    }
    assert_memory_equal(in, line, LONG);
    assert_code(net_recv(pair->server, in, 1, NET_NOW), NET_TIMEOUT);
}

static void a_line_goes_on_where_memory_was_short(void **state)
{
    bool refused = true;

    if (is_toy(template_of(state))) { /* without memory its session fails */
        skip();
    }
    write_line();
    fails_for_good = false;
    for (int at = 1; refused; at++) {
        struct pair pair;
        int before = alive;

        dial_pair(template_of(state), &pair);
        fails_at = at;
        refused = read_in_pieces(&pair) > 0;
        assert_true(refused || at > 1);
        expect_rest(&pair, at % 2 == 0);
        close_pair(&pair);
        assert_true(alive <= before); /* a table of names may have shrunk */
    }
}

static void without_any_memory_bytes_wait_where_they_are(void **state)
{
    for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
        struct pair pair;

        write_line();
        dial_pair(template_of(state), &pair);
        fails_for_good = true;
        fails_at = 1;
        assert_int_not_equal(read_in_pieces(&pair), 0);
        expect_rest(&pair, by_bytes == 1);
        close_pair(&pair);
    }
}

/* There is memory for the first part, and none for the next. */
static void a_kept_part_outlives_a_want_of_memory(void **state)
{
    struct pair pair;

    write_line();
    dial_pair(template_of(state), &pair);
    fails_at = 0;
    assert_count(net_send(pair.client, line, 10, soon()), 10);
    await_ready(pair.server, POLLIN);
    assert_code(receive_line(pair.server, LONG, NET_NOW), NET_TIMEOUT);
    assert_count(net_send(pair.client, line + 10, LONG - 11, soon()), LONG - 11);
    fails_at = 1;
    fails_for_good = true;
    assert_code(receive_line(pair.server, LONG, soon()), NET_LIMIT);
    assert_code(receive_line(pair.server, LONG, net_after(10)), NET_LIMIT);
    assert_count(net_recv(pair.server, in, 5, soon()), 5);
    assert_memory_equal(in, line, 5);
    fails_at = 0;
    assert_count(net_send(pair.client, "\n", 1, soon()), 1);
    assert_count(receive_line(pair.server, LONG, soon()), LONG - 5);
    assert_memory_equal(in, line + 5, LONG - 5);
    close_pair(&pair);
}

/* Only a part that has to be kept needs memory. A whole line does not, and neither does a line that
 * does not fit. Records do. */
static void whole_lines_need_no_memory(void **state)
{
    struct pair pair;

    if (is_encrypted(template_of(state))) {
        skip();
    }

    dial_pair(template_of(state), &pair);
    fails_at = 1;
    fails_for_good = true;
    for (int i = 0; i < 100; i++) {
        assert_count(net_send(pair.client, "0123456789\nab\n", 14, soon()), 14);
        assert_code(receive_line(pair.server, 5, soon()), NET_TOOBIG);
        assert_count(receive_line(pair.server, 64, soon()), 11);
        assert_count(receive_line(pair.server, 3, soon()), 3);
        assert_code(receive_line(pair.server, 64, NET_NOW), NET_TIMEOUT);
    }
    fails_at = 0;
    close_pair(&pair);
}

int main(void)
{
    static const struct test streams[] = {
        TEST(a_line_goes_on_where_memory_was_short),
        TEST(without_any_memory_bytes_wait_where_they_are),
        TEST(a_kept_part_outlives_a_want_of_memory),
        TEST(whole_lines_need_no_memory),
    };

    return run_over(stream_templates, streams);
}
