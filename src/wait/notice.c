/* A stack that is pushed to by anybody and taken whole by one. */
#include "wait/notice.h"

int nf_chime_open(struct nf_chime *chime)
{
    atomic_init(&chime->rung, NULL);
    atomic_init(&chime->awake, true);
    return nf_wake_open(&chime->bell);
}

void nf_chime_close(struct nf_chime *chime)
{
    nf_wake_close(&chime->bell);
}

void nf_chime_wake(struct nf_chime *chime)
{
    if (!atomic_exchange(&chime->awake, true)) {
        nf_wake_post(&chime->bell);
    }
}

void nf_notice_ring(struct nf_notice *notice)
{
    struct nf_chime *chime = notice->chime;

    if ((atomic_fetch_or(&notice->state, NF_LISTED | NF_RUNG) & NF_LISTED) != 0) {
        return; /* it will be looked at, and is known to have rung */
    }
    struct nf_notice *newest = atomic_load(&chime->rung);

    do {
        notice->next = newest;
    } while (!atomic_compare_exchange_weak(&chime->rung, &newest, notice));
    nf_chime_wake(chime);
}

struct nf_notice *nf_chime_take(struct nf_chime *chime)
{
    struct nf_notice *left = atomic_exchange(&chime->rung, NULL);
    struct nf_notice *oldest = NULL;

    while (left != NULL) {
        struct nf_notice *next = left->next;

        left->next = oldest;
        oldest = left;
        left = next;
    }
    return oldest;
}
