/* The resolver gives 127.0.0.1 twice for a name that /etc/hosts has with 127.0.0.1 and with
 * ::1, and net_resolve and a dial used it twice. */
#include "support.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

enum { SKIPPED = 77 };

/* The process gets an /etc/hosts of its own. */
static bool write_hosts(void)
{
    static const char lines[] = "127.0.0.1 both.test\n"
                                "::1 both.test\n"
                                "127.0.0.1 both.test alias.test\n";
    char path[] = "/tmp/netfacade-hosts-XXXXXX";
    int fd = mkstemp(path);
    bool done = fd >= 0 && write(fd, lines, strlen(lines)) == (ssize_t)strlen(lines);

    done = done && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(path, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    return done;
}

static void each_address_is_used_once(void **state)
{
    net_endpoint endpoints[16];
    int count = (int)assert_ok(net_resolve("tcp://both.test:9", endpoints, 16, soon()));
    char text[64];
    int v4 = 0;

    (void)state;
    for (int i = 0; i < count; i++) {
        assert_ok(net_endpoint_text(&endpoints[i], text, sizeof text));
        v4 += strcmp(text, "127.0.0.1:9") == 0 ? 1 : 0;
    }
    assert_no_socket(net_connect("tcp://both.test:9", soon()), NET_REFUSED);
    int tried = times_in(net_error_text(), "127.0.0.1:");

    print_message("127.0.0.1: resolved %d times, dialed %d times\n", v4, tried);
    assert_int_equal(v4, 1);
    assert_int_equal(tried, 1);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(each_address_is_used_once),
    };

    if (!has_own_network() || !write_hosts()) {
        print_message("skipped: an /etc/hosts of the test's own is not permitted\n");
        return SKIPPED;
    }
    return run_once(tests);
}
