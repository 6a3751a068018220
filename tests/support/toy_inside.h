/* What the files of the toy cipher know of each other. */
#ifndef TOY_INSIDE_H
#define TOY_INSIDE_H

#include "toy_cipher.h"

#include <stdint.h>
#include <sys/types.h>

enum toy_option {
    TOY_MOTTO,
    TOY_COLOR,
    TOY_STRICT,
    TOY_MOOD,
    TOY_PASSWORD,
    TOY_FAULTS,
    TOY_OPTIONS,
    TOY_PEER_MOTTO = TOY_OPTIONS,
    TOY_HOST,
    TOY_PORT,
    TOY_ASKED_HOST,
    TOY_CARD,
    TOY_PROPERTIES
};

extern const net_cipher_property toy_properties[];

/* Faults that are a number. */
enum toy_fault {
    TOY_SIP,
    TOY_YIELD_MOST,
    TOY_GIVE,
    TOY_TAKE,
    TOY_RECORD,
    TOY_EMPTY,
    TOY_ASKS,
    TOY_TICKETS,
    TOY_CHATTER,
    TOY_UNFINISHED,
    TOY_SILENT,
    TOY_BREAK_ENCRYPT,
    TOY_BREAK_DECRYPT,
    TOY_MEMORY,
    TOY_FAULT_COUNT
};

/* Functions that fail by order; a greet at step N is TOY_IN_GREET + N. */
enum toy_place { TOY_NOWHERE, TOY_IN_CONFIGURE, TOY_IN_OPEN, TOY_IN_TEXT, TOY_IN_GREET };

enum { TOY_WORDS = 256 }; /* the room for a text that is told to the peer */

struct net_cipher_settings {
    unsigned magic;
    int side;
    atomic_int sessions;
    char *value[TOY_OPTIONS]; /* NULL: not given */
    size_t fault[TOY_FAULT_COUNT];
    int place; /* which function fails, so */
    int code;
    char words[TOY_WORDS];
};

struct toy_buffer {
    unsigned char *bytes;
    size_t at;    /* the first that is left */
    size_t count; /* those that are left */
    size_t room;
};

enum toy_state { TOY_NEW, TOY_WAITS, TOY_WAITS_FOR_DONE, TOY_READY, TOY_FAILED };

enum { TOY_HEAD = 4, TOY_CHECK = 4 };

struct net_cipher_session {
    unsigned magic;
    pid_t process;
    atomic_flag busy;
    net_cipher_settings *settings;
    int side;
    enum toy_state state;
    bool has_finished;  /* finish was called */
    bool has_ended;     /* the peer has */
    bool is_sealed[2];  /* records that are written, that are read */
    uint32_t nonce[2];  /* ours, the peer's */
    uint32_t number[2]; /* of the next record */
    size_t calls[TOY_CALLS];
    size_t allocations;
    size_t handed_out; /* decrypts that handed something out */
    char host[TOY_WORDS];
    char port[16];
    char asked_host[TOY_WORDS];
    char peer_motto[TOY_WORDS];
    char peer_color;

    const unsigned char *loan;
    size_t loan_size;
    size_t loan_at;
    size_t budget;            /* bytes of the loan that this call still reads */
    struct toy_buffer unread; /* of the loan before */

    unsigned char head[TOY_HEAD];
    size_t head_count;
    struct toy_buffer body; /* of the record that is coming */

    struct toy_buffer plain;  /* what decrypt hands out */
    struct toy_buffer sealed; /* what yield hands out */
};

/* Say what was broken, and end the program. */
_Noreturn void toy_violation(const char *function, const char *what);

/* ---- Settings ---- */

net_cipher_settings *toy_make_settings(const net_cipher_settings *old, const char *const *values,
                                       int side, net_cipher_failure *failure);
void toy_release_settings(net_cipher_settings *settings);
int toy_text(const net_cipher_settings *settings, const net_cipher_session *session,
             const char *name, char *buffer, size_t size, net_cipher_failure *failure);
void toy_check_settings(const net_cipher_settings *settings, const char *function);
uint32_t toy_hash(uint32_t hash, const void *data, size_t size);

/* Fill in a failure. Returns its code. */
int toy_fails(net_cipher_failure *failure, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- The handshake ---- */

/* As greet. */
int toy_shake_hands(net_cipher_session *session, net_cipher_failure *failure);

/* The session fails, and tells its peer unless a fault says not to. Returns the code. */
int toy_fail(net_cipher_session *session, net_cipher_failure *failure, int code, const char *words);
/* The peer has said that it has failed. */
int toy_fail_by_alert(net_cipher_session *session, net_cipher_failure *failure);
/* toy_read_record has returned this code. */
int toy_fail_to_read(net_cipher_session *session, net_cipher_failure *failure, int code);

/* ---- Buffers and records ---- */

/* Room for `size` more bytes behind those that are there, or NULL. */
unsigned char *toy_buffer_room(net_cipher_session *session, struct toy_buffer *buffer, size_t size);
/* Take bytes from the front, or only copy them. Returns how many. */
size_t toy_buffer_take(struct toy_buffer *buffer, void *to, size_t size, bool keeps);
void toy_buffer_free(struct toy_buffer *buffer);

/* Write a record. False: no memory. */
bool toy_write_record(net_cipher_session *session, enum toy_type type, const void *body,
                      size_t size);

/* Read from the loan until a record is whole: then its body is open, in `session->body`. 1; 0 if
 * it needs more; NET_RESET if it is none; NET_LIMIT. */
int toy_read_record(net_cipher_session *session, enum toy_type *type);
/* The record has been used. */
void toy_drop_record(net_cipher_session *session);

void toy_lend(net_cipher_session *session, const void *bytes, size_t size);

#endif
