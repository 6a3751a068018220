/* The line of look-ups, the few threads that serve it, and requests that may be forgotten while
 * they run. */
#include "name/resolve.h"
#include "name/text.h"
#include "name/url.h"
#include "os/cause.h"
#include "os/lookup.h"
#include "os/mutex.h"
#include "os/process.h"
#include "os/thread.h"
#include "os/wake.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { V4, V6, FAMILIES };

/* One question: a name in one family. */
struct job {
    struct job *next; /* in line */
    struct nf_resolve *request;
    bool done;
    int count; /* of addrs, or a code */
    struct nf_addr addrs[NF_RESOLVE_MAX];
    char words[128]; /* the resolver's, of a failure */
};

struct nf_resolve {
    int users; /* the asker and the jobs not done */
    bool forgotten;
    struct nf_wake wake;
    struct job job[FAMILIES];
    char host[NF_NAME_MAX];
};

/* Everything here, and what is not done of every request, is held by the lock. */
static struct {
    struct nf_mutex lock;
    _Atomic int
        process; /* whose line it is; 0: nobody's yet; negative: that process is making it */
    int running;
    struct job *first;
    struct job **last;
} line = {.lock = NF_MUTEX_INIT};

/* A forked child has none of its parent's threads, and perhaps a lock that one of them held: it
 * starts afresh. */
static void enter(void)
{
    int own = nf_process();
    int seen = atomic_load(&line.process);

    while (seen != own) {
        if (seen != -own && atomic_compare_exchange_strong(&line.process, &seen, -own)) {
            nf_mutex_init(&line.lock);
            line.running = 0;
            line.first = NULL;
            line.last = &line.first;
            atomic_store(&line.process, own);
            break;
        }
        nf_thread_yield();
        seen = atomic_load(&line.process);
    }
    nf_mutex_lock(&line.lock);
}

static void leave(void)
{
    nf_mutex_unlock(&line.lock);
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

static void remember_words(struct job *job, int code)
{
    const struct nf_cause *cause = nf_cause_pending();

    if (cause->error != 0) {
        nf_errno_text(cause->error, job->words, sizeof job->words);
    } else if (code < 0) {
        nf_text_copy(job->words, sizeof job->words, cause->detail);
    }
}

/* The body of a thread: one job, and as long as there is a line the next. */
static void *serve(void *first)
{
    struct job *job = first;

    while (job != NULL) {
        enum nf_family family = job == &job->request->job[V4] ? NF_IPV4 : NF_IPV6;
        int count = nf_lookup_host(job->request->host, family, job->addrs, NF_RESOLVE_MAX);

        if (count < 0) {
            remember_words(job, count);
        }
        enter();
        finish(job, count);
        job = line.first;
        if (job != NULL) {
            line.first = job->next;
            if (line.first == NULL) {
                line.last = &line.first;
            }
        } else {
            line.running--;
        }
        leave();
    }
    return NULL;
}

/* Start a job, or put it in line. */
static void submit(struct job *job)
{
    job->next = NULL;
    if (line.running == NF_RESOLVE_RUNNING) {
        *line.last = job;
        line.last = &job->next;
        return;
    }
    int code = nf_thread_start(serve, job);

    if (code == 0) {
        line.running++;
    } else {
        remember_words(job, code);
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

void nf_resolve_hear(struct nf_resolve *request)
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
        nf_fail_because(count, "%s: %s", request->host, job->words);
    }
    return count;
}

/* Take this request's jobs out of the line. */
static void withdraw(struct nf_resolve *request)
{
    struct job **link = &line.first;

    while (*link != NULL) {
        struct job *job = *link;

        if (job->request == request) {
            *link = job->next;
            request->users--;
        } else {
            link = &job->next;
        }
    }
    line.last = link;
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
