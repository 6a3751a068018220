/* wrap: free */
/* A child closes what it inherited from its parent: the sockets first, then their poller. The
 * poller then told each of its sockets that it was no longer watched, in memory that had been
 * freed. */
#include "watching.h"

#include "encrypted.h"
#include "socket/backend.h"

#include <string.h>

enum { REMAINS = 0xa5 };

static unsigned char ruin[sizeof(net_socket)];
static void *fallen; /* its memory is kept, to see writes to it */
static bool has_fallen;

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    if (memory == NULL || memory != fallen) {
        __real_free(memory);
        return;
    }
    has_fallen = true;
    memset(memory, REMAINS, sizeof ruin);
}

struct family {
    struct pair pair;
    net_poller *poller;
    bool stays; /* a child frees no session of its parent's, and keeps it by its socket */
};

static int close_all(void *argument)
{
    struct family *family = argument;

    memset(ruin, REMAINS, sizeof ruin);
    fallen = family->pair.server;
    net_close(family->pair.listener, NET_NOW);
    net_close(family->pair.server, NET_NOW);
    net_close(family->pair.client, NET_NOW);
    net_poller_close(family->poller);
    if (!has_fallen) {
        return family->stays ? 0 : 1;
    }
    return memcmp(fallen, ruin, sizeof ruin) == 0 ? 0 : 1;
}

static void a_poller_leaves_alone_what_a_child_has_closed(void **state)
{
    struct family family = {.stays = is_encrypted(template_of(state))};

    dial_pair(template_of(state), &family.pair);
    family.poller = open_poller();
    watch(family.poller, family.pair.listener, NET_READABLE);
    watch(family.poller, family.pair.server, NET_READABLE);
    assert_int_equal(in_child(close_all, &family), 0);
    assert_count(net_send(family.pair.client, "x", 1, soon()), 1);
    expect_event(family.poller, family.pair.server, NET_READABLE);
    net_poller_close(family.poller);
    close_pair(&family.pair);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_poller_leaves_alone_what_a_child_has_closed)};

    return run_over(all_templates, tests);
}
