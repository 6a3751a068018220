/* Reading a page, line by line. */
#include "manual_table.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

enum { LINE_ROOM = 512 };

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

void read_table(const char *page, const char *head, const char *const *names, int columns,
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

int rows_of(const struct table *table, const char *name, const struct row **found)
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
