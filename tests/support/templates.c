/* The addresses that tests are run over, and the files that some of them name. */
#define _GNU_SOURCE
#include "templates.h"
#include "foreign.h"
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* PATH stands for a file that does not exist yet, in a directory of the test. */
#define PATH "{path}"

#define TCP      "tcp://127.0.0.1:0", "tcp://[::1]:0", "tcp://*:0"
#define UDP      "udp://127.0.0.1:0", "udp://[::1]:0", "udp://*:0"
#define UNIX     "unix://@", "unix://" PATH
#define UNIXGRAM "unixgram://@", "unixgram://" PATH

#define KERNEL_STREAMS   TCP, UNIX
#define KERNEL_DATAGRAMS UDP, UNIXGRAM
#define STREAMS          KERNEL_STREAMS, "mem://", "chaos+tcp://127.0.0.1:0"
#define DATAGRAMS        KERNEL_DATAGRAMS, "memgram://", "chaos+udp://127.0.0.1:0"

/* Run over in the plain build of gcc alone, for the time that they cost (CONTRIBUTING.md). */
static const char framed_unix[] = "framed+unix://@";
static const char framed_chaos[] = "framed+chaos+tcp://127.0.0.1:0";

/* Run over in the plain build of gcc and under the address sanitizer. Everywhere else toy+mem://
 * alone stands for them. */
#ifdef NETFACADE_TEST_TLS
#define CIPHER "tls"
#else
#define CIPHER "toy"
#endif

static const char encrypted_tcp[] = CIPHER "://127.0.0.1:0";
static const char encrypted_unix[] = CIPHER "+unix://@";
static const char encrypted_mem[] = CIPHER "+mem://";
static const char encrypted_chaos[] = "chaos+" CIPHER "://127.0.0.1:0";
static const char toy[] = "toy+mem://";
static const char encrypted_framed[] = "framed+" CIPHER "://127.0.0.1:0";

#define FRAMED    "framed+tcp://127.0.0.1:0", "framed+mem://", framed_unix, framed_chaos
#define ENCRYPTED encrypted_tcp, encrypted_unix, encrypted_mem, encrypted_chaos, toy

const char *const stream_templates[] = {STREAMS, ENCRYPTED, NULL};
const char *const datagram_templates[] = {DATAGRAMS, FRAMED, encrypted_framed, NULL};
const char *const plain_datagrams[] = {DATAGRAMS, NULL};
const char *const connected_templates[] = {STREAMS, ENCRYPTED, FRAMED, encrypted_framed, NULL};
const char *const all_templates[] = {STREAMS, DATAGRAMS, ENCRYPTED, FRAMED, encrypted_framed, NULL};
const char *const stream_wires[] = {TCP, "unix://@", "mem://", encrypted_tcp, NULL};
const char *const line_templates[] = {"tcp://127.0.0.1:0",       "unix://@",    "mem://",
                                      "chaos+tcp://127.0.0.1:0", encrypted_tcp, NULL};
const char *const all_wires[] = {TCP,
                                 "unix://@",
                                 "mem://",
                                 UDP,
                                 "unixgram://@",
                                 "memgram://",
                                 "framed+tcp://127.0.0.1:0",
                                 encrypted_tcp,
                                 NULL};
const char *const tcp_templates[] = {TCP, NULL};
const char *const udp_templates[] = {UDP, NULL};
const char *const ip_templates[] = {TCP, UDP, NULL};
const char *const foreign_streams[] = {TCP, "unix://@", NULL};
const char *const foreign_datagrams[] = {UDP, "unixgram://@", NULL};
const char *const foreign_sockets[] = {TCP, "unix://@", UDP, "unixgram://@", NULL};
const char *const kernel_streams[] = {KERNEL_STREAMS, NULL};
const char *const kernel_datagrams[] = {KERNEL_DATAGRAMS, NULL};
const char *const kernel_templates[] = {KERNEL_STREAMS, KERNEL_DATAGRAMS, NULL};

static bool is_one_of(const char *address, const char *const *list, size_t count)
{
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        found = found || list[i] == address;
    }
    return found;
}

/* Where programs run slowly, and under clang, which builds what gcc builds; the address sanitizer
 * runs the encrypted ones. It goes by the place of the text: a test that names such an address by
 * itself runs over it everywhere. */
bool template_is_spared(const char *address)
{
    static const char *const framed[] = {framed_unix, framed_chaos};
    static const char *const encrypted[] = {encrypted_tcp, encrypted_unix, encrypted_mem,
                                            encrypted_chaos, encrypted_framed};
#ifdef __clang__
    bool spares = true;
#else
    bool spares = slowness() > 1;
#endif
#if defined(__SANITIZE_ADDRESS__)
    bool spares_encrypted = false;
#else
    bool spares_encrypted = spares;
#endif

    return (spares && is_one_of(address, framed, COUNT(framed))) ||
           (spares_encrypted && is_one_of(address, encrypted, COUNT(encrypted)));
}

/* ---- What an address is ---- */

/* The wire below all layers. */
static const char *without_layers(const char *address)
{
    static const char *const layers[] = {"framed+", "chaos+", "tls+", "toy+"};

    for (size_t i = 0; i < COUNT(layers); i++) {
        if (strncmp(address, layers[i], strlen(layers[i])) == 0) {
            address += strlen(layers[i]);
        }
    }
    return address;
}

static bool is_of(const char *address, const char *const *schemes, size_t count)
{
    bool found = false;

    address = without_layers(address);
    for (size_t i = 0; i < count; i++) {
        found = found || strncmp(address, schemes[i], strlen(schemes[i])) == 0;
    }
    return found;
}

bool is_stream(const char *address)
{
    static const char *const schemes[] = {"tcp:", "unix:", "mem:", "tls:", "toy:"};

    return !is_framed(address) && is_of(address, schemes, COUNT(schemes));
}

bool is_framed(const char *address)
{
    return strncmp(address, "framed+", strlen("framed+")) == 0;
}

bool is_ip(const char *address)
{
    static const char *const schemes[] = {"tcp:", "udp:", "tls:", "toy:"};

    return is_of(address, schemes, COUNT(schemes));
}

bool holds_many(const char *address)
{
    static const char *const schemes[] = {"unixgram:"};

    return has_own_network() || !is_of(address, schemes, COUNT(schemes));
}

/* ---- Names that a template leaves open ---- */

enum { INSTANCES = 64 /* addresses in use at once; a test asks for fewer */ };

static struct {
    char text[INSTANCES][ADDRESS_MAX];
    unsigned count;
    char directory[64]; /* empty: not made yet */
} names;

void templates_begin(void)
{
    names.directory[0] = '\0';
}

static const char *directory(void)
{
    if (names.directory[0] == '\0') {
        strcpy(names.directory, "/tmp/netfacade-XXXXXX");
        assert_non_null(mkdtemp(names.directory));
    }
    return names.directory;
}

const char *template_instance(const char *address)
{
    const char *open = address != NULL ? strstr(address, PATH) : NULL;

    if (open == NULL) {
        return address;
    }
    char *text = names.text[names.count % INSTANCES];

    names.count++;
    snprintf(text, ADDRESS_MAX, "%.*s%s/%u%s", (int)(open - address), address, directory(),
             names.count, open + strlen(PATH));
    return text;
}

/* Removes the files of the test for which `such` is true. Returns how many there were. */
static int remove_files(bool (*such)(const char *path))
{
    DIR *entries = names.directory[0] != '\0' ? opendir(names.directory) : NULL;
    int count = 0;

    if (entries == NULL) {
        return 0;
    }
    for (struct dirent *each = readdir(entries); each != NULL; each = readdir(entries)) {
        char path[ADDRESS_MAX];
        bool is_file = strcmp(each->d_name, ".") != 0 && strcmp(each->d_name, "..") != 0;

        snprintf(path, sizeof path, "%s/%.64s", names.directory, each->d_name);
        if (is_file && such(path)) {
            unlink(path);
            count++;
        }
    }
    closedir(entries);
    return count;
}

/* Works for every type of socket: a live one of another type fails with another error. */
static bool is_nobodys(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    bool refused = connect(fd, (struct sockaddr *)&name, sizeof name) != 0 && errno == ECONNREFUSED;

    close(fd);
    return refused;
}

void templates_child_ended(void)
{
    remove_files(is_nobodys);
}

static bool is_left_behind(const char *path)
{
    print_error("left behind: %s\n", path);
    return true;
}

bool templates_end(void)
{
    bool clean = remove_files(is_left_behind) == 0;

    if (names.directory[0] != '\0') {
        rmdir(names.directory);
    }
    return clean;
}
