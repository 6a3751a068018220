/* Sockets over the toy cipher, and a peer that is driven by hand: a session of that cipher over a
 * plain socket, which can say any record at any moment. */
#ifndef TOY_WIRE_H
#define TOY_WIRE_H

#include "support.h"
#include "toy_cipher.h"

/* The toy over each stream, some of which come in small pieces or late. */
extern const char *const toy_templates[];
/* The same without faults. */
extern const char *const toy_wires[];
/* Those of the kernel. */
extern const char *const toy_kernel_wires[];

/* As run_over, with the toy cipher made known first. After each test all that the cipher made must
 * be gone: close_toys asserts it. */
int run_over_toys(const char *const *templates, const struct test *tests, size_t count);
#define run_toys(templates, list) run_over_toys((templates), (list), COUNT(list))

/* ---- Two ends of the library ---- */

/* Listens, dials with NET_NOW, accepts: no handshake yet. */
void dial_toys(const char *address, const char *listen_options, const char *dial_options,
               struct pair *pair);
/* Drives both ends until both have shaken hands, or one of them has failed. Returns 0 or the code.
 */
int try_to_shake(net_socket *client, net_socket *server);
/* Dials and shakes hands. */
void meet_toys(const char *address, const char *listen_options, const char *dial_options,
               struct pair *pair);
/* Closes what is not NULL, with NET_NOW. Nothing of the cipher is left. */
void close_toys(struct pair *pair);
void assert_no_toys_left(void);

/* One end has sent the pattern from this offset on; the other receives so much of it. */
void toy_hears_pattern(net_socket *socket, size_t size, size_t offset);
void toy_says_pattern(net_socket *socket, size_t size, size_t offset);
/* Receives these words, and nothing more is there. */
void toy_hears_nothing_else(net_socket *socket, const char *words);
/* Sends the pattern from this offset on with NET_NOW until nothing more is taken. Returns the
 * offset after it. */
size_t fill_with_pattern(net_socket *socket, size_t offset);

/* A thread that receives the pattern, up to `until` or an end. */
struct pattern_reader {
    net_socket *socket;
    size_t offset;
    size_t until;
    bool is_wrong;
    int code; /* why it ended before `until`; 0: it did not */
    pthread_t thread;
};

void pattern_reader_start(struct pattern_reader *reader, net_socket *socket, size_t offset,
                          size_t until);
/* All came up to `offset`, and then this code; 0: `until` was reached. */
void pattern_reader_join(struct pattern_reader *reader, size_t offset, int code);

/* ---- A peer by hand ---- */

struct hand {
    net_socket *listener;
    net_socket *toy;   /* our side */
    net_socket *plain; /* the peer's socket, of the stream below */
    net_cipher_settings *settings;
    net_cipher_session *session;
    unsigned char *in; /* received and not read by the session */
    size_t in_count;
    int code; /* what its session said last: 0, NET_CIPHER_HUNGRY or a code */
    net_cipher_failure failure;
};

/* The address of the stream below a template, without options; and what the template is at the
 * place of such a stream. */
void toy_plain_address(const char *template, char plain[ADDRESS_MAX]);
void toy_address_at(const char *template, const char *plain, char address[ADDRESS_MAX]);

/* The peer dials plainly, and our side accepts with these options. */
void hand_dials(const char *address, const char *options, const char *faults, struct hand *hand);
/* Our side dials with these options, with NET_NOW, and the peer accepts plainly. */
void hand_accepts(const char *address, const char *options, const char *faults, struct hand *hand);
/* Shakes hands, driving our side. */
void hand_shakes(struct hand *hand);
/* One step of the peer's handshake: what it has to say is in the session then. */
void hand_greets(struct hand *hand);
/* Takes from the plain socket what is there. Returns how many bytes, 0 or a code. */
ssize_t hand_takes(struct hand *hand);
/* Sends what its session has to say, or only the next `size` bytes. */
void hand_flushes(struct hand *hand);
size_t hand_flushes_some(struct hand *hand, size_t size);
/* Says a record of any type, or bytes in records. */
void hand_says(struct hand *hand, enum toy_type type, const void *body, size_t size);
void hand_sends(struct hand *hand, const void *data, size_t size);
/* Receives bytes, at most `size`: how many, or a code. */
ssize_t hand_hears(struct hand *hand, void *buffer, size_t size);
void part_from_hand(struct hand *hand);

/* A thread that sends the same bytes again and again, until it is stopped or its connection fails.
 * A send that is short is gone on with: the bytes are whole records, and stay so. */
struct flood {
    net_socket *socket;
    const char *bytes;
    size_t size;
    _Atomic bool stop;
    pthread_t thread;
};

void flood_start(struct flood *flood, net_socket *socket, const char *bytes, size_t size);
void flood_stop(struct flood *flood);

#endif
