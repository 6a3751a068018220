/* A deadline cut a message in the middle of a batch. The batch went on: its next message counted as
 * sent without a byte out, or was sent in the middle of the one that was cut. */
#include "support.h"

/* Nobody reads, so not a byte of the second message can go. */
static void a_batch_ends_with_the_message_that_is_cut(void **state)
{
    static char big[900000];
    const net_message batch[2] = {{.data = big, .size = sizeof big}, {.data = big, .size = 100}};
    struct pair pair;

    (void)state;
    dial_pair("framed+mem://", &pair);
    assert_count(net_send_messages(pair.client, batch, 2, NET_NOW), 1);
    assert_int_equal(net_error(), NET_TIMEOUT);
    assert_code(net_send_messages(pair.client, batch + 1, 1, NET_NOW), NET_TIMEOUT);
    close_pair(&pair);
}

int main(void)
{
    const struct test tests[] = {TEST(a_batch_ends_with_the_message_that_is_cut)};

    return run_once(tests);
}
