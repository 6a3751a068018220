/* fd:// and systemd://: finding a descriptor, and taking it as the last step, when nothing else can
 * fail. The kernel says what the descriptor is; nothing here depends on a wire. sd_listen_fds(3)
 * describes the environment variables of systemd://. */
#include "open/adopt.h"
#include "socket/kernel.h"
#include "name/nearest.h"
#include "os/process.h"
#include "os/snapshot.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_PASSED = 3, /* SD_LISTEN_FDS_START */
    MOST_PASSED = 1024,
    TAKEN_BITS = 64
};

static const char by_number[] = "fd";
static const char by_name[] = "systemd";

/* One bit for each passed descriptor that has been adopted. A bit is never cleared: after a close,
 * the number may belong to another file. */
static _Atomic uint64_t taken[MOST_PASSED / TAKEN_BITS];

const char *nf_adopt_scheme(int i)
{
    return i == 0 ? by_number : i == 1 ? by_name : NULL;
}

bool nf_adopt_is_scheme(const char *scheme)
{
    int i = 0;

    while (i < NF_ADOPT_SCHEMES && strcmp(nf_adopt_scheme(i), scheme) != 0) {
        i++;
    }
    return i < NF_ADOPT_SCHEMES;
}

static bool parse_number(const char *text, size_t length, int *number)
{
    int64_t value = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || value > INT_MAX / 10) {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *number = (int)value;
    return length > 0 && value <= INT_MAX && (length == 1 || text[0] != '0');
}

/* ---- Descriptors passed by a service manager ---- */

struct passed {
    int count;
    const char *names; /* separated by colons; NULL: each name is "unknown" */
};

static const char unknown[] = "unknown";

static int count_names(const char *names)
{
    int count = 1;

    for (const char *colon = strchr(names, ':'); colon != NULL; colon = strchr(colon + 1, ':')) {
        count++;
    }
    return count;
}

/* getenv(3) is safe while no thread changes the environment. A program that does so beside other
 * threads breaks every library that reads it. */
/* NOLINTBEGIN(concurrency-mt-unsafe) */
static int read_environment(struct passed *passed)
{
    const char *process = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    int number = 0;

    passed->names = getenv("LISTEN_FDNAMES");
    if (process == NULL || count == NULL) {
        return nf_fail_because(NET_ADDRESS, "no socket was passed to this process: LISTEN_PID and "
                                            "LISTEN_FDS are not set");
    }
    if (!parse_number(process, strlen(process), &number) || number != nf_process_number()) {
        return nf_fail_because(NET_ADDRESS,
                               "sockets were passed to another process: LISTEN_PID is '%.20s', and "
                               "this is %d",
                               process, nf_process_number());
    }
    if (!parse_number(count, strlen(count), &passed->count) || passed->count == 0 ||
        passed->count > MOST_PASSED) {
        return nf_fail_because(NET_ADDRESS, "LISTEN_FDS is '%.20s', and not 1 to %d", count,
                               MOST_PASSED);
    }
    if (passed->names != NULL && count_names(passed->names) != passed->count) {
        return nf_fail_because(NET_ADDRESS, "LISTEN_FDNAMES has %d names, and LISTEN_FDS is %d",
                               count_names(passed->names), passed->count);
    }
    return 0;
}
/* NOLINTEND(concurrency-mt-unsafe) */

/* The position, from 0, of the passed descriptor with this name that has `index` others of that
 * name before it; -1: none. `matches` is how many of that name were seen. */
static int pick(const struct passed *passed, const char *name, size_t length, int index,
                int *matches)
{
    const char *next = passed->names;

    *matches = 0;
    for (int i = 0; i < passed->count; i++) {
        const char *candidate = next != NULL ? next : unknown;
        size_t size = strcspn(candidate, ":");

        if (size == length && memcmp(candidate, name, size) == 0 && (*matches)++ == index) {
            return i;
        }
        next = next != NULL ? candidate + size + 1 : NULL;
    }
    return -1;
}

/* Name number `i` of a list, for nf_unknown. A NUL ends each name, and an empty one the list. */
static const char *name_in(int i, const void *list)
{
    const char *name = list;

    while (i-- > 0 && *name != '\0') {
        name += strlen(name) + 1;
    }
    return *name != '\0' ? name : NULL;
}

static int refuse_name(const struct passed *passed, const char *name, size_t length)
{
    const char *names = passed->names != NULL ? passed->names : unknown;
    size_t size = strlen(names);
    char *list = calloc(1, size + 2);

    if (list == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    for (size_t i = 0; i < size; i++) {
        list[i] = names[i] != ':' ? names[i] : '\0';
    }
    int code = nf_unknown("socket that was passed to this process", name, length, name_in, list);

    free(list);
    return code;
}

static bool is_taken(int which)
{
    return (atomic_load(&taken[which / TAKEN_BITS]) >> which % TAKEN_BITS & 1) != 0;
}

static int fail_taken(void)
{
    return nf_fail_because(NET_INUSE, "it was adopted before");
}

/* NAME or NAME/INDEX. A name may have slashes, so the whole text is tried as a name first. */
static int find_passed(const char *name, size_t length)
{
    struct passed passed = {0};
    int code = read_environment(&passed);
    size_t slash = length;
    int index = 0;
    int matches = 0;

    if (length == 0) {
        return nf_fail_because(NET_ADDRESS,
                               "a name of LISTEN_FDNAMES is missing, as in systemd://http");
    }
    if (code < 0) {
        return code;
    }
    int which = pick(&passed, name, length, 0, &matches);

    while (slash > 0 && name[slash - 1] != '/') {
        slash--;
    }
    if (which < 0 && slash > 0 && parse_number(name + slash, length - slash, &index)) {
        length = slash - 1;
        which = pick(&passed, name, length, index, &matches);
    }
    if (which < 0 && matches > 0) {
        return nf_fail_because(NET_ADDRESS, "of that name there are %d, and the first is 0",
                               matches);
    }
    if (which < 0) {
        return refuse_name(&passed, name, length);
    }
    return is_taken(which) ? fail_taken() : FIRST_PASSED + which;
}

/* Mark a passed descriptor as adopted. The first claim sets close-on-exec on all that were passed,
 * as sd_listen_fds(3) does. */
static int claim(int which)
{
    static _Atomic bool is_first = true;
    uint64_t bit = (uint64_t)1 << which % TAKEN_BITS;
    struct passed passed = {0};

    if ((atomic_fetch_or(&taken[which / TAKEN_BITS], bit) & bit) != 0) {
        return fail_taken();
    }
    if (atomic_exchange(&is_first, false) && read_environment(&passed) == 0) {
        for (int i = 0; i < passed.count; i++) {
            nf_descriptor_close_on_exec(FIRST_PASSED + i);
        }
    }
    return 0;
}

/* ---- Adopting ---- */

int nf_adopt_find(const struct nf_url *url, struct nf_descriptor *what)
{
    int fd = -1;

    if (strcmp(url->scheme, by_name) == 0) {
        fd = find_passed(url->target, url->target_length);
    } else if (url->target_length == 0) {
        fd = nf_fail_because(NET_ADDRESS, "the number of an open descriptor is missing, as in "
                                          "fd://3");
    } else if (!parse_number(url->target, url->target_length, &fd)) {
        fd = nf_fail_because(NET_ADDRESS,
                             "a descriptor is a number up to %d, without leading "
                             "zeros, as in fd://3",
                             INT_MAX);
    }
    int code = fd < 0 ? fd : nf_descriptor_ask(fd, what);

    return code < 0 ? code : fd;
}

/* Set the options that the kernel accepts on a bound socket, and refuse those that it does not. */
static int set_options(const struct nf_target *target)
{
    const uint64_t fixed = NF_OPTION(NF_SOURCE) | NF_OPTION(NF_GROUP_SOURCE) |
                           NF_OPTION(NF_REUSEPORT) | NF_OPTION(NF_FAMILY) | NF_OPTION(NF_V6ONLY) |
                           NF_OPTION(NF_MODE) | NF_OPTION(NF_UNLINK);

    if ((target->options.given & fixed) != 0) {
        return nf_fail_because(NET_ADDRESS, "the socket is bound already, and that settled source, "
                                            "group-source, reuseport, family, v6only, mode and "
                                            "unlink");
    }
    return nf_kernel_apply(target->adopted, target);
}

int nf_adopt_settle(const struct nf_target *target, int fd, int code)
{
    if (target->adopted < 0) {
        nf_fd_close(code < 0 ? fd : -1);
        return code;
    }
    if (code == 0) {
        code = set_options(target);
    }
    if (code == 0 && strcmp(target->url.scheme, by_name) == 0) {
        code = claim(fd - FIRST_PASSED);
    }
    return code == 0 ? nf_descriptor_take(fd) : code;
}

int nf_adopt_open(net_socket *socket, const struct nf_backend *table,
                  const struct nf_target *target, net_deadline deadline)
{
    struct nf_snapshot before;

    if (target->adopted < 0) {
        return table->open(socket, target, deadline);
    }
    nf_snapshot_take(&before, target->adopted, &target->options.sockopt,
                     (target->options.given & NF_OPTION(NF_INTERFACE)) != 0);
    int code = table->open(socket, target, deadline);

    if (code < 0) {
        nf_snapshot_restore(&before);
    }
    return code;
}

bool nf_adopt_is_delayed(const struct nf_target *target)
{
    uint64_t defaults = target->backend->properties.options & ~target->options.given;
    int64_t nodelay = 1;

    return target->adopted >= 0 && (defaults & NF_OPTION(NF_NODELAY)) != 0 &&
           nf_sockopt_get(target->adopted, NF_SO_NODELAY, &nodelay) == 0 && nodelay == 0;
}

/* The local address of a listener, which owns its bytes. A wildcard of IPv6 stands for both
 * families unless IPV6_V6ONLY is set. */
static int get_name(int fd, struct nf_addr *name)
{
    char room[NF_ADDR_NAME_MAX];
    int64_t v6only = 1;
    int code = nf_fd_local(fd, name, room);

    if (code == 0 && name->family == NF_IPV6 && nf_addr_is_wildcard(name)) {
        code = nf_sockopt_get(fd, NF_SO_V6ONLY, &v6only);
        name->family = v6only != 0 ? NF_IPV6 : NF_EVERYWHERE;
    }
    return code == 0 ? nf_addr_keep(name) : code;
}

static int misuse(int fd, const char *what)
{
    return nf_fail_because(NET_MISUSE, "descriptor %d %s", fd, what);
}

static int check_listener(int fd, const struct nf_descriptor *what, const struct nf_addr *name)
{
    if (what->is_connected) {
        return misuse(fd, "is connected: net_connect adopts such");
    }
    if (what->transport == NF_STREAM && !what->is_listening) {
        return misuse(fd, "does not listen: call listen(2) on it first");
    }
    bool is_bound = name->port != 0; /* of a unix socket: the length of its name */

    return is_bound ? 0 : misuse(fd, "is bound to no address");
}

int nf_adopt_bound(const struct nf_target *target, struct nf_addr *name)
{
    int fd = target->adopted;
    struct nf_descriptor what;
    int code = nf_descriptor_ask(fd, &what);

    *name = (struct nf_addr){0};
    if (code == 0) {
        code = get_name(fd, name);
    }
    if (code == 0) {
        code = check_listener(fd, &what, name);
    }
    if (code < 0) {
        nf_addr_drop(name);
    }
    return code == 0 ? fd : code;
}

static int check_connected(int fd, const struct nf_descriptor *what)
{
    if (what->is_listening) {
        return misuse(fd, "listens: net_listen adopts such");
    }
    return what->is_connected ? 0 : misuse(fd, "is not connected, or not any more");
}

int nf_adopt_wake(struct nf_connection *connection)
{
    connection->wake = calloc(1, sizeof *connection->wake);
    if (connection->wake == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    return nf_wake_open(connection->wake);
}

int nf_adopt_connection(struct nf_connection *connection, const struct nf_target *target)
{
    char room[NF_ADDR_NAME_MAX];
    struct nf_descriptor what;
    int code = nf_descriptor_ask(target->adopted, &what);

    connection->fd = target->adopted;
    connection->is_adopted = true;
    connection->was_inherited = what.is_inherited;
    connection->in.how = NF_DONTWAIT;
    connection->out.how = NF_DONTWAIT;
    if (code == 0) {
        code = check_connected(connection->fd, &what);
        nf_connection_set_mark(connection, 0, nf_adopt_is_delayed(target) ? NF_WAS_DELAYED : 0);
    }
    if (code == 0) {
        code = nf_fd_peer(connection->fd, &connection->head.name, room);
    }
    if (code == 0) {
        code = nf_addr_keep(&connection->head.name);
        connection->head.owns_name = true;
    }
    if (code == 0) {
        code = nf_adopt_wake(connection);
    }
    code = nf_adopt_settle(target, connection->fd, code);
    if (code < 0) {
        nf_connection_free_wake(connection);
    }
    return code;
}
