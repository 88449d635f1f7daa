/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The errors of a load: how they read, and in which order they come out; and the pool that a load
 * takes its memory from. Callers see to it that no secret comes in here as an argument.
 */
#include "config.h"

#include "conf/conf_local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* ---- pool -------------------------------------------------------------------------------------
 */

struct conf_block_st {
    struct conf_block_st *next;
    size_t n;
    max_align_t v[];
};

void *cmpsrv_conf_alloc(CONF_LOAD *l, size_t n)
{
    struct conf_block_st *b = OPENSSL_zalloc(sizeof(*b) + n);

    if (b == NULL) {
        l->no_memory = 1;
        return NULL;
    }
    b->n = n;
    b->next = l->pool;
    l->pool = b;
    return b->v;
}

char *cmpsrv_conf_text(CONF_LOAD *l, const char *text, size_t n)
{
    char *p = cmpsrv_conf_alloc(l, n + 1);

    if (p != NULL && n > 0)
        memcpy(p, text, n);
    return p;
}

char *cmpsrv_conf_textf(CONF_LOAD *l, const char *fmt, ...)
{
    va_list ap, again;
    char *p = NULL;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    if ((n = vsnprintf(NULL, 0, fmt, ap)) >= 0 && (p = cmpsrv_conf_alloc(l, (size_t)n + 1)) != NULL)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}

void cmpsrv_conf_pool_free(CONF_LOAD *l)
{
    while (l->pool != NULL) {
        struct conf_block_st *b = l->pool;

        l->pool = b->next;
        OPENSSL_clear_free(b, sizeof(*b) + b->n);
    }
}

/* ---- errors -----------------------------------------------------------------------------------
 */

char *cmpsrv_conf_quote(const char *text, char out[80])
{
    return cmpsrv_escape(cmpsrv_slice_str(text), out, 80);
}

static char *make_text(CMPSRV_CONF_POS pos, const char *kind, const char *name, const char *key,
                       const char *fmt, va_list ap) CMPSRV_PRINTF(5, 0);

/* "FILE:LINE: kind name: key: text". */
static char *make_text(CMPSRV_CONF_POS pos, const char *kind, const char *name, const char *key,
                       const char *fmt, va_list ap)
{
    char what[1024], quoted[4 * CONF_MAX_NAME + 1] = "";
    const char *file = pos.file == NULL ? "?" : pos.file;
    size_t size;
    char *out;

    vsnprintf(what, sizeof(what), fmt, ap);
    if (name != NULL)
        cmpsrv_escape(cmpsrv_slice_str(name), quoted, sizeof(quoted));
    size = strlen(file) + (kind == NULL ? 0 : strlen(kind)) + strlen(quoted) +
           (key == NULL ? 0 : strlen(key)) + strlen(what) + 32;
    if ((out = OPENSSL_malloc(size)) != NULL)
        snprintf(out, size, "%s:%d: %s%s%s%s%s%s%s", file, pos.line, kind == NULL ? "" : kind,
                 quoted[0] == '\0' ? "" : " ", quoted, kind == NULL ? "" : ": ",
                 key == NULL ? "" : key, key == NULL ? "" : ": ", what);
    return out;
}

static void push_text(CMPSRV_CONF_ERRORS *e, char *text)
{
    char **v = OPENSSL_realloc(e->v, (e->n + 1) * sizeof(*v));

    if (v == NULL) {
        OPENSSL_free(text);
        return;
    }
    e->v = v;
    e->v[e->n++] = text;
}

void cmpsrv_conf_error(CMPSRV_CONF_ERRORS *e, CMPSRV_CONF_POS pos, const char *kind,
                       const char *name, const char *key, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = make_text(pos, kind, name, key, fmt, ap);
    va_end(ap);
    if (text != NULL)
        push_text(e, text);
}

void cmpsrv_conf_errors_clear(CMPSRV_CONF_ERRORS *e)
{
    for (size_t i = 0; i < e->n; i++)
        OPENSSL_free(e->v[i]);
    OPENSSL_free(e->v);
    *e = (CMPSRV_CONF_ERRORS){NULL, 0};
}

int cmpsrv_conf_complain(CONF_LOAD *l, CMPSRV_CONF_POS pos, const char *kind, const char *name,
                         const char *key, const char *fmt, ...)
{
    CONF_COMPLAINT *v = OPENSSL_realloc(l->complaints, (l->complaints_n + 1) * sizeof(*v));
    va_list ap;

    if (v == NULL) {
        l->no_memory = 1;
        return 0;
    }
    l->complaints = v;
    va_start(ap, fmt);
    v[l->complaints_n].text = make_text(pos, kind, name, key, fmt, ap);
    va_end(ap);
    v[l->complaints_n].pos = pos;
    if (v[l->complaints_n].text == NULL)
        l->no_memory = 1;
    else
        l->complaints_n++;
    return 0;
}

int cmpsrv_conf_wrong(const CONF_AT *at, const CONF_NODE *node, const char *fmt, ...)
{
    char what[640];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    return cmpsrv_conf_complain(at->load, node->pos, at->entry->section->name, at->entry->name,
                                at->row->key, "%s%s; allowed: %s", what,
                                node->is_default ? " (the default)" : "", at->row->type->allowed);
}

static int place_of(const CONF_LOAD *l, const char *file)
{
    int i = 0;

    for (const CONF_DOC *d = l->docs; d != NULL; d = d->next, i++)
        if (d->file == file)
            return i;
    return i;
}

static int is_before(const CONF_LOAD *l, CMPSRV_CONF_POS a, CMPSRV_CONF_POS b)
{
    int fa = place_of(l, a.file), fb = place_of(l, b.file);

    return fa != fb ? fa < fb : a.line < b.line;
}

/* By insertion: the lists are short, and equal lines keep the order in which they were found. */
void cmpsrv_conf_complaints_sort(CONF_LOAD *l, CMPSRV_CONF_ERRORS *out)
{
    CONF_COMPLAINT *v = l->complaints;

    for (size_t i = 1; i < l->complaints_n; i++) {
        CONF_COMPLAINT c = v[i];
        size_t j = i;

        for (; j > 0 && is_before(l, c.pos, v[j - 1].pos); j--)
            v[j] = v[j - 1];
        v[j] = c;
    }
    for (size_t i = 0; i < l->complaints_n; i++)
        push_text(out, v[i].text);
    OPENSSL_free(v);
    l->complaints = NULL;
    l->complaints_n = 0;
}
