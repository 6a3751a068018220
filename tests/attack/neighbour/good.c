/* The good peers. They ask all at once, and wait for their answers in turn. */
#define _GNU_SOURCE
#include "contest.h"

#include <stdio.h>
#include <string.h>

enum {
    IN_TIME = 1000, /* ms for an answer */
    AGAIN = 100,    /* ms: a datagram may be lost in a full queue; ask again then */
    SPAN = 200,     /* ms of asking */
    REDIALED = 5    /* good peers that dial anew for each round, on streams */
};

static void redial(struct contest *contest, int i)
{
    net_close(contest->good[i], NET_NOW);
    contest->good[i] = whole_connect(contest->address, net_after(IN_TIME * slowness()));
}

/* Whether the answer to the question is there within this time. A late answer to an earlier one is
 * passed over. */
static bool hears(struct contest *contest, int i, const char *question, int ms)
{
    net_deadline deadline = net_after(ms);
    net_socket *good = contest->good[i];
    char words[QUESTION];
    ssize_t n = QUESTION;
    bool heard = false;

    while (good != NULL && n == QUESTION && !heard) {
        n = is_stream(contest->address)
                ? net_recv_until(good, words, sizeof words, question[QUESTION - 1], deadline)
                : net_recv(good, words, sizeof words, deadline);
        heard = n == QUESTION && memcmp(words, question, QUESTION) == 0;
    }
    if (n < 0 && n != NET_TIMEOUT) {
        row_note(contest->row, true, "peer %d: %.60s", i, net_error_text());
    }
    return heard;
}

static void write_question(char question[QUESTION], int i, int round)
{
    char text[64];

    snprintf(text, sizeof text, "%06d of %05d\n", i, round);
    memcpy(question, text, QUESTION);
}

static bool asks(struct contest *contest, int i, int round)
{
    char question[QUESTION];

    write_question(question, i, round);
    return contest->good[i] != NULL && net_send(contest->good[i], question, sizeof question,
                                                net_after(IN_TIME * slowness())) == QUESTION;
}

/* The peers that wait for an answer, in one round. */
struct round {
    int number;
    bool answered[GOOD_MOST];
    int left;
    double since;
};

/* Looks at all that wait, the first for a moment. */
static void listen_to_all(struct contest *contest, struct round *round)
{
    enum { MOMENT = 5 /* ms */ };
    int ms = MOMENT;

    for (int i = 0; i < contest->good_count; i++) {
        char question[QUESTION];

        write_question(question, i, round->number);
        if (!round->answered[i] && hears(contest, i, question, ms)) {
            round->answered[i] = true;
            round->left--;
            ms = MOMENT;
        } else if (!round->answered[i]) {
            ms = 0;
        }
    }
}

static void ask_all(struct contest *contest, struct round *round)
{
    for (int i = 0; i < contest->good_count; i++) {
        if (!round->answered[i]) {
            asks(contest, i, round->number);
        }
    }
}

/* Over a stream nothing is lost, so each asks once. */
static void ask_until_answered(struct contest *contest, struct round *round)
{
    bool stream = is_over_stream(contest->address);
    double again = 0;

    round->left = contest->good_count;
    round->since = now_ms();
    while (round->left > 0 && elapsed_ms(round->since) < IN_TIME * slowness()) {
        if (again == 0 || (!stream && elapsed_ms(round->since) > again)) {
            ask_all(contest, round);
            again = elapsed_ms(round->since) + AGAIN * slowness();
        }
        listen_to_all(contest, round);
    }
}

static void run_round(struct contest *contest, int number)
{
    struct round round = {.number = number};
    struct row *row = contest->row;

    for (int i = 0; i < REDIALED && number > 0 && is_over_stream(contest->address); i++) {
        redial(contest, i);
    }
    ask_until_answered(contest, &round);
    double ms = elapsed_ms(round.since);

    row->asked += contest->good_count;
    row->answers += contest->good_count - round.left;
    row->overshoot = ms > row->overshoot ? ms : row->overshoot;
}

void good_open(struct contest *contest)
{
    contest->good_count = slowness() > 1 ? 8 : GOOD_MOST;
    for (int i = 0; i < contest->good_count; i++) {
        contest->good[i] = assert_socket(whole_connect(contest->address, soon()));
    }
    run_round(contest, 0);
    assert_int_equal(contest->row->answers, contest->good_count);
}

/* A failure shows in one round. */
void good_ask(struct contest *contest)
{
    double since = now_ms();
    struct row *row = contest->row;

    row->cpu = NOT_MEASURED;
    row->cancel = NOT_MEASURED;
    row->overshoot = 0;
    for (int round = 1; row->answers == row->asked && elapsed_ms(since) < SPAN; round++) {
        run_round(contest, round);
        nap(5);
    }
    if (contest->taken == 0) {
        row_note(row, true, "the hostile peer did nothing");
    }
    row->done = true;
}
