/* Binding to a path. When a stale socket is at the path, two processes that start at once could
 * both find it stale, and the second could remove the socket that the first has just created. To
 * prevent this, a process removes a socket only while it holds a lock on a file beside it,
 * PATH.starting, which it unlinks afterwards. If PATH.starting exists and cannot be such a lock
 * file, it is left alone. */
#define _GNU_SOURCE
#include "os/localfile.h"
#include "os/cause.h"
#include "os/sockaddr.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_ROOM = NF_ADDR_NAME_MAX + 16, /* a path, a suffix, and a NUL */
    LOCK_TRIES = 100                   /* the owner may remove the lock each time we open it */
};

static void path_of(const struct nf_addr *path, const char *suffix, char text[PATH_ROOM])
{
    snprintf(text, PATH_ROOM, "%.*s%s", (int)path->size, path->name, suffix);
}

/* Whether the lock file is still the one at its path. Its last owner may have removed it between
 * our open and our lock. */
static bool is_same(int lock, const char *path)
{
    struct stat held;
    struct stat there;

    return fstat(lock, &held) == 0 && lstat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}

static const char starting[] = ".starting";

/* A lock file is an empty regular file, with one link, of our own user. */
static bool is_lock(int lock)
{
    struct stat held;

    return fstat(lock, &held) == 0 && S_ISREG(held.st_mode) && held.st_size == 0 &&
           held.st_nlink == 1 && held.st_uid == geteuid();
}

static int lock_path(const struct nf_addr *path)
{
    char text[PATH_ROOM];

    path_of(path, starting, text);
    for (int i = 0; i < LOCK_TRIES; i++) {
        int lock =
            nf_fd_above(open(text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));

        if (lock < 0) {
            return nf_fail_errno(errno);
        }
        if (flock(lock, LOCK_EX | LOCK_NB) == 0 && is_same(lock, text)) {
            if (is_lock(lock)) {
                return lock;
            }
            nf_fd_close(lock);
            return nf_fail_because(NET_INUSE, "%s is no lock file of ours", text);
        }
        nf_fd_close(lock);
    }
    return nf_fail_because(NET_INUSE, "another process is about to listen there");
}

static void unlock_path(int lock, const struct nf_addr *path)
{
    char text[PATH_ROOM];

    path_of(path, starting, text);
    unlink(text);
    nf_fd_close(lock);
}

/* Whether no process has the socket at the path open. Connecting with the wrong socket type fails
 * with ECONNREFUSED when the socket is stale, and with EPROTOTYPE when a process has it open,
 * listening or not. At least one of the two types here is wrong for any socket. SOCK_STREAM is not
 * tried, since a listener would see a connection. */
static bool is_stale(const struct nf_addr *path)
{
    static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
    bool stale = true;

    for (size_t i = 0; i < sizeof types / sizeof types[0] && stale; i++) {
        union nf_sockaddr name;
        socklen_t length = nf_to_sockaddr(path, false, &name);
        int fd = nf_fd_above(socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

        stale = fd >= 0 && connect(fd, &name.any, length) != 0 && errno == ECONNREFUSED;
        nf_fd_close(fd);
    }
    return stale;
}

/* The path is in use. 0 when it is a stale socket (or gone by now); else NET_INUSE or a code. */
static int check_stale(const struct nf_addr *path, const char *text)
{
    struct stat there;

    if (lstat(text, &there) != 0) {
        return errno == ENOENT ? 0 : nf_fail_errno(errno);
    }
    if (!S_ISSOCK(there.st_mode)) {
        return nf_fail_because(NET_INUSE, "the file there is no socket");
    }
    if (!is_stale(path)) {
        return nf_fail_because(NET_INUSE, "a process has it open");
    }
    return 0;
}

/* Remove a stale socket. The caller holds the lock. */
static int remove_stale(const struct nf_addr *path, const char *text)
{
    int code = check_stale(path, text);

    return code < 0 || unlink(text) == 0 || errno == ENOENT ? code : nf_fail_errno(errno);
}

static int bind_to(int fd, const struct nf_addr *path)
{
    union nf_sockaddr name;
    socklen_t length = nf_to_sockaddr(path, false, &name);

    return bind(fd, &name.any, length) == 0 ? 0 : errno;
}

/* The lock file is created only when the socket looks stale: the process may lack the right to
 * create a file there. */
static int bind_here(int fd, const struct nf_addr *path)
{
    char text[PATH_ROOM];
    int error = bind_to(fd, path);

    if (error != EADDRINUSE) {
        return error == 0 ? 0 : nf_fail_errno(error);
    }
    path_of(path, "", text);
    int lock = check_stale(path, text);

    lock = lock == 0 ? lock_path(path) : lock;
    int code = lock < 0 ? lock : remove_stale(path, text);

    if (code == 0) {
        error = bind_to(fd, path);
        code = error == 0 ? 0 : nf_fail_errno(error);
    }
    if (lock >= 0) {
        unlock_path(lock, path);
    }
    return code;
}

/* bind(2) creates the file with the permissions of the descriptor minus the umask (unix(7)). These
 * may be too narrow, and are never too wide. */
static int finish_bind(const struct nf_addr *path, int mode, struct nf_localfile *file)
{
    char text[PATH_ROOM];
    struct stat made;

    path_of(path, "", text);
    if (lstat(text, &made) != 0) {
        return nf_fail_errno(errno);
    }
    if ((int)(made.st_mode & 07777) != mode &&
        fchmodat(AT_FDCWD, text, (mode_t)mode, AT_SYMLINK_NOFOLLOW) != 0) {
        int code = nf_fail_errno(errno);

        unlink(text);
        return code;
    }
    file->device = (uint64_t)made.st_dev;
    file->inode = (uint64_t)made.st_ino;
    return 0;
}

int nf_localfile_bind(int fd, const struct nf_addr *path, int mode, struct nf_localfile *file)
{
    int code = fchmod(fd, (mode_t)mode) == 0 ? bind_here(fd, path) : nf_fail_errno(errno);

    return code == 0 ? finish_bind(path, mode, file) : code;
}

void nf_localfile_remove(const struct nf_localfile *file, const struct nf_addr *path)
{
    char text[PATH_ROOM];
    struct stat there;

    if (file->inode == 0) {
        return;
    }
    path_of(path, "", text);
    if (lstat(text, &there) == 0 && (uint64_t)there.st_dev == file->device &&
        (uint64_t)there.st_ino == file->inode) {
        unlink(text);
    }
}

int nf_localfile_peer(int fd, struct nf_credentials *peer)
{
    struct ucred found;
    socklen_t size = sizeof found;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) {
        return nf_fail_errno(errno);
    }
    *peer = (struct nf_credentials){found.pid, found.uid, found.gid};
    return 0;
}
