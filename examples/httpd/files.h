/* The files below one directory, by the paths that requests name. */
#ifndef HTTPD_FILES_H
#define HTTPD_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum {
    ETAG_SIZE = 40,
    FIELDS_SIZE = 224 /* the fields that describe a file take less */
};

#define HTTP_DATE "%a, %d %b %Y %H:%M:%S GMT" /* for strftime and strptime, in UTC */

/* The file of a path. It counts its users, and does not change while it has any. */
struct file {
    int users;
    int fd;            /* a large file is read piece by piece while it is sent; -1: it is small */
    const char *bytes; /* all of a small one */
    int64_t size;
    time_t modified; /* a date for the peer; what tells states of a file apart is the tag */
    char etag[ETAG_SIZE];
    char fields[FIELDS_SIZE]; /* of the head of an answer */

    dev_t device; /* which file this is, and in what state it was read */
    ino_t inode;
    struct timespec changed;
    char path[];
};

/* Serve the files below `directory`. False: it cannot be opened, and errno says why. */
bool files_begin(const char *directory);
void files_end(void);

/* Find a file: 200, and the caller hands it to files_release; 301 when the path needs a slash at
 * its end; 404; or 503 when there are no descriptors or no memory now.
 *
 * No path leads out of the directory: names that begin with a dot, and symbolic links, are not
 * found. Only regular files are served. */
int files_find(const char *path, struct file **file);
void files_release(struct file *file);

/* Describe a file whose bytes and times are set, as the type that belongs to a name. */
void files_describe(struct file *file, const char *name);

#endif
