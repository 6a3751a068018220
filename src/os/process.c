/* A page of memory that the kernel clears on fork tells a child from its parent. On a system
 * without such pages, a pthread_atfork handler in the child does it. madvise(2), MADV_WIPEONFORK */
#define _GNU_SOURCE
#include "os/process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* An emulator may accept every advice without effect. One that accepts this unknown advice is not
 * trusted. */
enum { UNKNOWN_ADVICE = 0x7fff };

static _Atomic int in_child; /* used without a page: 0 in a child until it asks for its number */
static _Atomic(_Atomic int *) mark;
static _Atomic int last; /* the highest number that this process and its ancestors have had */

static void reset_in_child(void)
{
    atomic_store(&in_child, 0);
}

static _Atomic int *make_page(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) {
        return NULL;
    }
    if (madvise(page, size, UNKNOWN_ADVICE) == 0 || madvise(page, size, MADV_WIPEONFORK) != 0) {
        munmap(page, size);
        return NULL;
    }
    return page;
}

static _Atomic int *make_mark(void)
{
    _Atomic int *made = make_page();
    _Atomic int *none = NULL;
    _Atomic int *fallback = &in_child;
    bool is_page = made != NULL;

    if (!is_page) {
        made = fallback;
        pthread_atfork(NULL, NULL, reset_in_child);
    }
    if (!atomic_compare_exchange_strong(&mark, &none, made)) {
        if (is_page) {
            munmap(made, (size_t)sysconf(_SC_PAGESIZE));
        }
        return none;
    }
    return made;
}

int nf_process(void)
{
    _Atomic int *where = atomic_load_explicit(&mark, memory_order_acquire);

    if (where == NULL) {
        where = make_mark();
    }
    int number = atomic_load(where);

    if (number == 0) {
        int none = 0;

        number = atomic_fetch_add(&last, 1) + 1;
        if (!atomic_compare_exchange_strong(where, &none, number)) {
            number = none;
        }
    }
    return number;
}

int nf_process_number(void)
{
    return (int)getpid();
}
