/* dns_query NAME [SERVER [PORT]] - prints the IPv4 addresses of a name, as a DNS server tells them
 *
 *     dns_query www.example.org 9.9.9.9             the default server is 127.0.0.1, port 53
 *
 * DNS has one kind of message, and two wires for it (RFC 1035, 4.2). Over udp a message is a
 * datagram; an answer over 512 bytes is cut off there, and says so. Over tcp the length of a
 * message goes before it in two bytes, as framed+tcp does it with `frame=u16`. So one function asks
 * on both: only the address differs. */
#include <netfacade.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { TRIES = 3, TRY_MS = 1500, ADDRESS_SIZE = 300 }; /* a datagram may be lost: ask again */
enum { HEAD_SIZE = 12, RECORD_SIZE = 10, LABEL_MAX = 63, QUERY_MAX = 12 + 255 + 4 };

static unsigned char query[QUERY_MAX] = {[2] = 1, [5] = 1}; /* with recursion, 1 question */
static size_t query_size = HEAD_SIZE;
static unsigned char answer[65535];
static size_t answer_size;

static unsigned number_at(size_t at)
{
    return (unsigned)answer[at] << 8 | answer[at + 1];
}

/* In a name each label goes after its length. False: this is no name. */
static bool make_query(const char *name)
{
    static const unsigned char end[] = {0, 0, 1, 0, 1}; /* of the name; type A; class IN */

    for (size_t size = strcspn(name, "."); size > 0; size = strcspn(name, ".")) {
        if (size > LABEL_MAX || query_size + 1 + size + sizeof end > QUERY_MAX) {
            return false;
        }
        query[query_size] = (unsigned char)size;
        memcpy(query + query_size + 1, name, size);
        query_size += 1 + size;
        name += size + (name[size] == '.' ? 1 : 0);
    }
    memcpy(query + query_size, end, sizeof end);
    query_size += sizeof end;
    return *name == '\0' && getrandom(query, 2, 0) == 2; /* the id: nobody can guess it */
}

/* Whether it has the same id, says that it is an answer, and repeats the question. */
static bool is_ours(void)
{
    return answer_size >= query_size && memcmp(answer, query, 2) == 0 && answer[2] >= 128 &&
           number_at(4) == 1 &&
           memcmp(answer + HEAD_SIZE, query + HEAD_SIZE, query_size - HEAD_SIZE) == 0;
}

/* Returns NULL, or why there is no answer. What is not ours is late or forged, and may never end.
 */
static const char *ask(const char *address)
{
    ssize_t got = NET_TIMEOUT;

    for (int i = 0; i < TRIES && got == NET_TIMEOUT; i++) {
        net_deadline deadline = net_after(TRY_MS);
        net_socket *server = net_connect(address, deadline);

        got = server != NULL ? net_send(server, query, query_size, deadline) : net_error();
        answer_size = 0;
        while (got >= 0 && !is_ours()) {
            bool is_late = net_after(0) >= deadline;
            got = is_late ? NET_TIMEOUT : net_recv(server, answer, sizeof answer, deadline);
            answer_size = got > 0 ? (size_t)got : 0;
        }
        net_close(server, NET_NOW);
    }
    return got < 0 ? net_strerror((int)got) : NULL;
}

/* Print the addresses; to other names of the host the server has gone for us. A name may end in two
 * bytes that point to the rest of it, which is not needed here. Returns how many there are, or -1
 * when the message ends too early. */
static int print_addresses(void)
{
    char text[INET_ADDRSTRLEN];
    size_t at = query_size;
    int count = 0;

    for (unsigned left = number_at(6); left > 0; left--) {
        while (at < answer_size && answer[at] > 0 && answer[at] <= LABEL_MAX) {
            at += 1U + answer[at];
        }
        at += at < answer_size && answer[at] > LABEL_MAX ? 2 : 1;
        size_t data = at + RECORD_SIZE; /* type, class, time to live, size */
        if (data > answer_size || number_at(data - 2) > answer_size - data) {
            return -1;
        }
        if (number_at(at) == 1 && number_at(at + 2) == 1 && number_at(data - 2) == 4) {
            puts(inet_ntop(AF_INET, answer + data, text, sizeof text));
            count++;
        }
        at = data + number_at(data - 2);
    }
    return count;
}

int main(int argc, char **argv)
{
    const char *host = argc > 2 ? argv[2] : "127.0.0.1";
    const char *port = argc > 3 ? argv[3] : "53";
    char udp[ADDRESS_SIZE];
    char framed[ADDRESS_SIZE + sizeof "framed+tcp?frame=u16"];
    const char *address = udp;
    int count = 0;

    if (argc < 2 || argc > 4 || !make_query(argv[1]) ||
        net_address(udp, sizeof udp, "udp", host, port) < 0) {
        fputs("usage: dns_query NAME [SERVER [PORT]]\n", stderr);
        return 2;
    }
    const char *why = ask(address);
    if (why == NULL && (answer[2] & 2) != 0) { /* it is cut off */
        snprintf(framed, sizeof framed, "framed+tcp%s?frame=u16", udp + strlen("udp"));
        address = framed;
        why = ask(address);
    }
    if (why == NULL && (answer[3] & 15) != 0) {
        why = (answer[3] & 15) == 3 ? "no such name" : "it cannot tell";
    } else if (why == NULL) {
        count = print_addresses();
        why = count < 0 ? "a broken answer" : count == 0 ? "no addresses" : NULL;
    }
    if (why != NULL) {
        fprintf(stderr, "dns_query: %s: %s\n", address, why);
        return 1;
    }
    fprintf(stderr, "%d from %s\n", count, address);
    return 0;
}
