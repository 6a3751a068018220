/* Parse the head of a request. */
#define _POSIX_C_SOURCE 200809L

#include "request.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { OK = 200, PARTIAL = 206, BAD = 400, NOT_ALLOWED = 405, UNSATISFIABLE = 416 };
enum { URI_TOO_LONG = 414, HEAD_TOO_LARGE = 431, NOT_IMPLEMENTED = 501, OTHER_VERSION = 505 };

/* Find where the head begins, perhaps after an empty line, and where it ends. Returns 200, 0 or the
 * status of a refusal. */
static int find_end(const char *bytes, size_t size, size_t *begin, size_t *end)
{
    size_t line = 0;
    bool has_line = false;

    *begin = 0;
    for (;;) {
        const char *newline = memchr(bytes + line, '\n', size - line);
        size_t length = newline != NULL ? (size_t)(newline - bytes) - line : size - line;

        if (!has_line && length > REQUEST_LINE_MAX) {
            return URI_TOO_LONG;
        }
        if (newline == NULL) {
            return size >= REQUEST_HEAD_MAX ? HEAD_TOO_LARGE : 0;
        }
        if (length == 0 || newline[-1] != '\r') {
            return BAD;
        }
        line += length + 1;
        if (length > 1) {
            has_line = true;
        } else if (has_line) {
            *end = line;
            return OK;
        } else {
            *begin = line;
        }
    }
}

static bool is_token(const char *text)
{
    const char *at = text;

    while (isalnum((unsigned char)*at) || (*at != '\0' && strchr("!#$%&'*+-.^_`|~", *at))) {
        at++;
    }
    return at > text && *at == '\0';
}

/* Cut the line off at its end, so that it is a string, and go on to the next line. NULL: it has a
 * byte that ends strings or lines, or controls a terminal. */
static char *cut_line(char **next)
{
    char *line = *next;
    char *at = line;

    while ((unsigned char)*at >= ' ' || *at == '\t') {
        at++;
    }
    if (at[0] != '\r' || at[1] != '\n' || memchr(line, '\x7f', (size_t)(at - line)) != NULL) {
        return NULL;
    }
    *at = '\0';
    *next = at + 2;
    return line;
}

/* Whether the comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    while (*list != '\0') {
        size_t item = strcspn(list, ", \t");

        if (item == length && strncasecmp(list, word, length) == 0) {
            return true;
        }
        list += item;
        list += strspn(list, ", \t");
    }
    return false;
}

/* Parse `Name: value`. Refuse a second field of any name that matters but Connection, a space
 * before the colon, and a line that continues the one before: request smuggling uses them. */
static int read_field(struct request *request, char *line)
{
    static const char *const names[FIELDS] = {
        "Host",     "Content-Length",      "Transfer-Encoding", "Range",         "If-Range",
        "If-Match", "If-Unmodified-Since", "If-Modified-Since", "If-None-Match", "Connection"};
    char *value = strchr(line, ':');

    if (value == NULL) {
        return BAD;
    }
    *value++ = '\0';
    if (!is_token(line)) {
        return BAD;
    }
    value += strspn(value, " \t");
    for (char *end = value + strlen(value); end > value && strchr(" \t", end[-1]); end--) {
        end[-1] = '\0';
    }
    int i = 0;

    while (i < FIELDS && strcasecmp(line, names[i]) != 0) {
        i++;
    }
    if (i < FIELD_CONNECTION && request->field[i] != NULL) {
        return BAD;
    }
    if (i == FIELD_CONNECTION && has_word(value, "close")) {
        request->keeps_alive = false;
    }
    if (i < FIELDS) {
        request->field[i] = value;
    }
    return OK;
}

/* GET and HEAD come without content. */
static int check_method(struct request *request, const char *method)
{
    static const char *const others[] = {"POST",    "PUT",     "DELETE", "PATCH",
                                         "OPTIONS", "CONNECT", "TRACE"};
    const char *length = request->field[FIELD_CONTENT_LENGTH];

    request->is_head = strcmp(method, "HEAD") == 0;
    if (request->is_head || strcmp(method, "GET") == 0) {
        bool is_empty =
            length == NULL || (*length != '\0' && strspn(length, "0") == strlen(length));

        return is_empty && request->field[FIELD_TRANSFER_ENCODING] == NULL ? OK : BAD;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(method, others[i]) == 0) {
            return NOT_ALLOWED;
        }
    }
    return NOT_IMPLEMENTED;
}

static int hex(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = digit != '\0' ? strchr(digits, tolower((unsigned char)digit)) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Whether it is a host, and perhaps a port (RFC 3986, 3.2.2). A name of a user is none. */
static bool is_host(const char *text, size_t size)
{
    static const char in_brackets[] = "0123456789abcdefABCDEF:.";
    const char *end = text + size;
    const char *at = text;

    if (*at == '[') {
        at += 1 + strspn(at + 1, in_brackets);
        if (*at++ != ']') {
            return false;
        }
    }
    while (at < end && at[0] != ':' && *text != '[') {
        bool is_escape = at[0] == '%' && hex(at[1]) >= 0 && hex(at[2]) >= 0;

        if (!is_escape && !isalnum((unsigned char)at[0]) && !strchr("-._~!$&'()*+,;=", at[0])) {
            return false;
        }
        at += is_escape ? 3 : 1;
    }
    if (at > text && at < end && *at == ':') {
        at += 1 + strspn(at + 1, "0123456789");
    }
    return at == end;
}

/* The path of the target, decoded in place, once. A %2F is no slash, and no file name can have
 * one. */
static int read_target(struct request *request, char *target)
{
    if (strncasecmp(target, "http://", strlen("http://")) == 0) {
        target += strlen("http://");
        size_t host = strcspn(target, "/?");

        if (host == 0 || !is_host(target, host)) {
            return BAD;
        }
        target += host;
        if (*target != '/') {
            request->path = "/";
            return OK;
        }
    }
    if (*target != '/') {
        return BAD;
    }
    char *to = target;

    request->path = target;
    for (const char *from = target; *from != '\0'; from++) {
        int byte = (unsigned char)*from;

        if (byte <= ' ' || byte > '~' || byte == '#') {
            return BAD;
        }
        if (byte == '?' && request->query == NULL) {
            request->query = from + 1;
        }
        if (request->query != NULL) {
            continue;
        }
        if (byte == '%') {
            int high = hex(from[1]);
            int low = high >= 0 ? hex(from[2]) : -1;

            byte = high * 16 + low;
            if (low < 0 || iscntrl(byte) || byte == '/') {
                return BAD;
            }
            from += 2;
        }
        *to++ = (char)byte;
    }
    *to = '\0';
    return OK;
}

/* `HTTP/1.1`; later 1.x are read as that. */
static int read_version(struct request *request, const char *version)
{
    const char *digits = version + strlen("HTTP/");

    if (strncmp(version, "HTTP/", strlen("HTTP/")) != 0 || !isdigit((unsigned char)digits[0]) ||
        digits[1] != '.' || !isdigit((unsigned char)digits[2]) || digits[3] != '\0') {
        return BAD;
    }
    request->keeps_alive = digits[2] != '0';
    return digits[0] == '1' ? OK : OTHER_VERSION;
}

/* Cut off the next word, which ends at a space. NULL: there is none. */
static char *cut_word(char **next)
{
    char *word = *next;
    char *space = strchr(word, ' ');

    if (space == NULL) {
        return NULL;
    }
    *space = '\0';
    *next = space + 1;
    return word;
}

int request_read(struct request *request, char *bytes, size_t size)
{
    size_t begin = 0;
    size_t end = 0;
    int status = find_end(bytes, size, &begin, &end);

    memset(request, 0, sizeof *request);
    if (status != OK) {
        return status;
    }
    request->size = end;
    char *next = bytes + begin;
    char *version = cut_line(&next);
    char *method = version != NULL ? cut_word(&version) : NULL;
    char *target = method != NULL ? cut_word(&version) : NULL;

    if (target == NULL || !is_token(method)) {
        return BAD;
    }
    status = read_version(request, version);
    bool needs_host = request->keeps_alive;

    while (status == OK && next < bytes + end - 2) {
        char *line = cut_line(&next);

        status = line != NULL ? read_field(request, line) : BAD;
    }
    const char *host = request->field[FIELD_HOST];

    if (status == OK && (host != NULL ? !is_host(host, strlen(host)) : needs_host)) {
        status = BAD;
    }
    status = status == OK ? check_method(request, method) : status;
    return status == OK ? read_target(request, target) : status;
}

/* Read digits, and tell where they end. A number that is too large is read as the largest. */
static int64_t read_number(const char **text)
{
    const int64_t most = INT64_MAX / 16;
    int64_t number = 0;

    for (; isdigit((unsigned char)**text); (*text)++) {
        number = number < most ? number * 10 + (**text - '0') : most;
    }
    return number;
}

int request_range(const char *range, int64_t size, int64_t *first, int64_t *end)
{
    *first = 0;
    *end = size;
    if (range == NULL || strncasecmp(range, "bytes=", strlen("bytes=")) != 0) {
        return OK;
    }
    range += strlen("bytes=");
    const char *dash = range;
    int64_t from = read_number(&dash);
    const char *rest = dash + 1;

    if (*dash != '-') {
        return OK;
    }
    int64_t to = read_number(&rest);
    bool has_from = dash > range;
    bool has_to = rest > dash + 1;

    if (*rest != '\0' || !(has_from || has_to) || (has_from && has_to && to < from)) {
        return OK; /* for several ranges, too, the whole file is a valid answer */
    }
    if (!has_from) { /* the last `to` bytes */
        from = to < size ? size - to : 0;
        to = to > 0 ? size - 1 : -1;
    }
    if (from >= size || (!has_from && to < 0)) {
        return UNSATISFIABLE;
    }
    *first = from;
    *end = has_to && to < size ? to + 1 : size;
    return PARTIAL;
}
