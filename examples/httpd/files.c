/* Find files. Small ones stay in memory; one fstatat for each request checks whether the file has
 * changed, so an old state of a file is never served. */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SMALL = 65536, /* bytes; a larger file is not kept */
    PLACES = 64,   /* so that at most 4 MiB are kept */
    SETTLED_S = 2, /* no clock of a file system is coarser */
    OK = 200,
    MOVED = 301,
    NOT_FOUND = 404,
    UNAVAILABLE = 503
};

static int root = -1;
static struct file *kept[PLACES]; /* by the hash of the path; a new file replaces an old one */

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {{"html", "text/html; charset=utf-8"},
                 {"htm", "text/html; charset=utf-8"},
                 {"css", "text/css; charset=utf-8"},
                 {"js", "text/javascript; charset=utf-8"},
                 {"mjs", "text/javascript; charset=utf-8"},
                 {"json", "application/json"},
                 {"txt", "text/plain; charset=utf-8"},
                 {"md", "text/markdown; charset=utf-8"},
                 {"csv", "text/csv; charset=utf-8"},
                 {"xml", "application/xml"},
                 {"svg", "image/svg+xml"},
                 {"png", "image/png"},
                 {"jpg", "image/jpeg"},
                 {"jpeg", "image/jpeg"},
                 {"gif", "image/gif"},
                 {"webp", "image/webp"},
                 {"ico", "image/vnd.microsoft.icon"},
                 {"woff2", "font/woff2"},
                 {"wasm", "application/wasm"},
                 {"pdf", "application/pdf"},
                 {"mp3", "audio/mpeg"},
                 {"mp4", "video/mp4"},
                 {"webm", "video/webm"},
                 {"zip", "application/zip"},
                 {"gz", "application/gzip"}};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(dot + 1, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

/* Two states of a file have the same tag only if size and time are the same in both. */
void files_describe(struct file *file, const char *name)
{
    snprintf(file->etag, sizeof file->etag, "\"%llx.%lx-%llx\"", (long long)file->changed.tv_sec,
             (unsigned long)file->changed.tv_nsec, (long long)file->size);
    char date[48];
    struct tm utc;

    strftime(date, sizeof date, HTTP_DATE, gmtime_r(&file->modified, &utc));
    snprintf(file->fields, sizeof file->fields,
             "Content-Type: %s\r\nETag: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n",
             type_of(name), file->etag, date);
}

/* ---- Opening ---- */

/* The status for a failure: 503 if it may work again soon, else 404. */
static int refusal(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? UNAVAILABLE : NOT_FOUND;
}

/* Open one name, the last of a path or a directory on the way, but not through a link. */
static int open_name(int directory, const char *path, size_t length)
{
    char name[NAME_MAX + 1];
    bool is_last = path[length] == '\0';
    int kind = is_last ? O_NONBLOCK | O_NOCTTY : O_DIRECTORY;
    struct stat seen;

    if (length == 0 || length > NAME_MAX || path[0] == '.') {
        errno = ENOENT;
        return -1;
    }
    memcpy(name, path, length);
    name[length] = '\0';
    /* Look before opening: a writer takes whoever opens its pipe for a reader, and a device may do
     * anything. What is put here in between is opened without waiting, and found out by fstat. */
    if (is_last && fstatat(directory, name, &seen, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISREG(seen.st_mode) && !S_ISDIR(seen.st_mode)) {
        errno = ENOENT;
        return -1;
    }
    return openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind);
}

/* Open one name after the other, so that no other program can put a link into the path meanwhile.
 * Returns a descriptor, or -1. */
static int open_path(const char *path)
{
    int directory = root;

    for (;;) {
        size_t length = strcspn(path, "/");
        int fd = open_name(directory, path, length);
        int reason = errno;

        if (directory != root) {
            close(directory);
        }
        errno = reason;
        if (fd < 0 || path[length] == '\0') {
            return fd;
        }
        directory = fd;
        path += length + 1;
    }
}

/* A date in the future would be none of a change (RFC 9110, 8.8.2.1), and one before 1970 is not
 * meant. */
static time_t past_date(time_t modified)
{
    time_t now = time(NULL);

    return modified < 0 ? 0 : modified > now ? now : modified;
}

static struct file *new_file(const char *path, int fd, const struct stat *seen)
{
    size_t length = strlen(path) + 1;
    size_t room = seen->st_size <= SMALL ? (size_t)seen->st_size : 0;
    struct file *file = malloc(sizeof *file + length + room);

    if (file == NULL) {
        return NULL;
    }
    *file = (struct file){.users = 1,
                          .fd = fd,
                          .size = seen->st_size,
                          .modified = past_date(seen->st_mtim.tv_sec),
                          .device = seen->st_dev,
                          .inode = seen->st_ino,
                          .changed = seen->st_ctim};
    memcpy(file->path, path, length);
    return file;
}

/* Read a small file at once, and close its descriptor. If it has become shorter meanwhile, serve
 * what is left. */
static void read_small(struct file *file)
{
    char *bytes = file->path + strlen(file->path) + 1;
    int64_t size = 0;
    ssize_t got = 1;

    while (size < file->size && got > 0) {
        got = read(file->fd, bytes + size, (size_t)(file->size - size));
        size += got > 0 ? got : 0;
    }
    close(file->fd);
    file->fd = -1;
    file->size = size;
    file->bytes = bytes;
}

static int open_file(const char *path, struct file **file)
{
    int fd = open_path(path);
    struct stat seen = {0};

    if (fd < 0) {
        return refusal();
    }
    if (fstat(fd, &seen) < 0 || !S_ISREG(seen.st_mode)) {
        close(fd);
        return S_ISDIR(seen.st_mode) ? MOVED : NOT_FOUND;
    }
    *file = new_file(path, fd, &seen);
    if (*file == NULL) {
        close(fd);
        return UNAVAILABLE;
    }
    if (seen.st_size <= SMALL) {
        read_small(*file);
    }
    files_describe(*file, path);
    return OK;
}

/* ---- Keeping ---- */

static bool is_same(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether the name still leads to this file, in this state. A directory of the path may have become
 * a link meanwhile, but it leads to the same file, which was served before. */
static bool is_current(const struct file *file)
{
    struct stat seen;

    return fstatat(root, file->path, &seen, AT_SYMLINK_NOFOLLOW) == 0 &&
           seen.st_ino == file->inode && seen.st_dev == file->device &&
           seen.st_size == file->size && is_same(&seen.st_ctim, &file->changed);
}

/* Clocks of file systems are coarse: a file that has just changed may change again and keep the
 * same time. So it is not kept until it has settled. */
static bool is_settled(const struct file *file)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - file->changed.tv_sec > SETTLED_S;
}

static struct file **place_of(const char *path)
{
    uint32_t hash = 2166136261; /* FNV-1a */

    for (; *path != '\0'; path++) {
        hash = (hash ^ (unsigned char)*path) * 16777619;
    }
    return &kept[hash % PLACES];
}

static int find(const char *path, struct file **file)
{
    struct file **place = place_of(path);

    if (*place != NULL && strcmp((*place)->path, path) == 0 && is_current(*place)) {
        (*place)->users++;
        *file = *place;
        return OK;
    }
    int status = open_file(path, file);

    if (status == OK && (*file)->fd < 0 && is_settled(*file)) {
        files_release(*place);
        *place = *file;
        (*file)->users++;
    }
    return status;
}

int files_find(const char *path, struct file **file)
{
    char index[PATH_MAX];

    path++; /* the slash is the directory itself */
    if (*path != '\0' && path[strlen(path) - 1] != '/') {
        return find(path, file);
    }
    int length = snprintf(index, sizeof index, "%sindex.html", path);
    int status = length < (int)sizeof index ? find(index, file) : NOT_FOUND;

    return status == MOVED ? NOT_FOUND : status;
}

void files_release(struct file *file)
{
    if (file == NULL || --file->users > 0) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    free(file);
}

bool files_begin(const char *directory)
{
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root >= 0;
}

void files_end(void)
{
    for (int i = 0; i < PLACES; i++) {
        files_release(kept[i]);
        kept[i] = NULL;
    }
    close(root);
}
