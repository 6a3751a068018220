/* The tables of the manual pages say what each socket answers. The sockets answer so, and the
 * header names every property. */
#include "name/property.h"
#include "netfacade/cipher.h"
#include "manual_table.h"
#include "support.h"
#ifdef NETFACADE_TEST_TLS
#include "certificates.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENDS = 3 };

static struct table properties; /* netfacade(7): a column for each scheme */
static struct table faults;     /* netfacade-chaos(7): streams and datagrams */
static struct table framed;     /* netfacade-framed(7): what the layer has instead, or more */
static struct table encrypted;  /* netfacade-tls(7): the same */

static const char *const schemes[] = {"tcp", "udp", "unix", "unixgram", "mem", "memgram"};
static const char *const kinds[] = {"stream", "datagram"};
static const char *const layers[] = {"framed"};
static const char *const ciphers[] = {"tls"};

static void read_tables(void)
{
    read_table(NETFACADE_DOCS "/netfacade.7", ".It Sy property Ta", schemes, COUNT(schemes),
               &properties);
    read_table(NETFACADE_DOCS "/netfacade-chaos.7", ".It Sy fault Ta", kinds, COUNT(kinds),
               &faults);
    read_table(NETFACADE_DOCS "/netfacade-framed.7", ".It Sy property Ta", layers, COUNT(layers),
               &framed);
    read_table(NETFACADE_DOCS "/netfacade-tls.7", ".It Sy property Ta", ciphers, COUNT(ciphers),
               &encrypted);
}

/* ---- Asking the sockets ---- */

/* Returns the code that the cell promises for the end that the letter stands for. */
static int code_of(const char *cell, char letter)
{
    return cell[0] == '\0' ? NET_ADDRESS : strchr(cell, letter) == NULL ? NET_MISUSE : 0;
}

static void check_cell(net_socket *socket, const char *name, const char *cell, char letter,
                       const char *template)
{
    char text[ADDRESS_MAX];
    int expected = code_of(cell, letter);
    int got = net_get(socket, name, text, sizeof text);

    if ((got < 0 ? got : 0) != expected) {
        fail_msg("%s of %s, %c: the manual says '%s', and the socket %d", name, template, letter,
                 cell, got);
    }
}

static bool is_fault(int word)
{
    return word >= NF_SEED && word <= NF_ACCEPT_FAIL;
}

/* Options that only a layer has are in the table of its own page alone. */
static bool is_of_frames(int word)
{
    return word == NF_FRAME || word == NF_MAX;
}

static bool is_of_ciphers(int word)
{
    return word == NF_SIDE;
}

/* Returns what the manual says of a property of a template: `name` is that of `word`. */
static const char *cell_of(const char *name, int word, const char *template, int column)
{
    const struct row *row = NULL;
    bool has_faults = strstr(template, "chaos+") != NULL;

    if (is_framed(template) && rows_of(&framed, name, &row) > 0) {
        return row->cell[0];
    }
    if (is_encrypted(template) && rows_of(&encrypted, name, &row) > 0) {
        return row->cell[0];
    }
    if (is_of_frames(word) || is_of_ciphers(word)) {
        return "";
    }
    assert_int_equal(rows_of(is_fault(word) ? &faults : &properties, name, &row), 1);
    if (!is_fault(word)) {
        return row->cell[column];
    }
    return has_faults ? row->cell[column % 2] : ""; /* streams and datagrams take turns */
}

/* What a cipher has, which no list of ours names. */
static void check_rows_of_ciphers(net_socket *socket, char letter, const char *template)
{
    for (int i = 0; i < encrypted.rows; i++) {
        const struct row *row = &encrypted.row[i];

        if (strcmp(row->name, "net_fd") != 0) {
            check_cell(socket, row->name, is_encrypted(template) ? row->cell[0] : "", letter,
                       template);
        }
    }
}

static void check_sockets(struct pair *pair, const char *template, int column)
{
    net_socket *const ends[ENDS] = {pair->client, pair->server, pair->listener};
    static const char letters[] = "dal";
    const char *fd = cell_of("net_fd", NF_PROPERTIES, template, column);
    const char *below = cell_of("net_fd", NF_PROPERTIES, schemes[column], column);

    for (int i = 0; i < ENDS; i++) {
        for (int word = 0; word < NF_PROPERTIES; word++) {
            const char *name = nf_rules[word].name;

            if (name[0] != '\0') {
                check_cell(ends[i], name, cell_of(name, word, template, column), letters[i],
                           template);
            }
        }
        check_rows_of_ciphers(ends[i], letters[i], template);
        bool has_fd = strchr(fd, letters[i]) != NULL && strchr(below, letters[i]) != NULL;

        if ((net_fd(ends[i]) >= 0) != has_fd) {
            fail_msg("net_fd of %s, %c: the manual says '%s'", template, letters[i], fd);
        }
    }
}

static void every_socket_answers_as_the_manual_says(void **state)
{
    static const char *const targets[] = {"127.0.0.1:0", "127.0.0.1:0", "@", "@", "", ""};
    static const char *const over[] = {"", "chaos+", "framed+", "framed+chaos+"};

    (void)state;
    read_tables();
    for (int i = 0; i < (int)COUNT(schemes); i++) {
        for (int layer = 0; layer < (i % 2 == 0 ? (int)COUNT(over) : 2); layer++) {
            char template[ADDRESS_MAX];
            struct pair pair;

            snprintf(template, sizeof template, "%s%s://%s", over[layer], schemes[i], targets[i]);
            dial_pair(template, &pair);
            check_sockets(&pair, template, i);
            close_pair(&pair);
        }
    }
}

#ifdef NETFACADE_TEST_TLS
/* Each question goes on with the handshake, as far as it can without waiting. */
static bool has_shaken_hands(net_socket *socket)
{
    int length = net_get(socket, "tls-version", NULL, 0);

    assert_true(length > 0 || net_error() == NET_TIMEOUT);
    return length > 0;
}

static void shake_hands(struct pair *pair)
{
    net_deadline deadline = soon();
    bool client = false;
    bool server = false;

    while (!client || !server) {
        client = has_shaken_hands(pair->client);
        server = has_shaken_hands(pair->server);
        assert_true(net_after(0) < deadline);
    }
}

static void dial_encrypted(const char *template, struct pair *pair)
{
    char local[ADDRESS_MAX];
    char address[ADDRESS_MAX * 2];

    snprintf(address, sizeof address, "%s?cert=%s&key=%s", template,
             certificate_file(CERTIFICATE_GOOD), certificate_key(CERTIFICATE_GOOD));
    pair->listener = assert_socket((net_listen)(address));
    assert_true(net_get(pair->listener, "local", local, sizeof local) > 0);
    snprintf(address, sizeof address, "%s?ca=%s&name=localhost", local, certificate_ca());
    pair->client = assert_socket((net_connect)(address, NET_NOW));
    pair->server = assert_socket((net_accept)(pair->listener, soon()));
    shake_hands(pair);
}

static void every_encrypted_socket_answers_as_the_manual_says(void **state)
{
    static const struct {
        const char *template;
        int column; /* the scheme below, in `schemes` */
    } rows[] = {{"tls://127.0.0.1:0", 0},
                {"tls+unix://@", 2},
                {"tls+mem://", 4},
                {"tls+chaos+tcp://127.0.0.1:0", 0},
                {"tls+chaos+mem://", 4},
                {"chaos+tls://127.0.0.1:0", 0},
                {"chaos+tls+unix://@", 2},
                {"chaos+tls+mem://", 4},
                {"framed+tls://127.0.0.1:0", 0},
                {"framed+tls+unix://@", 2},
                {"framed+tls+mem://", 4}};

    (void)state;
    read_tables();
    assert_int_equal(net_use_cipher(net_tls()), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pair pair;

        dial_encrypted(rows[i].template, &pair);
        check_sockets(&pair, rows[i].template, rows[i].column);
        close_pair(&pair);
    }
}

static void every_property_of_the_cipher_has_a_row(void **state)
{
    const net_cipher_property *named = net_tls()->properties;
    const struct row *row = NULL;
    int count = 0;

    (void)state;
    read_tables();
    for (; named[count].name != NULL; count++) {
        if (rows_of(&encrypted, named[count].name, &row) != 1) {
            fail_msg("the manual has no row of %s", named[count].name);
        }
    }
    assert_int_equal(encrypted.rows, count + 2); /* and net_fd and side */
}
#endif

/* A misspelt row is asked of no socket. So the number of rows is compared too. */
static void every_row_is_a_property(void **state)
{
    int named = 1; /* net_fd */
    int of_frames = 0;
    const struct row *row = NULL;

    (void)state;
    read_tables();
    for (int word = 0; word < NF_PROPERTIES; word++) {
        named += nf_rules[word].name[0] != '\0' && !is_of_frames(word) && !is_of_ciphers(word);
        of_frames += is_of_frames(word);
        if (is_of_ciphers(word)) {
            assert_int_equal(rows_of(&encrypted, nf_rules[word].name, &row), 1);
        }
    }
    assert_int_equal(properties.rows + faults.rows, named);
    for (int i = 0; i < framed.rows; i++) {
        bool is_elsewhere = rows_of(&properties, framed.row[i].name, &row) == 1;

        of_frames -= is_elsewhere ? 0 : 1;
        assert_int_equal(rows_of(&framed, framed.row[i].name, &row), 1);
    }
    assert_int_equal(of_frames, 0);
}

/* A dial that is not decided has no descriptor, whatever it becomes later. */
static void a_dialing_socket_has_no_descriptor(void **state)
{
    struct black_hole hole;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    net_socket *call = assert_socket(net_connect(hole.address, NET_NOW));

    assert_int_equal(net_fd(call), -1);
    net_close(call, NET_NOW);
    close_black_hole(&hole);
}

/* ---- The header ---- */

enum { HEADER_MOST = 64 * 1024 };

/* The comment of net_get, as one line. */
static void read_comment(char text[HEADER_MOST])
{
    static char header[HEADER_MOST];
    FILE *file = fopen(NETFACADE_DOCS "/../include/netfacade.h", "r");
    size_t length = 0;

    assert_non_null(file);
    header[fread(header, 1, sizeof header - 1, file)] = '\0';
    fclose(file);
    const char *comment = strstr(header, "/* Read a property.");

    assert_non_null(comment);
    const char *end = strstr(comment, "*/");

    assert_non_null(end);
    for (const char *at = comment + 3; at < end; at++) {
        if (strncmp(at, "\n * ", 4) == 0) {
            text[length++] = ' ';
            at += 3;
        } else {
            text[length++] = *at;
        }
    }
    text[length] = '\0';
}

/* Whether the text has this name as a whole word. */
static bool tells_of(const char *text, const char *end, const char *name)
{
    static const char parts[] = "abcdefghijklmnopqrstuvwxyz-";
    size_t length = strlen(name);

    for (const char *at = strstr(text, name); at != NULL && at < end; at = strstr(at + 1, name)) {
        if (strchr(parts, at[-1]) == NULL && strchr(parts, at[length]) == NULL) {
            return true;
        }
    }
    return false;
}

static void the_header_tells_of_every_property(void **state)
{
    static char comment[HEADER_MOST];

    (void)state;
    read_comment(comment);
    for (int word = NF_OPTIONS; word < NF_PROPERTIES; word++) {
        const char *name = nf_rules[word].name;

        if (name[0] != '\0' && nf_property_is_readable((enum nf_property)word) &&
            !tells_of(comment, comment + strlen(comment), name)) {
            fail_msg("the header says nothing of %s", name);
        }
    }
}

/* The sentences of the header that say whose a property is. No other scheme has it. */
static void the_header_says_who_has_a_property(void **state)
{
    static const struct {
        const char *who;
        int schemes; /* a bit for each, in the order of `schemes` */
    } sentences[] = {{"Every scheme has ", 63},
                     {". tcp and udp: ", 3},
                     {". tcp: ", 1},
                     {". Streams: ", 1 | 4 | 16},
                     {". udp: ", 2},
                     {". unix: ", 4},
                     {". All but unix, mem and fd: ", 1 | 2 | 8 | 32}};
    static char comment[HEADER_MOST];
    int told = 0;

    (void)state;
    read_tables();
    read_comment(comment);
    for (size_t i = 0; i < COUNT(sentences); i++) {
        const char *names = strstr(comment, sentences[i].who);

        assert_non_null(names);
        names += strlen(sentences[i].who);
        const char *end = names + strcspn(names, ".;");

        for (int word = NF_OPTIONS; word < NF_PROPERTIES; word++) {
            const struct row *row = NULL;

            if (nf_rules[word].name[0] == '\0' || !tells_of(names, end, nf_rules[word].name)) {
                continue;
            }
            told++;
            assert_int_equal(rows_of(&properties, nf_rules[word].name, &row), 1);
            for (int column = 0; column < (int)COUNT(schemes); column++) {
                bool has = row->cell[column][0] != '\0';

                if (has != ((sentences[i].schemes >> column & 1) != 0)) {
                    fail_msg("%s of %s: the header and the manual differ", nf_rules[word].name,
                             schemes[column]);
                }
            }
        }
    }
    print_message("the header tells of %d properties whose they are\n", told);
    assert_int_equal(told, NF_PROPERTIES - NF_OPTIONS - 1); /* nobody can read `admit` */
}

/* What framed+ has over any scheme: the options are in the address, and the header lists the rest.
 */
static void the_header_says_what_framed_sockets_have(void **state)
{
    static char comment[HEADER_MOST];

    (void)state;
    read_tables();
    read_comment(comment);
    const char *names = strstr(comment, ". framed+: ");

    assert_non_null(names);
    names += 1;
    const char *end = names + strcspn(names, ".;");

    for (int word = NF_OPTIONS; word < NF_PROPERTIES; word++) {
        const struct row *row = NULL;
        const char *name = nf_rules[word].name;

        if (name[0] != '\0' && tells_of(names, end, name) != (rows_of(&framed, name, &row) == 1)) {
            fail_msg("%s of framed+: the header and the manual differ", name);
        }
    }
}

/* What the header says only tls has, and the options of an address, are all that a cipher has. */
static void the_header_says_what_encrypted_sockets_have(void **state)
{
    static char comment[HEADER_MOST];

    (void)state;
    read_tables();
    read_comment(comment);
    const char *names = strstr(comment, ". tls: ");

    assert_non_null(names);
    names += 1;
    const char *end = names + strcspn(names, ".;");
    bool is_option = true; /* the rows are in the order of the page: options first */

    for (int i = 0; i < encrypted.rows; i++) {
        const char *name = encrypted.row[i].name;

        is_option = is_option && strcmp(name, "tls-version") != 0;
        if (!is_option && !tells_of(names, end, name)) {
            fail_msg("the header says nothing of %s", name);
        }
    }
    assert_false(is_option);
}

int main(void)
{
    const struct test tests[] = {TEST(every_socket_answers_as_the_manual_says),
#ifdef NETFACADE_TEST_TLS
                                 TEST(every_encrypted_socket_answers_as_the_manual_says),
                                 TEST(every_property_of_the_cipher_has_a_row),
#endif
                                 TEST(every_row_is_a_property),
                                 TEST(a_dialing_socket_has_no_descriptor),
                                 TEST(the_header_tells_of_every_property),
                                 TEST(the_header_says_who_has_a_property),
                                 TEST(the_header_says_what_framed_sockets_have),
                                 TEST(the_header_says_what_encrypted_sockets_have)};

    return run_once(tests);
}
