/* flood_answers SECONDS - waits for a question of examples/discover on the interface lo, and
 * answers it for so long without a pause, always with the same name, or until nobody is there. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 7038, SENDERS = 3, QUESTION_SIZE = 16 };

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void flood(const struct sockaddr_in *asker, long seconds)
{
    static const char name[] = "again and again";
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    time_t end = time(NULL) + seconds;

    if (fd < 0 || connect(fd, (const struct sockaddr *)asker, sizeof *asker) < 0) {
        die("connect");
    }
    while (time(NULL) <= end && (send(fd, name, sizeof name - 1, 0) > 0 || errno != ECONNREFUSED)) {
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct sockaddr_in asker;
    socklen_t size = sizeof asker;
    struct ip_mreqn group = {.imr_ifindex = (int)if_nametoindex("lo")};
    char question[QUESTION_SIZE];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    inet_pton(AF_INET, "239.255.9.9", &group.imr_multiaddr);
    local.sin_addr = group.imr_multiaddr;
    if (argc != 2 || fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof local) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
        die("flood_answers");
    }
    printf("listening\n");
    fflush(stdout);
    if (recvfrom(fd, question, sizeof question, 0, (struct sockaddr *)&asker, &size) < 0) {
        die("recvfrom");
    }
    for (int i = 0; i < SENDERS; i++) {
        if (fork() == 0) {
            flood(&asker, strtol(argv[1], NULL, 10));
            _exit(EXIT_SUCCESS);
        }
    }
    while (wait(NULL) > 0) {
    }
    return EXIT_SUCCESS;
}
