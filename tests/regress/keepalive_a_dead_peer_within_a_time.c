/* The manual advised keepalive and user-timeout of the same duration, and a silent peer was
 * noticed after twice as long. A third and two thirds of a time notice every dead peer within it,
 * whether or not bytes are on their way. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

enum { SKIPPED = 77, WITHIN = 3000 /* ms */, PAIRS = 2 };

#define NFT    "nft -f - 2>/dev/null"
#define ADVICE "keepalive=1s&user-timeout=2s"

/* From now on every packet is lost. */
static bool cut_the_wire(void)
{
    return run_command(NFT, "table inet t {\n"
                            "chain c {\n"
                            "type filter hook output priority 0\n"
                            "drop\n"
                            "}\n"
                            "}\n");
}

static void a_dead_peer_is_noticed_in_time(void **state)
{
    struct pair pairs[PAIRS];
    struct caller callers[PAIRS] = {{.call = NULL}};

    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        dial_pair_with("tcp://127.0.0.1:0", NULL, ADVICE, &pairs[i]);
    }
    assert_true(cut_the_wire());
    for (int i = 0; i < PAIRS; i++) {
        caller_launch(&callers[i], call_recv, pairs[i].client, soon());
    }
    say(pairs[1].client, "on its way");
    for (int i = 0; i < PAIRS; i++) {
        caller_join(&callers[i]);
        print_message("%s: noticed after %.0f ms\n", i == 0 ? "silent" : "with bytes on their way",
                      callers[i].ms);
        assert_int_equal(callers[i].result, NET_RESET);
        assert_took(callers[i].ms, 1000, WITHIN);
    }
    run_command(NFT, "flush ruleset\n");
    for (int i = 0; i < PAIRS; i++) {
        close_pair(&pairs[i]);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_dead_peer_is_noticed_in_time),
    };

    if (!has_own_network() || !run_command(NFT, "flush ruleset\n")) {
        print_message("skipped: no nft, or no network of the test's own\n");
        return SKIPPED;
    }
    return run_once(tests);
}
