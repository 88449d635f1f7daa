/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One way to print rows: columns for people, an array of objects for programs. Keys are the column
 * names in lower case with underscores.
 */
#include "config.h"

#include "apps/admin.h"

#include <ctype.h>
#include <string.h>

#include <openssl/crypto.h>

struct admin_table_st {
    const char *const *columns;
    size_t n, rows;
    char **cells;
    int failed;
};

ADMIN_TABLE *admin_table_new(const char *const *columns, size_t n)
{
    ADMIN_TABLE *t = OPENSSL_zalloc(sizeof(*t));

    if (t != NULL) {
        t->columns = columns;
        t->n = n;
    }
    return t;
}

void admin_table_row(ADMIN_TABLE *t, const char *const *cells)
{
    char **v;

    if (t == NULL || t->failed)
        return;
    v = OPENSSL_realloc(t->cells, (t->rows + 1) * t->n * sizeof(*v));
    if ((t->failed = v == NULL))
        return;
    t->cells = v;
    for (size_t i = 0; i < t->n; i++)
        v[t->rows * t->n + i] = OPENSSL_strdup(cells[i] == NULL ? "" : cells[i]);
    t->rows++;
}

static const char *cell(const ADMIN_TABLE *t, size_t row, size_t column)
{
    const char *text = t->cells[row * t->n + column];

    return text == NULL ? "" : text;
}

static char *json_key(const char *column, char *out, size_t size)
{
    size_t i = 0;

    for (; column[i] != '\0' && i + 1 < size; i++)
        out[i] = column[i] == ' ' ? '_' : (char)tolower((unsigned char)column[i]);
    out[i] = '\0';
    return out;
}

static int print_json(const ADMIN_TABLE *t)
{
    CMPSRV_JSON j = {0};
    char key[64], *text;

    cmpsrv_json_raw(&j, "[");
    for (size_t r = 0; r < t->rows; r++) {
        cmpsrv_json_raw(&j, r == 0 ? "{" : ",\n{");
        for (size_t c = 0; c < t->n; c++)
            cmpsrv_json_field(&j, json_key(t->columns[c], key, sizeof(key)), cell(t, r, c));
        cmpsrv_json_raw(&j, "}");
    }
    cmpsrv_json_raw(&j, "]");
    if ((text = cmpsrv_json_finish(&j)) == NULL)
        return ADMIN_FAILED;
    puts(text);
    OPENSSL_free(text);
    return ADMIN_OK;
}

static size_t column_width(const ADMIN_TABLE *t, size_t c)
{
    size_t width = strlen(t->columns[c]);

    for (size_t r = 0; r < t->rows; r++)
        if (strlen(cell(t, r, c)) > width)
            width = strlen(cell(t, r, c));
    return width;
}

static void print_line(const ADMIN_TABLE *t, const size_t *width, const char *const *cells)
{
    for (size_t c = 0; c < t->n; c++)
        printf("%-*s%s", c + 1 == t->n ? 0 : (int)width[c], cells[c], c + 1 == t->n ? "\n" : "  ");
}

static void print_columns(const ADMIN_TABLE *t)
{
    size_t width[16] = {0};
    const char *line[16];

    for (size_t c = 0; c < t->n; c++)
        width[c] = column_width(t, c);
    print_line(t, width, t->columns);
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; c < t->n; c++)
            line[c] = cell(t, r, c);
        print_line(t, width, line);
    }
}

void admin_table_free(ADMIN_TABLE *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->rows * t->n; i++)
        OPENSSL_free(t->cells[i]);
    OPENSSL_free(t->cells);
    OPENSSL_free(t);
}

int admin_table_print(ADMIN_TABLE *t, int json)
{
    int status = ADMIN_FAILED;

    if (t == NULL)
        return admin_fail("out of memory");
    if (t->failed)
        admin_fail("out of memory");
    else if (json)
        status = print_json(t);
    else {
        print_columns(t);
        status = ADMIN_OK;
    }
    admin_table_free(t);
    return status;
}
