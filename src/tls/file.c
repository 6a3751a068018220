/* The files that an address names. */
#define _GNU_SOURCE
#include "tls/file.h"

#include "tls/failure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

enum { MOST_BYTES = 4 << 20 }; /* a store of all authorities has about 200 KiB */

static int unreadable(net_cipher_failure *failure, const char *option, const char *path)
{
    if (errno == EMFILE || errno == ENFILE) {
        return nf_tls_fail(failure, NET_LIMIT, "no descriptor to read %s=%s", option, path);
    }
    if (errno == ENOMEM) {
        return nf_tls_no_memory(failure);
    }
    /* strerror's buffer is per thread in glibc and musl. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    return nf_tls_fail(failure, NET_ADDRESS, "%s=%s: %s", option, path, strerror(errno));
}

/* None of our descriptors is 0, 1 or 2, not even for a moment that another thread prints in. */
static int above(int descriptor)
{
    int moved = descriptor;

    if (descriptor >= 0 && descriptor <= STDERR_FILENO) {
        moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(descriptor);
    }
    return moved;
}

/* Read `size` bytes, or fewer if the file ends before. */
static int fill(int descriptor, struct nf_tls_file *file, size_t size)
{
    while (file->size < size) {
        ssize_t got = read(descriptor, file->bytes + file->size, size - file->size);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return (int)got;
        }
        file->size += (size_t)got;
    }
    return 0;
}

static int read_all(int descriptor, struct nf_tls_file *file, const char *option, const char *path,
                    net_cipher_failure *failure)
{
    struct stat about;

    if (fstat(descriptor, &about) != 0) {
        return unreadable(failure, option, path);
    }
    if (!S_ISREG(about.st_mode)) {
        return nf_tls_fail(failure, NET_ADDRESS, "%s=%s: not a file", option, path);
    }
    if (about.st_size > MOST_BYTES) {
        return nf_tls_fail(failure, NET_ADDRESS, "%s=%s: too large for PEM", option, path);
    }
    file->bytes = malloc((size_t)about.st_size + 1);
    if (file->bytes == NULL) {
        return nf_tls_no_memory(failure);
    }
    if (fill(descriptor, file, (size_t)about.st_size) != 0) {
        int code = unreadable(failure, option, path);

        nf_tls_file_free(file);
        return code;
    }
    return 0;
}

int nf_tls_file_read(struct nf_tls_file *file, const char *option, const char *path,
                     net_cipher_failure *failure)
{
    int descriptor;
    int code;

    file->bytes = NULL;
    file->size = 0;
    do { /* not blocking: a FIFO without a writer would */
        descriptor = above(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) {
        return unreadable(failure, option, path);
    }
    code = read_all(descriptor, file, option, path, failure);
    close(descriptor);
    return code;
}

void nf_tls_file_free(struct nf_tls_file *file)
{
    if (file->bytes != NULL) {
        OPENSSL_cleanse(file->bytes, file->size);
        free(file->bytes);
        file->bytes = NULL;
    }
}

void nf_tls_stamp(struct nf_tls_stamp *stamp, const char *path)
{
    struct stat about;

    memset(stamp, 0, sizeof *stamp);
    if (path != NULL && stat(path, &about) == 0) {
        stamp->device = about.st_dev;
        stamp->inode = about.st_ino;
        stamp->size = about.st_size;
        stamp->modified = about.st_mtim;
    }
}

/* As in 5f15c80c.0. */
static bool is_hash(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.';
}

int nf_tls_file_is_store(const char *option, const char *path, net_cipher_failure *failure)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool found = false;

    if (directory == NULL) {
        return errno == ENOTDIR ? 0 : unreadable(failure, option, path);
    }
    do {                            /* this stream is ours alone */
        entry = readdir(directory); /* NOLINT(concurrency-mt-unsafe) */
        found = entry != NULL && is_hash(entry->d_name);
    } while (entry != NULL && !found);
    closedir(directory);
    return found ? 1
                 : nf_tls_fail(failure, NET_ADDRESS,
                               "%s=%s: no certificate has its hash for a name there; say: openssl "
                               "rehash DIRECTORY",
                               option, path);
}
