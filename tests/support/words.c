/* Word by word, of which kinds of addresses it is true. */
#include "words.h"
#include "support.h"

/* The sentences are those of netfacade-framed(7), in short. */
static const struct {
    bool of_streams;
    bool of_datagrams;
    bool of_framed;
} table[WORDS] = {
    /* A dial makes a connection: it is refused where nobody listens, and a listener has a caller
     * before any message. */
    [CONNECTS] = {true, false, true},
    /* net_shutdown ends what one side sends, after its last message. */
    [HALF_CLOSES] = {true, false, true},
    /* A close with a deadline lets the last message arrive, and waits for the peer to close. */
    [LINGERS] = {true, false, true},
    /* The peer's end is NET_EOF between two messages, and NET_RESET inside one. Sending to a peer
     * that is gone fails, for good. */
    [ENDS] = {true, false, true},
    /* A listener accepts. The message calls are for its connections. */
    [LISTENER_TALKS] = {false, true, false},
    /* A datagram is a packet, which the wire bounds. Nothing but `max` bounds a message. */
    [SENDS_PACKETS] = {false, true, false},
};

bool does(const char *address, enum word word)
{
    return is_framed(address)   ? table[word].of_framed
           : is_stream(address) ? table[word].of_streams
                                : table[word].of_datagrams;
}
