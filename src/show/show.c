/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walker: reads octets by the tables of types. Each element is looked at once; what does not
 * fit its type is a damage with its offset, and the walk goes on behind it where the lengths still
 * allow that. Recursion follows the nesting of types and is bounded by SHOW_MAX_DEPTH.
 */
#include "config.h"

#include "show/show_local.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "wire/wire.h"

#define NO_OID cmpsrv_slice(NULL, 0)

const SHOW_TYPE show_any = {.kind = SHOW_ANY, .name = "ANY"};

/* ---- elements ----------------------------------------------------------------------------------
 */

/* Identifier and length at the start of `in`. NULL, or what is wrong; then *length is what it says
 * where it can be read all the same (*head > 0). */
static const char *read_head(CMPSRV_SLICE in, size_t *head, size_t *length)
{
    size_t n;

    *head = *length = 0;
    if ((in.p[0] & 0x1f) == 0x1f)
        return "a tag number above 30";
    if (in.n < 2)
        return "an element without a length";
    if (in.p[1] == 0x80)
        return "an indefinite length (BER)";
    if (in.p[1] < 0x80) {
        *head = 2;
        *length = in.p[1];
        return NULL;
    }
    n = in.p[1] & 0x7f;
    if (n > 4)
        return "a length of too many octets";
    if (n + 2 > in.n)
        return "cut off in the length";
    for (size_t i = 0; i < n; i++)
        *length = *length << 8 | in.p[2 + i];
    *head = 2 + n;
    return *length < 0x80 || in.p[2] == 0 ? "a length that is not minimal (BER)" : NULL;
}

/* The name of a remark about what stands under `name`. */
static void note(SHOW *s, const char *name, const char *suffix, CMPSRV_SLICE at, const char *what)
{
    char text[80];

    snprintf(text, sizeof(text), "%s_%s", name, suffix);
    show_damage(s, text, at, "%s", what);
}

int show_next(SHOW *s, const char *name, CMPSRV_SLICE *in, SHOW_ELEMENT *e)
{
    CMPSRV_SLICE all = *in;
    size_t head, length;
    const char *problem = read_head(all, &head, &length);
    char text[96];

    if (head == 0) {
        show_damage(s, name, all, "%s", problem);
        *in = cmpsrv_slice(all.p + all.n, 0);
        return 0;
    }
    if (length > all.n - head) { /* cut off: what is there is shown, and where it ends */
        s->is_cut = 1;
        if (!(all.p[0] & 0x20)) {
            snprintf(text, sizeof(text), "cut off: %zu octets of %zu", all.n - head, length);
            show_damage(s, name, all, "%s", text);
            *in = cmpsrv_slice(all.p + all.n, 0);
            return 0; /* a part of a value would be another value */
        }
        length = all.n - head;
    } else if (problem != NULL) {
        note(s, name, "length", cmpsrv_slice(all.p, head), problem);
    }
    e->tag = all.p[0];
    e->tlv = cmpsrv_slice(all.p, head + length);
    e->content = cmpsrv_slice(all.p + head, length);
    *in = cmpsrv_slice(all.p + head + length, all.n - head - length);
    return 1;
}

static const char *tag_name(int tag, char text[40])
{
    const SHOW_TYPE *t = show_universal(tag);

    if (tag == DER_SEQUENCE || tag == DER_SET)
        snprintf(text, 40, "%s", tag == DER_SET ? "SET" : "SEQUENCE");
    else if (t != NULL)
        snprintf(text, 40, "%s", t->name);
    else
        snprintf(text, 40, "tag %02x (%s[%d])", (unsigned)tag & 0xff,
                 (tag & 0xc0) == 0x80 ? "" : "class ", tag & 0x1f);
    return text;
}

static int field_accepts(const SHOW_FIELD *f, int tag);

static int type_accepts(const SHOW_TYPE *t, int tag)
{
    if (t->kind == SHOW_CHOICE) {
        for (const SHOW_FIELD *f = t->fields; f->name != NULL; f++)
            if (field_accepts(f, tag))
                return 1;
        return 0;
    }
    if (t->kind == SHOW_ANY || t->kind == SHOW_BY_OID)
        return 1;
    if (t->kind == SHOW_IN_OCTETS)
        return tag == DER_OCTET_STRING;
    return t->accepts != NULL ? t->accepts(tag) : tag == t->tag;
}

static int field_accepts(const SHOW_FIELD *f, int tag)
{
    return f->tag != 0 ? tag == f->tag : type_accepts(f->type, tag);
}

/* ---- types -------------------------------------------------------------------------------------
 */

static void show_content(SHOW *s, const char *name, const SHOW_TYPE *t, const SHOW_ELEMENT *e,
                         CMPSRV_SLICE oid);

/* What is left where one element belongs. */
static void show_rest(SHOW *s, const char *name, CMPSRV_SLICE rest)
{
    if (rest.n > 0)
        note(s, name, "rest", rest, "more than one element");
}

/* A tag of its own around the element, or in its place. */
static void show_field(SHOW *s, const char *name, const SHOW_FIELD *f, const SHOW_ELEMENT *e,
                       CMPSRV_SLICE oid)
{
    CMPSRV_SLICE inside = e->content;
    SHOW_ELEMENT inner;

    if (!(f->flags & SHOW_EXPLICIT)) {
        show_content(s, name, f->type, e, oid);
        return;
    }
    if (inside.n == 0) {
        show_damage(s, name, e->tlv, "nothing inside the explicit tag, want %s", f->type->name);
        return;
    }
    if (!show_next(s, name, &inside, &inner))
        return;
    show_element(s, name, f->type, &inner, oid);
    show_rest(s, name, inside);
}

/* Generic: the children of what no table describes. */
static void show_children(SHOW *s, const char *name, const SHOW_ELEMENT *e)
{
    CMPSRV_SLICE in = e->content;
    SHOW_ELEMENT child;

    if (!show_open(s, name, 1)) {
        show_damage(s, name, e->tlv, "nested too deep");
        return;
    }
    while (in.n > 0 && show_next(s, "element", &in, &child))
        show_element(s, "element", &show_any, &child, NO_OID);
    show_close(s);
}

static void show_unknown(SHOW *s, const char *name, const SHOW_ELEMENT *e)
{
    const SHOW_TYPE *t = show_universal(e->tag);
    char text[40];

    if (t != NULL)
        t->write(s, t, name, e);
    else if (e->tag & 0x20)
        show_children(s, name, e);
    else
        show_hex(s, name, e->content, tag_name(e->tag, text));
}

static void show_missing(SHOW *s, const SHOW_FIELD *f, const unsigned char *at)
{
    if (!(f->flags & SHOW_OPTIONAL) && !s->is_cut)
        show_damage(s, f->name, cmpsrv_slice(at, 0), "missing, want %s", f->type->name);
}

/* Which field the element is, from f on: what is OPTIONAL may be left out, and what is missing is
 * one damage. An element that none of them wants stands for f, damaged. */
static const SHOW_FIELD *find_field(SHOW *s, const SHOW_FIELD *f, const SHOW_ELEMENT *e)
{
    const SHOW_FIELD *g = f;

    while (g->name != NULL && !field_accepts(g, e->tag))
        g++;
    if (g->name == NULL)
        return NULL;
    for (; f != g; f++)
        show_missing(s, f, e->tlv.p);
    return g;
}

/* An element that does not belong: it stands for the next one that has to be there, which is
 * returned, or is one too many. */
static const SHOW_FIELD *show_stray(SHOW *s, const SHOW_FIELD *f, const SHOW_ELEMENT *e)
{
    char name[64], have[40];

    while (f->name != NULL && f->flags & SHOW_OPTIONAL)
        f++;
    if (f->name != NULL) {
        show_damage(s, f->name, e->tlv, "want %s, have %s", f->type->name, tag_name(e->tag, have));
        return f + 1;
    }
    snprintf(name, sizeof(name), "unexpected_%zu", (size_t)(e->tlv.p - s->base));
    show_damage(s, name, e->tlv, "%s where nothing more belongs", tag_name(e->tag, have));
    return f;
}

static void show_sequence(SHOW *s, const char *name, const SHOW_TYPE *t, const SHOW_ELEMENT *e)
{
    const SHOW_FIELD *f = t->fields, *found;
    CMPSRV_SLICE in = e->content, oid = NO_OID;
    SHOW_ELEMENT child;

    if (!show_open(s, name, 0)) {
        show_damage(s, name, e->tlv, "nested too deep");
        return;
    }
    while (in.n > 0 && show_next(s, f->name == NULL ? "rest" : f->name, &in, &child)) {
        if ((found = find_field(s, f, &child)) == NULL) {
            f = show_stray(s, f, &child);
            continue;
        }
        show_field(s, found->name, found, &child, oid);
        if (child.tag == DER_OID)
            oid = child.content;
        f = found + 1;
    }
    for (; f->name != NULL; f++)
        show_missing(s, f, e->content.p + e->content.n);
    if (t->after != NULL)
        t->after(s, t, e->content);
    show_close(s);
}

static void show_list(SHOW *s, const char *name, const SHOW_TYPE *t, const SHOW_ELEMENT *e,
                      CMPSRV_SLICE oid)
{
    CMPSRV_SLICE in = e->content;
    SHOW_ELEMENT child;

    if (!show_open(s, name, 1)) {
        show_damage(s, name, e->tlv, "nested too deep");
        return;
    }
    while (in.n > 0 && show_next(s, t->of->name, &in, &child))
        show_element(s, t->of->name, t->of, &child, oid);
    show_close(s);
}

static void show_choice(SHOW *s, const char *name, const SHOW_TYPE *t, const SHOW_ELEMENT *e,
                        CMPSRV_SLICE oid)
{
    const SHOW_FIELD *f = t->fields;

    while (f->name != NULL && !field_accepts(f, e->tag))
        f++;
    if (f->name == NULL || !show_open(s, name, 0)) {
        show_damage(s, name, e->tlv, f->name == NULL ? "no alternative of %s" : "nested too deep",
                    t->name);
        return;
    }
    show_field(s, f->name, f, e, oid);
    show_close(s);
}

static const SHOW_TYPE *type_of_oid(const SHOW_TYPE *t, CMPSRV_SLICE oid)
{
    char dotted[128];

    if (oid.p == NULL)
        return &show_any;
    cmpsrv_der_oid_text(oid, dotted, sizeof(dotted));
    for (const SHOW_OID_TYPE *row = t->oids; row->oid != NULL; row++)
        if (strcmp(row->oid, dotted) == 0)
            return row->type;
    return &show_any;
}

/* What an extension's OCTET STRING holds; of an unknown one, its octets. */
static void show_in_octets(SHOW *s, const char *name, const SHOW_TYPE *t, const SHOW_ELEMENT *e,
                           CMPSRV_SLICE oid)
{
    const SHOW_TYPE *inner = type_of_oid(t, oid);
    CMPSRV_SLICE in = e->content;
    SHOW_ELEMENT child;

    if (inner == &show_any) {
        show_hex(s, name, in, NULL);
        return;
    }
    if (in.n == 0) {
        show_damage(s, name, in, "nothing inside, want %s", inner->name);
        return;
    }
    if (!show_next(s, name, &in, &child))
        return;
    show_element(s, name, inner, &child, NO_OID);
    show_rest(s, name, in);
}

static void show_content(SHOW *s, const char *name, const SHOW_TYPE *t, const SHOW_ELEMENT *e,
                         CMPSRV_SLICE oid)
{
    switch (t->kind) {
    case SHOW_SEQUENCE:
        show_sequence(s, name, t, e);
        break;
    case SHOW_SEQUENCE_OF:
    case SHOW_SET_OF:
        show_list(s, name, t, e, oid);
        break;
    case SHOW_CHOICE:
        show_choice(s, name, t, e, oid);
        break;
    case SHOW_LEAF:
        t->write(s, t, name, e);
        break;
    case SHOW_ANY:
        show_unknown(s, name, e);
        break;
    case SHOW_BY_OID:
        show_element(s, name, type_of_oid(t, oid), e, oid);
        break;
    case SHOW_IN_OCTETS:
        show_in_octets(s, name, t, e, oid);
        break;
    }
}

void show_element(SHOW *s, const char *name, const SHOW_TYPE *t, const SHOW_ELEMENT *e,
                  CMPSRV_SLICE oid)
{
    char have[40];

    if (!type_accepts(t, e->tag))
        show_damage(s, name, e->tlv, "want %s, have %s", t->name, tag_name(e->tag, have));
    else
        show_content(s, name, t, e, oid);
}

/* ---- the message -------------------------------------------------------------------------------
 */

static void show_party(SHOW *s, const char *name, CMPSRV_SLICE dn, CMPSRV_SLICE any)
{
    char *text = dn.p == NULL ? NULL : cmpsrv_name_text(dn);

    if (any.p != NULL)
        show_text(s, name,
                  text == NULL      ? "(not a directoryName)"
                  : text[0] == '\0' ? "NULL-DN"
                                    : text);
    OPENSSL_free(text);
}

/* What people look at first, as far as it can be read. */
static void show_summary(SHOW *s, CMPSRV_SLICE der)
{
    static const char *const kinds[] = {"none", "MAC", "signature"};
    CMPSRV_PKIMSG msg;
    char tid[2 * CMPSRV_MAX_TRANSACTION_ID + 1];
    CMPSRV_PROTECTION kind = CMPSRV_PROTECTION_NONE;

    if (!show_open(s, "summary", 0))
        return;
    cmpsrv_pkimsg_parse(der, &msg, NULL);
    if (msg.body_type >= 0)
        show_text(s, "message", cmpsrv_body_name(msg.body_type));
    show_party(s, "from", msg.sender_dn, msg.sender);
    show_party(s, "to", msg.recipient_dn, msg.recipient);
    if (msg.transaction_id.p != NULL)
        show_text(s, "transactionID", cmpsrv_hex(msg.transaction_id, tid, sizeof(tid)));
    if (msg.protection_alg.p != NULL)
        kind = cmpsrv_protection_kind(msg.protection_alg);
    show_text(s, "protection",
              msg.protection.p == NULL && msg.header.p != NULL ? "none" : kinds[kind]);
    show_close(s);
}

size_t cmpsrv_show_message(CMPSRV_SLICE der, int json, CMPSRV_JSON *out)
{
    SHOW s = {.out = out, .json = json, .base = der.p};
    CMPSRV_SLICE in = der;
    SHOW_ELEMENT e;

    if (!show_open(&s, NULL, 0))
        return 1;
    show_summary(&s, der);
    if (der.n == 0)
        show_damage(&s, "message", der, "no octets");
    else if (show_next(&s, "message", &in, &e)) {
        show_element(&s, "message", &show_pki_message, &e, NO_OID);
        if (in.n > 0)
            show_damage(&s, "rest", in, "%zu octets behind the message", in.n);
    }
    if (s.is_cut && s.damaged == 0)
        show_damage(&s, "end", cmpsrv_slice(der.p + der.n, 0), "cut off between two elements");
    if (s.damaged > 0) {
        char n[24];

        snprintf(n, sizeof(n), "%zu", s.damaged);
        show_raw(&s, "damaged_places", n);
    }
    show_close(&s);
    return s.damaged;
}
