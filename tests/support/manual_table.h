/* Tables of the manual pages. */
#ifndef MANUAL_TABLE_H
#define MANUAL_TABLE_H

enum { COLUMNS_MOST = 6, ROWS_MOST = 96, CELL_MAX = 16, NAME_ROOM = 32 };

struct row {
    char name[NAME_ROOM];
    char cell[COLUMNS_MOST][CELL_MAX]; /* empty: no such property */
};

struct table {
    struct row row[ROWS_MOST];
    int rows;
};

/* Reads the table of a page whose head begins with this text, and has these columns. */
void read_table(const char *page, const char *head, const char *const *names, int columns,
                struct table *table);

/* Returns how often the table has a row of this name; `found` is the last. */
int rows_of(const struct table *table, const char *name, const struct row **found);

#endif
