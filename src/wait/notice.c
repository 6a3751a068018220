/* The ready list: a lock-free stack. Any thread pushes a notice; one thread takes them all. */
#include "wait/notice.h"

int nf_ready_list_open(struct nf_ready_list *ready_list)
{
    atomic_init(&ready_list->posted, NULL);
    atomic_init(&ready_list->awake, true);
    return nf_wake_open(&ready_list->wake);
}

void nf_ready_list_close(struct nf_ready_list *ready_list)
{
    nf_wake_close(&ready_list->wake);
}

void nf_ready_list_wake(struct nf_ready_list *ready_list)
{
    if (!atomic_exchange(&ready_list->awake, true)) {
        nf_wake_post(&ready_list->wake);
    }
}

void nf_notice_post(struct nf_notice *notice)
{
    struct nf_ready_list *ready_list = notice->ready_list;

    if ((atomic_fetch_or(&notice->state, NF_LISTED | NF_POSTED) & NF_LISTED) != 0) {
        return; /* it is in a list already, and NF_POSTED is recorded */
    }
    struct nf_notice *newest = atomic_load(&ready_list->posted);

    do {
        notice->next = newest;
    } while (!atomic_compare_exchange_weak(&ready_list->posted, &newest, notice));
    nf_ready_list_wake(ready_list);
}

struct nf_notice *nf_ready_list_take(struct nf_ready_list *ready_list)
{
    struct nf_notice *left = atomic_exchange(&ready_list->posted, NULL);
    struct nf_notice *oldest = NULL;

    while (left != NULL) {
        struct nf_notice *next = left->next;

        left->next = oldest;
        oldest = left;
        left = next;
    }
    return oldest;
}
