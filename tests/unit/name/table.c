/* wrap: calloc */
/* The table of remote addresses: it finds what was put in, and no sender can fill one bucket on
 * purpose. */
#include "name/table.h"
#include "netfacade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MANY = 10000 };

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool memory_is_out;

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_is_out ? NULL : __real_calloc(count, size);
}

static struct nf_addr address(uint32_t number)
{
    struct nf_addr addr = {.family = NF_IPV4, .port = (uint16_t)(number % 7)};

    memcpy(addr.ip, &number, sizeof number);
    return addr;
}

static struct nf_addr addresses[MANY];

static struct nf_entry *fill(struct nf_table *table, uint32_t count)
{
    struct nf_entry *entries = test_calloc(count, sizeof *entries);

    for (uint32_t i = 0; i < count; i++) {
        addresses[i] = address(i);
        entries[i].remote = &addresses[i];
        nf_table_add(table, &entries[i]);
    }
    return entries;
}

static struct nf_entry *find(const struct nf_table *table, const struct nf_addr *addr)
{
    return nf_table_find(table, addr, nf_table_hash(table, addr));
}

static size_t longest_chain(const struct nf_table *table)
{
    size_t longest = 0;

    for (size_t i = 0; i < table->buckets; i++) {
        size_t length = 0;

        for (const struct nf_entry *entry = table->bucket[i]; entry != NULL; entry = entry->next) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    return longest;
}

static void what_was_put_in_is_found(void **state)
{
    struct nf_table table;
    struct nf_entry *entries;

    (void)state;
    assert_int_equal(nf_table_open(&table), 0);
    entries = fill(&table, MANY);
    assert_int_equal(table.count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        struct nf_addr addr = address(i);

        assert_ptr_equal(find(&table, &addr), &entries[i]);
        addr = address(i + MANY);
        assert_null(find(&table, &addr));
    }
    nf_table_close(&table);
    test_free(entries);
}

static void what_was_removed_is_gone_and_the_rest_stays(void **state)
{
    struct nf_table table;
    struct nf_entry *entries;

    (void)state;
    assert_int_equal(nf_table_open(&table), 0);
    entries = fill(&table, MANY);
    for (uint32_t i = 0; i < MANY; i += 3) {
        nf_table_remove(&table, &entries[i]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        struct nf_addr addr = address(i);

        assert_ptr_equal(find(&table, &addr), i % 3 == 0 ? NULL : &entries[i]);
    }
    assert_int_equal(table.count, MANY - (MANY + 2) / 3);
    nf_table_close(&table);
    test_free(entries);
}

/* Each part of an address counts. */
static void addresses_that_differ_anywhere_are_others(void **state)
{
    struct nf_addr base = {.family = NF_IPV6, .port = 7, .scope = 2, .ip = {0xfe, 0x80}};
    struct nf_entry entry = {.remote = &base};
    struct nf_addr other = base;
    struct nf_table table;

    (void)state;
    assert_int_equal(nf_table_open(&table), 0);
    nf_table_add(&table, &entry);
    assert_ptr_equal(find(&table, &base), &entry);
    other.port = 8;
    assert_null(find(&table, &other));
    other = base;
    other.scope = 3;
    assert_null(find(&table, &other));
    other = base;
    other.ip[15] = 1;
    assert_null(find(&table, &other));
    nf_table_close(&table);
}

/* Each table has a key of its own. So chains stay short for any set of addresses that somebody
 * chose. With 10,000 addresses in the buckets of a table this full, it is almost certain that all
 * chains are shorter than 16. */
static void chains_stay_short(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        struct nf_table table;
        struct nf_entry *entries;

        assert_int_equal(nf_table_open(&table), 0);
        entries = fill(&table, MANY);
        assert_true(table.buckets >= table.count);
        assert_true(longest_chain(&table) < 16);
        nf_table_close(&table);
        test_free(entries);
    }
}

static void every_table_has_a_key_of_its_own(void **state)
{
    struct nf_table one;
    struct nf_table two;

    (void)state;
    assert_int_equal(nf_table_open(&one), 0);
    assert_int_equal(nf_table_open(&two), 0);
    assert_memory_not_equal(&one.key, &two.key, sizeof one.key);
    nf_table_close(&one);
    nf_table_close(&two);
}

static void without_memory_the_chains_grow_instead(void **state)
{
    struct nf_table table;
    struct nf_entry *entries;

    (void)state;
    memory_is_out = true;
    assert_int_equal(nf_table_open(&table), NET_LIMIT);
    nf_table_close(&table);
    memory_is_out = false;
    assert_int_equal(nf_table_open(&table), 0);
    memory_is_out = true;
    entries = fill(&table, 500);
    for (uint32_t i = 0; i < 500; i++) {
        struct nf_addr addr = address(i);

        assert_ptr_equal(find(&table, &addr), &entries[i]);
    }
    memory_is_out = false;
    nf_table_remove(&table, &entries[0]);
    nf_table_add(&table, &entries[0]);
    for (uint32_t i = 0; i < 500; i++) {
        struct nf_addr addr = address(i);

        assert_ptr_equal(find(&table, &addr), &entries[i]);
    }
    nf_table_close(&table);
    test_free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_in_is_found),
        cmocka_unit_test(what_was_removed_is_gone_and_the_rest_stays),
        cmocka_unit_test(addresses_that_differ_anywhere_are_others),
        cmocka_unit_test(chains_stay_short),
        cmocka_unit_test(every_table_has_a_key_of_its_own),
        cmocka_unit_test(without_memory_the_chains_grow_instead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
