/* Plain datagram sockets of the unix family. */
#include "raw_unix.h"

#include <stddef.h>
#include <string.h>

socklen_t raw_unix_name(const char *address, struct sockaddr_un *name)
{
    const char *text = strstr(address, "//") + 2;
    size_t size = strlen(text);

    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    assert_true(size <= sizeof name->sun_path);
    memcpy(name->sun_path, text, size);
    if (name->sun_path[0] != '@') {
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    }
    name->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size > 1 ? size : 0));
}

int raw_unix_open(const char *address)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name;

    assert_true(fd >= 0);
    if (address != NULL) {
        socklen_t size = raw_unix_name(address, &name);

        assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    }
    return fd;
}

ssize_t raw_unix_send(int fd, const char *address, const void *data, size_t size)
{
    struct sockaddr_un name;
    socklen_t length = raw_unix_name(address, &name);

    return sendto(fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&name, length);
}

void raw_unix_expect(int fd, const char *words)
{
    char heard[256];

    await_events(fd, POLLIN);
    assert_int_equal(recv(fd, heard, sizeof heard, MSG_DONTWAIT), strlen(words));
    assert_memory_equal(heard, words, strlen(words));
}
