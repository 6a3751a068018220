/* flood_answers ADDRESS SECONDS - waits for a datagram to this IPv4 address, which may be a group
 * on the interface lo, and answers it for so long without a pause, always with the same words, or
 * until nobody is there. From a group nobody says so: then kill it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
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

static void flood(int fd, long seconds)
{
    static const char words[] = "again and again";
    time_t end = time(NULL) + seconds;

    while (time(NULL) <= end &&
           (send(fd, words, sizeof words - 1, 0) > 0 || errno != ECONNREFUSED)) {
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

    if (argc != 3 || inet_pton(AF_INET, argv[1], &local.sin_addr) != 1) {
        fprintf(stderr, "usage: flood_answers ADDRESS SECONDS\n");
        return 2;
    }
    group.imr_multiaddr = local.sin_addr;
    if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof local) < 0 ||
        (IN_MULTICAST(ntohl(local.sin_addr.s_addr)) &&
         setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) < 0)) {
        die("flood_answers");
    }
    printf("listening\n");
    fflush(stdout);
    if (recvfrom(fd, question, sizeof question, 0, (struct sockaddr *)&asker, &size) < 0 ||
        connect(fd, (struct sockaddr *)&asker, size) < 0) {
        die("recvfrom");
    }
    for (int i = 0; i < SENDERS; i++) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* the senders end with their parent */
            flood(fd, strtol(argv[2], NULL, 10));
            _exit(EXIT_SUCCESS);
        }
    }
    while (wait(NULL) > 0) {
    }
    return EXIT_SUCCESS;
}
