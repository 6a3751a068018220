/* The queue of lookups, the pool of threads that serves it, and requests that can be forgotten
 * while a thread still works on them. */
#include "name/resolve.h"
#include "name/text.h"
#include "name/url.h"
#include "os/cause.h"
#include "os/lookup.h"
#include "os/forkmutex.h"
#include "os/thread.h"
#include "os/wake.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { V4, V6, FAMILIES };

/* One lookup: a host in one family. */
struct job {
    struct job *next; /* in the queue */
    struct nf_resolve *request;
    bool done;
    int count; /* of addrs, or a code */
    struct nf_addr addrs[NF_RESOLVE_MAX];
    char detail[128]; /* the resolver's, of a failure */
};

struct nf_resolve {
    int users; /* 1 for the caller, 1 for each job that is not done */
    bool forgotten;
    struct nf_wake wake;
    struct job job[FAMILIES];
    char host[NF_NAME_MAX];
};

/* The lock guards the pool, and of every request `users`, `forgotten` and the unfinished jobs. */
static struct {
    struct nf_fork_mutex lock;
    int running;
    struct job *first;
    struct job **last;
} pool;

/* A forked child has none of its parent's threads, so its pool begins empty. */
static void enter(void)
{
    if (nf_fork_mutex_lock(&pool.lock)) {
        pool.running = 0;
        pool.first = NULL;
        pool.last = &pool.first;
    }
}

static void leave(void)
{
    nf_fork_mutex_unlock(&pool.lock);
}

static void drop(struct nf_resolve *request)
{
    request->users--;
    if (request->users == 0) {
        free(request);
    }
}

static void finish(struct job *job, int count)
{
    job->count = count;
    job->done = true;
    if (!job->request->forgotten) {
        nf_wake_post(&job->request->wake);
    }
    drop(job->request);
}

static void save_detail(struct job *job, int code)
{
    const struct nf_cause *cause = nf_cause_pending();

    if (cause->error != 0) {
        nf_errno_text(cause->error, job->detail, sizeof job->detail);
    } else if (code < 0) {
        nf_text_copy(job->detail, sizeof job->detail, cause->detail);
    }
}

/* The body of a thread: it runs one job, and then others until the queue is empty. */
static void *serve(void *first)
{
    struct job *job = first;

    while (job != NULL) {
        enum nf_family family = job == &job->request->job[V4] ? NF_IPV4 : NF_IPV6;
        int count = nf_lookup_host(job->request->host, family, job->addrs, NF_RESOLVE_MAX);

        if (count < 0) {
            save_detail(job, count);
        }
        enter();
        finish(job, count);
        job = pool.first;
        if (job != NULL) {
            pool.first = job->next;
            if (pool.first == NULL) {
                pool.last = &pool.first;
            }
        } else {
            pool.running--;
        }
        leave();
    }
    return NULL;
}

/* Start a thread for a job, or put the job in the queue. */
static void submit(struct job *job)
{
    job->next = NULL;
    if (pool.running == NF_RESOLVE_RUNNING) {
        *pool.last = job;
        pool.last = &job->next;
        return;
    }
    int code = nf_thread_start(serve, job);

    if (code == 0) {
        pool.running++;
    } else {
        save_detail(job, code);
        finish(job, code);
    }
}

int nf_resolve_begin(const char *host, bool v4, bool v6, struct nf_resolve **out)
{
    const bool asked[FAMILIES] = {[V4] = v4, [V6] = v6};
    struct nf_resolve *request = calloc(1, sizeof *request);

    if (request == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    int code = nf_wake_open(&request->wake);

    if (code < 0) {
        free(request);
        return code;
    }
    nf_text_copy(request->host, sizeof request->host, host);
    request->users = 1 + (v4 ? 1 : 0) + (v6 ? 1 : 0);
    enter();
    for (int i = FAMILIES - 1; i >= 0; i--) {
        request->job[i].request = request;
        if (asked[i]) {
            submit(&request->job[i]);
        }
    }
    leave();
    *out = request;
    return 0;
}

int nf_resolve_fd(struct nf_resolve *request)
{
    return nf_wake_fd(&request->wake);
}

void nf_resolve_drain(struct nf_resolve *request)
{
    nf_wake_drain(&request->wake);
}

int nf_resolve_answer(struct nf_resolve *request, enum nf_family family, struct nf_addr *addrs)
{
    struct job *job = &request->job[family == NF_IPV4 ? V4 : V6];
    int count = NF_WOULD_BLOCK;

    enter();
    if (job->done) {
        count = job->count;
    }
    leave();
    if (count > 0) {
        memcpy(addrs, job->addrs, (size_t)count * sizeof *addrs);
    } else if (count != NF_WOULD_BLOCK) {
        nf_fail_because(count, "%s: %s", request->host, job->detail);
    }
    return count;
}

/* Remove the jobs of this request from the queue. */
static void withdraw(struct nf_resolve *request)
{
    struct job **link = &pool.first;

    while (*link != NULL) {
        struct job *job = *link;

        if (job->request == request) {
            *link = job->next;
            request->users--;
        } else {
            link = &job->next;
        }
    }
    pool.last = link;
}

void nf_resolve_forget(struct nf_resolve *request)
{
    enter();
    withdraw(request);
    request->forgotten = true;
    nf_wake_close(&request->wake);
    drop(request);
    leave();
}
