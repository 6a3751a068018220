/* The tables of the manual pages say what each socket answers. The sockets answer so, and the
 * header names every property. */
#include "name/property.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MOST = 6, ROWS_MOST = 96, CELL_MAX = 16, NAME_ROOM = 32, LINE_ROOM = 512, ENDS = 3 };

struct row {
    char name[NAME_ROOM];
    char cell[COLUMNS_MOST][CELL_MAX]; /* empty: no such property */
};

struct table {
    struct row row[ROWS_MOST];
    int rows;
};

static struct table properties; /* netfacade(7): a column for each scheme */
static struct table faults;     /* netfacade-chaos(7): streams and datagrams */
static struct table framed;     /* netfacade-framed(7): what the layer has instead, or more */

static const char *const schemes[] = {"tcp", "udp", "unix", "unixgram", "mem", "memgram"};
static const char *const kinds[] = {"stream", "datagram"};
static const char *const layers[] = {"framed"};

/* ---- Reading a page ---- */

static void read_cell(const char *text, size_t length, char cell[CELL_MAX])
{
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\n')) {
        length--;
    }
    assert_in_range(length, 0, CELL_MAX - 1);
    snprintf(cell, CELL_MAX, "%.*s", (int)length, text);
}

/* `.It Li name Ta cell Ta cell`, with the macro of the name left out. */
static void read_row(const char *line, int columns, struct table *table)
{
    struct row *row = &table->row[table->rows++];
    const char *next = strstr(line, " Ta");
    int column = 0;

    assert_in_range(table->rows, 1, ROWS_MOST);
    assert_int_equal(sscanf(line, ".It %*s %31s", row->name), 1);
    for (; next != NULL; column++) {
        const char *text = next + strlen(" Ta");

        next = strstr(text, " Ta");
        assert_in_range(column, 0, columns - 1);
        read_cell(text, next != NULL ? (size_t)(next - text) : strlen(text), row->cell[column]);
    }
    assert_int_equal(column, columns);
}

static void assert_head(const char *line, const char *const *names, int columns)
{
    for (int i = 0; i < columns; i++) {
        char cell[NAME_ROOM];

        snprintf(cell, sizeof cell, " Ta Sy %s", names[i]);
        line = strstr(line, cell);
        assert_non_null(line);
        line += strlen(cell);
    }
}

/* Finds the table whose head begins with this text. */
static void read_table(const char *page, const char *head, const char *const *names, int columns,
                       struct table *table)
{
    FILE *file = fopen(page, "r");
    char line[LINE_ROOM] = "";
    bool inside = false;

    assert_non_null(file);
    table->rows = 0;
    while (fgets(line, sizeof line, file) != NULL && !(inside && strncmp(line, ".El", 3) == 0)) {
        if (inside) {
            read_row(line, columns, table);
        } else if (strncmp(line, head, strlen(head)) == 0) {
            assert_head(line, names, columns);
            inside = true;
        }
    }
    fclose(file);
    assert_true(inside && table->rows > 0);
}

static void read_tables(void)
{
    read_table(NETFACADE_DOCS "/netfacade.7", ".It Sy property Ta", schemes, COUNT(schemes),
               &properties);
    read_table(NETFACADE_DOCS "/netfacade-chaos.7", ".It Sy fault Ta", kinds, COUNT(kinds),
               &faults);
    read_table(NETFACADE_DOCS "/netfacade-framed.7", ".It Sy property Ta", layers, COUNT(layers),
               &framed);
}

/* Returns how often the table has a row of this name. */
static int rows_of(const struct table *table, const char *name, const struct row **found)
{
    int count = 0;

    for (int i = 0; i < table->rows; i++) {
        if (strcmp(table->row[i].name, name) == 0) {
            *found = &table->row[i];
            count++;
        }
    }
    return count;
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

/* Options that only the layer has are in the table of its own page alone. */
static bool is_of_frames(int word)
{
    return word == NF_FRAME || word == NF_MAX;
}

/* Returns what the manual says of a property of a template: `name` is that of `word`. */
static const char *cell_of(const char *name, int word, const char *template, int column)
{
    const struct row *row = NULL;
    bool has_faults = strstr(template, "chaos+") != NULL;

    if (is_framed(template) && rows_of(&framed, name, &row) > 0) {
        return row->cell[0];
    }
    if (is_of_frames(word)) {
        return "";
    }
    assert_int_equal(rows_of(is_fault(word) ? &faults : &properties, name, &row), 1);
    if (!is_fault(word)) {
        return row->cell[column];
    }
    return has_faults ? row->cell[column % 2] : ""; /* streams and datagrams take turns */
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

/* A misspelt row is asked of no socket. So the number of rows is compared too. */
static void every_row_is_a_property(void **state)
{
    int named = 1; /* net_fd */
    int of_frames = 0;
    const struct row *row = NULL;

    (void)state;
    read_tables();
    for (int word = 0; word < NF_PROPERTIES; word++) {
        named += nf_rules[word].name[0] != '\0' && !is_of_frames(word);
        of_frames += is_of_frames(word);
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

int main(void)
{
    const struct test tests[] = {TEST(every_socket_answers_as_the_manual_says),
                                 TEST(every_row_is_a_property),
                                 TEST(a_dialing_socket_has_no_descriptor),
                                 TEST(the_header_tells_of_every_property),
                                 TEST(the_header_says_who_has_a_property),
                                 TEST(the_header_says_what_framed_sockets_have)};

    return run_once(tests);
}
