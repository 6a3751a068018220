/* Binding to a path. When a stale socket is at the path, two processes that start at once could
 * both find it stale, and the second could remove the socket that the first has just created. To
 * prevent this, a process removes a socket only while it holds a lock on a file beside it,
 * PATH.starting, which it unlinks afterwards. If PATH.starting exists and cannot be such a lock
 * file, it is left alone.
 *
 * Others may have the right to write to the directory. They can put another file at the path at any
 * moment, and the system does not tell which file bind(2) has made. So the file is made with no
 * permission but that of its owner to dial, and is recognized by its owner and this permission: a
 * socket in use seldom has just that one, and one of another user has another owner. Where
 * permissions cannot be changed by a descriptor, only the owner and those that are wanted tell.
 * Then it gets its permissions by a descriptor, not by the path. A file is removed only if it is
 * the one that was recognized. */
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
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

enum {
    PATH_ROOM = NF_ADDR_NAME_MAX + 16, /* a path, a suffix, and a NUL */
    LOCK_TRIES = 100,                  /* the owner may remove the lock each time we open it */
    PERMISSIONS = 07777
};

static void path_of(const struct nf_addr *path, const char *suffix, char text[PATH_ROOM])
{
    snprintf(text, PATH_ROOM, "%.*s%s", (int)path->size, path->name, suffix);
}

static struct nf_localfile identity_of(const struct stat *status)
{
    return (struct nf_localfile){(uint64_t)status->st_dev, (uint64_t)status->st_ino};
}

static bool is_file(const struct stat *status, const struct nf_localfile *file)
{
    return (uint64_t)status->st_dev == file->device && (uint64_t)status->st_ino == file->inode;
}

/* Whether the lock file is still the one at its path. Its last owner may have removed it between
 * our open and our lock. */
static bool is_same(int lock, const char *path)
{
    struct stat held;
    struct stat there;

    if (fstat(lock, &held) != 0 || lstat(path, &there) != 0) {
        return false;
    }
    const struct nf_localfile file = identity_of(&held);

    return is_file(&there, &file);
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
    if (is_same(lock, text)) {
        unlink(text);
    }
    nf_fd_close(lock);
}

/* Whether no process has the socket at the path open: 1 or 0, or a code. Connecting with the wrong
 * socket type fails with ECONNREFUSED when the socket is stale, and with EPROTOTYPE when a process
 * has it open, listening or not. At least one of the two types here is wrong for any socket.
 * SOCK_STREAM is not tried, since a listener would see a connection. */
static int is_stale(const struct nf_addr *path)
{
    static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
    int stale = 1;

    for (size_t i = 0; i < sizeof types / sizeof types[0] && stale > 0; i++) {
        union nf_sockaddr name;
        socklen_t length = nf_to_sockaddr(path, false, &name);
        int fd = nf_fd_above(socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

        if (fd < 0) {
            return nf_fail_errno(errno);
        }
        stale = connect(fd, &name.any, length) != 0 && errno == ECONNREFUSED ? 1 : 0;
        nf_fd_close(fd);
    }
    return stale;
}

/* The path is in use. 0 when it is a stale socket, now in `file`, or when nothing is there by now;
 * else NET_INUSE or a code. */
static int check_stale(const struct nf_addr *path, const char *text, struct nf_localfile *file)
{
    struct stat there;

    *file = (struct nf_localfile){0};
    if (lstat(text, &there) != 0) {
        return errno == ENOENT ? 0 : nf_fail_errno(errno);
    }
    if (!S_ISSOCK(there.st_mode)) {
        return nf_fail_because(NET_INUSE, "the file there is no socket");
    }
    int stale = is_stale(path);

    if (stale <= 0) {
        return stale < 0 ? stale : nf_fail_because(NET_INUSE, "a process has it open");
    }
    *file = identity_of(&there);
    return 0;
}

/* Remove it, if it is still at the path. False, with errno, when the system refuses. Between the
 * comparison and the removal another file may be put there, but only by somebody who could as well
 * remove it. */
static bool remove_file(const struct nf_localfile *file, const char *text)
{
    struct stat there;

    return file->inode == 0 || lstat(text, &there) != 0 || !is_file(&there, file) ||
           unlink(text) == 0 || errno == ENOENT;
}

/* Remove a stale socket. The caller holds the lock. */
static int remove_stale(const struct nf_addr *path, const char *text)
{
    struct nf_localfile stale;
    int code = check_stale(path, text, &stale);

    return code < 0 || remove_file(&stale, text) ? code : nf_fail_errno(errno);
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
    struct nf_localfile stale;
    int error = bind_to(fd, path);

    if (error != EADDRINUSE) {
        return error == 0 ? 0 : nf_fail_errno(error);
    }
    path_of(path, "", text);
    int lock = check_stale(path, text, &stale);

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

/* Change the permissions of what a descriptor stands for, also of a file that is open by O_PATH.
 * Without /proc, Linux can do this since 6.6. Sets errno to the cause that tells more. */
static bool change_mode(int fd, mode_t mode)
{
    char link[NF_FD_LINK_MAX];

    nf_fd_link(fd, link);
    if (chmod(link, mode) == 0) {
        return true;
    }
    int error = errno;

    if (syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0) {
        return true;
    }
    if (errno == ENOSYS && error != ENOENT) {
        errno = error;
    }
    return false;
}

static int refuse_mode(int error)
{
    return nf_fail_because_of(nf_fail_errno(error), error,
                              "the mode of the file cannot be set, which needs /proc or Linux 6.6");
}

static int refuse_other(void)
{
    return nf_fail_because(NET_INUSE, "another process has put another file there");
}

/* Find the file that bind(2) has made. It belongs to us, and its permissions are those of the
 * socket, less those that the umask takes away (unix(7)). */
static int recognize(const char *text, mode_t born, struct stat *made)
{
    if (lstat(text, made) != 0) {
        return errno == ENOENT ? refuse_other() : nf_fail_errno(errno);
    }
    bool is_ours = S_ISSOCK(made->st_mode) && made->st_uid == geteuid() &&
                   (made->st_mode & PERMISSIONS & ~born) == 0;

    return is_ours ? 0 : refuse_other();
}

static int give_mode(const char *text, const struct nf_localfile *file, mode_t mode)
{
    struct stat status;
    int fd = nf_fd_above(open(text, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    int code = 0;

    if (fd < 0 || fstat(fd, &status) != 0) {
        code = nf_fail_errno(errno);
    } else if (!is_file(&status, file)) {
        code = refuse_other();
    } else if (!change_mode(fd, mode)) {
        code = refuse_mode(errno);
    }
    nf_fd_close(fd);
    return code;
}

static int finish_bind(const struct nf_addr *path, mode_t born, mode_t mode,
                       struct nf_localfile *file)
{
    char text[PATH_ROOM];
    struct stat made;

    path_of(path, "", text);
    int code = recognize(text, born, &made);

    if (code == 0) {
        *file = identity_of(&made);
        if ((made.st_mode & PERMISSIONS) != mode) {
            code = give_mode(text, file, mode);
        }
    }
    if (code < 0) {
        if (code != NET_INUSE) { /* which says that another process moves files about */
            remove_file(file, text);
        }
        *file = (struct nf_localfile){0};
    }
    return code;
}

/* Where no permissions can be changed by a descriptor, the file is made with those that are wanted;
 * the umask may then forbid some. */
int nf_localfile_bind(int fd, const struct nf_addr *path, int mode, struct nf_localfile *file)
{
    mode_t wanted = (mode_t)mode;
    mode_t born = wanted & S_IWUSR;

    if (!change_mode(fd, born)) {
        born = wanted;
        if (fchmod(fd, born) != 0) {
            return nf_fail_errno(errno);
        }
    }
    int code = bind_here(fd, path);

    return code == 0 ? finish_bind(path, born, wanted, file) : code;
}

void nf_localfile_remove(const struct nf_localfile *file, const struct nf_addr *path)
{
    char text[PATH_ROOM];

    path_of(path, "", text);
    remove_file(file, text);
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
