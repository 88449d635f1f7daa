/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of end entities, and what is nobody else's among their certificates: who may, and what
 * two that decided at the same time get. */
#include "config.h"

#include "rows.h"

/* A row of "device" in a new change, as RA mode makes it: without a code. */
static CMPSRV_CHANGE *add_device(CMPSRV_CHANGES *c, CMPSRV_CHANGE_TYPE type, const char *alias,
                                 const char *profile)
{
    CMPSRV_CHANGE *ch = cmpsrv_changes_add(c, type);
    CMPSRV_END_ENTITY_ROW *e = &ch->u.entity;

    strcpy(e->name, "device");
    cmpsrv_bytes_set(&e->subject, cmpsrv_slice("\x30\x00", 2));
    memset(e->subject_hash, 's', CMPSRV_HASH);
    memcpy(e->ca_id, CA, CMPSRV_HASH);
    strcpy(e->end_entity_profile, profile);
    strcpy(e->certificate_profile, "ENDUSER");
    strcpy(e->alias, alias);
    e->status = CMPSRV_ENTITY_GENERATED;
    e->updated_at = 1000;
    return ch;
}

static void set_code(CMPSRV_CHANGE *ch, const char *code)
{
    ch->u.entity.code_kind = CMPSRV_CODE_CLEAR;
    cmpsrv_bytes_set(&ch->u.entity.code, cmpsrv_slice_str(code));
}

/* An operator's, with a code for `remaining` certificates. */
static void insert_device(CMPSRV_STORE *s, int status, int64_t remaining)
{
    CMPSRV_CHANGES c = {0};
    CMPSRV_CHANGE *ch = add_device(&c, CMPSRV_CHANGE_ENTITY_INSERT, "", "EMPTY");

    ch->u.entity.status = status;
    ch->u.entity.remaining = remaining;
    set_code(ch, "sealed");
    cmpsrv_bytes_set(&ch->u.entity.san, cmpsrv_slice_str("names"));
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
}

/* Whether `where` is true of the device. */
static int device_is(const PLACE *p, const char *where)
{
    char sql[512];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM end_entity WHERE name = 'device' AND %s",
             where);
    return ask(p, sql) == 1;
}

static void test_entity_row(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};
    CMPSRV_END_ENTITY_ROW got = {0};
    CMPSRV_CHANGE *ch;

    insert_device(s, CMPSRV_ENTITY_NEW, 3);
    CU_ASSERT(tamper(p.path, "UPDATE end_entity SET attempts = 7"));
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_entity_get(s, "device", &got, NULL), 1);
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&got.san), cmpsrv_slice_str("names")));
    CU_ASSERT(got.alias[0] == '\0' && got.attempts == 7 && got.remaining == 3);
    cmpsrv_end_entity_row_clear(&got);
    /* what an operator changes is the whole row */
    ch = add_device(&c, CMPSRV_CHANGE_ENTITY_UPDATE, "factory", "OTHER");
    ch->u.entity_seen = 1000;
    ch->u.entity.updated_at = 1001;
    ch->u.entity.remaining = -1;
    ch->u.entity.attempts = 2;
    cmpsrv_bytes_set(&ch->u.entity.san, cmpsrv_slice_str("others"));
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_entity_get(s, "device", &got, NULL), 1);
    CU_ASSERT(cmpsrv_slice_eq(cmpsrv_bytes_slice(&got.san), cmpsrv_slice_str("others")));
    CU_ASSERT_STRING_EQUAL(got.alias, "factory");
    CU_ASSERT(got.attempts == 2 && got.remaining == -1 && got.code.p == NULL);
    cmpsrv_end_entity_row_clear(&got);
    cmpsrv_store_free(s);
    place_free(&p);
}

static CMPSRV_COMMIT upsert(CMPSRV_STORE *s, const char *alias, const char *profile,
                            const char *from_alias, const char *from_profile)
{
    CMPSRV_CHANGES c = {0};
    CMPSRV_CHANGE *ch = add_device(&c, CMPSRV_CHANGE_ENTITY_UPSERT, alias, profile);

    if (from_alias != NULL) {
        strcpy(ch->u.entity_from.alias, from_alias);
        strcpy(ch->u.entity_from.end_entity_profile, from_profile);
        memcpy(ch->u.entity_from.ca_id, CA, CMPSRV_HASH);
    }
    return commit(s, &c);
}

/* An alias has its own end entities; another's only as the row that was decided on. */
static void test_upsert_owner(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p), *other = open_at(p.url, NULL);
    CMPSRV_CHANGES c = {0};
    CMPSRV_REFUSAL why = {0};

    CU_ASSERT_EQUAL(upsert(s, "factory", "EMPTY", NULL, NULL), CMPSRV_COMMIT_DONE);
    CU_ASSERT(device_is(&p, "alias = 'factory' AND remaining = 0 AND code_kind = 0"));
    CU_ASSERT_EQUAL(upsert(other, "factory", "EMPTY", NULL, NULL), CMPSRV_COMMIT_DONE);
    CU_ASSERT(device_is(&p, "updated_at = 1001")); /* moves within a millisecond, too */
    add_device(&c, CMPSRV_CHANGE_ENTITY_UPSERT, "lab", "EMPTY");
    CU_ASSERT_EQUAL(cmpsrv_store_commit(other, &c, &why), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_NONE);
    cmpsrv_changes_clear(&c);
    CU_ASSERT_EQUAL(upsert(other, "factory", "OTHER", NULL, NULL), CMPSRV_COMMIT_CONFLICT);
    memset(add_device(&c, CMPSRV_CHANGE_ENTITY_UPSERT, "factory", "EMPTY")->u.entity.ca_id, 9, 32);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT(device_is(&p, "alias = 'factory' AND end_entity_profile = 'EMPTY'"));
    /* decided on what was there: by then it is another's */
    CU_ASSERT_EQUAL(upsert(s, "lab", "OTHER", "factory", "EMPTY"), CMPSRV_COMMIT_DONE);
    CU_ASSERT(device_is(&p, "alias = 'lab' AND end_entity_profile = 'OTHER'"));
    CU_ASSERT_EQUAL(upsert(other, "third", "OTHER", "factory", "EMPTY"), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(upsert(other, "third", "OTHER", "lab", "EMPTY"), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(upsert(other, "third", "OTHER", "factory", "OTHER"), CMPSRV_COMMIT_CONFLICT);
    strcpy(add_device(&c, CMPSRV_CHANGE_ENTITY_UPSERT, "third", "OTHER")->u.entity_from.alias,
           "lab");
    strcpy(c.v[0].u.entity_from.end_entity_profile, "OTHER");
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_CONFLICT); /* was of another CA */
    CU_ASSERT(device_is(&p, "alias = 'lab' AND end_entity_profile = 'OTHER'"));
    CU_ASSERT_EQUAL(upsert(other, "third", "EMPTY", "lab", "OTHER"), CMPSRV_COMMIT_DONE);
    CU_ASSERT(device_is(&p, "alias = 'third' AND end_entity_profile = 'EMPTY'"));
    cmpsrv_store_free(other);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* What was registered before RA mode came: its code goes with ERASE and not before, its names stay.
 */
static void test_upsert_code(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};
    CMPSRV_CHANGE *ch;

    insert_device(s, CMPSRV_ENTITY_NEW, -1);
    CU_ASSERT(tamper(p.path, "UPDATE end_entity SET attempts = 7"));
    CU_ASSERT_EQUAL(upsert(s, "factory", "EMPTY", "", "EMPTY"), CMPSRV_COMMIT_DONE);
    CU_ASSERT(device_is(&p, "code = x'7365616c6564' AND code_kind = 1 AND remaining = 0 AND"
                            " status = 40 AND attempts = 0 AND san IS NULL"));
    strcpy(cmpsrv_changes_add(&c, CMPSRV_CHANGE_ENTITY_ERASE)->u.entity.name, "device");
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT(device_is(&p, "code IS NULL AND code_kind = 0 AND remaining = 0"));
    /* one that brings a code */
    ch = add_device(&c, CMPSRV_CHANGE_ENTITY_UPSERT, "factory", "EMPTY");
    ch->u.entity.status = CMPSRV_ENTITY_NEW;
    ch->u.entity.remaining = -1;
    set_code(ch, "another");
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT(device_is(&p, "code = x'616e6f74686572' AND code_kind = 1 AND remaining IS NULL"
                            " AND status = 10"));
    cmpsrv_store_free(s);
    place_free(&p);
}

/* One certificate of the device: `remaining` and `status` as in the change. */
static CMPSRV_COMMIT use(CMPSRV_STORE *s, int64_t remaining, int status)
{
    CMPSRV_CHANGES c = {0};
    CMPSRV_END_ENTITY_ROW *e = &cmpsrv_changes_add(&c, CMPSRV_CHANGE_ENTITY_USE)->u.entity;

    strcpy(e->name, "device");
    e->updated_at = 1000;
    e->remaining = remaining;
    e->status = status;
    return commit(s, &c);
}

static void test_use(void)
{
    static const struct {
        int status;
        int64_t remaining; /* of the row */
        int64_t counted;
        int renews;
        CMPSRV_COMMIT outcome;
        const char *after;
    } rows[] = {
        {10, 2, 0, 0, CMPSRV_COMMIT_DONE, "remaining = 1 AND status = 10"},
        {11, 1, 0, 0, CMPSRV_COMMIT_DONE, "remaining = 0 AND status = 40"},
        {30, -1, 0, 0, CMPSRV_COMMIT_DONE, "remaining IS NULL AND status = 30"},
        {10, 0, 0, 0, CMPSRV_COMMIT_CONFLICT, "remaining = 0 AND status = 10"},
        {40, 2, 0, 0, CMPSRV_COMMIT_CONFLICT, "remaining = 2 AND status = 40"},
        /* finish_user: no */
        {10, 1, -1, 0, CMPSRV_COMMIT_DONE, "remaining = 1 AND status = 10"},
        {70, -1, -1, 0, CMPSRV_COMMIT_DONE, "remaining IS NULL AND status = 70"},
        {10, 0, -1, 0, CMPSRV_COMMIT_CONFLICT, "remaining = 0 AND status = 10"},
        {50, 1, -1, 0, CMPSRV_COMMIT_CONFLICT, "remaining = 1 AND status = 50"},
        /* a renewal */
        {40, 0, 0, 1, CMPSRV_COMMIT_DONE, "remaining = 0 AND status = 40"},
        {40, 2, 0, 1, CMPSRV_COMMIT_DONE, "remaining = 2 AND status = 40"},
        {40, -1, -1, 1, CMPSRV_COMMIT_DONE, "remaining IS NULL AND status = 40"},
        {10, 1, 0, 1, CMPSRV_COMMIT_CONFLICT, "remaining = 1 AND status = 10"},
        {60, 0, 0, 1, CMPSRV_COMMIT_CONFLICT, "remaining = 0 AND status = 60"},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(rows); i++) {
        PLACE p;
        CMPSRV_STORE *s = open_new(&p);
        CMPSRV_COMMIT out;

        insert_device(s, rows[i].status, rows[i].remaining);
        CU_ASSERT(tamper(p.path, "UPDATE end_entity SET attempts = 5"));
        out = use(s, rows[i].counted, rows[i].renews ? CMPSRV_ENTITY_GENERATED : 0);
        if (out != rows[i].outcome || !device_is(&p, rows[i].after))
            fprintf(stderr, "use, row %zu\n", i);
        CU_ASSERT_EQUAL(out, rows[i].outcome);
        CU_ASSERT(device_is(&p, rows[i].after));
        CU_ASSERT(device_is(&p, out == CMPSRV_COMMIT_DONE ? "attempts = 0 AND updated_at = 1001"
                                                          : "attempts = 5 AND updated_at = 1000"));
        cmpsrv_store_free(s);
        place_free(&p);
    }
}

/* Two that were decided on the same last certificate: one of them has it. */
static void test_use_races(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p), *other = open_at(p.url, NULL);

    insert_device(s, CMPSRV_ENTITY_NEW, 1);
    CU_ASSERT_EQUAL(use(s, 0, 0), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(use(other, 0, 0), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(use(other, 0, CMPSRV_ENTITY_GENERATED), CMPSRV_COMMIT_DONE);
    cmpsrv_store_free(other);
    cmpsrv_store_free(s);
    place_free(&p);
}

static CMPSRV_COMMIT count(CMPSRV_STORE *s, const char *name, int64_t n, int64_t seen)
{
    CMPSRV_CHANGES c = {0};
    CMPSRV_END_ENTITY_ROW *e = &cmpsrv_changes_add(&c, CMPSRV_CHANGE_ENTITY_ATTEMPTS)->u.entity;

    strcpy(e->name, name);
    e->updated_at = seen;
    e->attempts = n;
    return commit(s, &c);
}

/* Counts add up whoever brings them, and stand in nobody's way. */
static void test_attempts(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p), *other = open_at(p.url, NULL);
    CMPSRV_END_ENTITY_ROW got = {0};

    insert_device(s, CMPSRV_ENTITY_NEW, 1);
    CU_ASSERT_EQUAL(count(s, "device", 3, 1000), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(count(other, "device", 4, 1000), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(count(other, "nobody", 1, 1000), CMPSRV_COMMIT_DONE);
    /* of a row that somebody has changed since */
    CU_ASSERT_EQUAL(count(other, "device", 9, 999), CMPSRV_COMMIT_DONE);
    CU_ASSERT(device_is(&p, "attempts = 7 AND updated_at = 1000"));
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM end_entity"), 1);
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_entity_get(s, "device", &got, NULL), 1);
    CU_ASSERT_EQUAL(got.attempts, 7);
    cmpsrv_end_entity_row_clear(&got);
    cmpsrv_store_free(other);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* ---- what nobody else may have -----------------------------------------------------------------
 */

/* Certificate number id of an end entity, with a key and a subject by number. */
static CMPSRV_COMMIT issue_unique(CMPSRV_STORE *s, unsigned id, const char *entity, unsigned key,
                                  unsigned subject, unsigned unique)
{
    CMPSRV_CHANGES c = {0};
    CMPSRV_REFUSAL why = {0};
    CMPSRV_CERT_ROW *r = add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, id);
    CMPSRV_COMMIT out;

    strcpy(r->end_entity, entity);
    r->status = CMPSRV_CERT_ACTIVE;
    number_to(r->spki_hash, CMPSRV_HASH_KEPT, key);
    number_to(r->subject_hash, CMPSRV_HASH_KEPT, subject);
    c.v[0].u.cert_unique = unique;
    out = cmpsrv_store_commit(s, &c, &why);
    CU_ASSERT_EQUAL(why.reason, CMPSRV_R_NONE);
    cmpsrv_changes_clear(&c);
    return out;
}

/* What somebody else than `entity` has of key and subject, -1 the store failed. */
static int taken(CMPSRV_STORE *s, const unsigned char *ca_id, const char *entity, unsigned key,
                 unsigned subject, unsigned unique)
{
    CMPSRV_CERT_ROW like = {0};
    unsigned bits = 99;
    int ok;

    strcpy(like.end_entity, entity);
    number_to(like.spki_hash, CMPSRV_HASH_KEPT, key);
    number_to(like.subject_hash, CMPSRV_HASH_KEPT, subject);
    ok = cmpsrv_store_cert_taken(s, ca_id, unique, &like, &bits, NULL);
    return ok == 1 ? (int)bits : ok;
}

enum { KEY = CMPSRV_UNIQUE_KEY, SUBJECT = CMPSRV_UNIQUE_SUBJECT };

static void test_taken(void)
{
    static const unsigned char other_ca[CMPSRV_HASH] = "another CA";
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_CHANGES c = {0};

    CU_ASSERT_EQUAL(issue_unique(s, 1, "ann", 1, 1, 0), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 1, 1, KEY | SUBJECT), KEY | SUBJECT);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 1, 1, KEY), KEY);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 1, 1, SUBJECT), SUBJECT);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 1, 1, 0), 0);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 1, 2, KEY | SUBJECT), KEY);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 2, 1, KEY | SUBJECT), SUBJECT);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 2, 2, KEY | SUBJECT), 0);
    CU_ASSERT_EQUAL(taken(s, CA, "ann", 1, 1, KEY | SUBJECT), 0);
    CU_ASSERT_EQUAL(taken(s, other_ca, "bob", 1, 1, KEY | SUBJECT), 0);
    /* her second one does not hide that the first is hers */
    CU_ASSERT_EQUAL(issue_unique(s, 2, "bob", 1, 2, 0), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(taken(s, CA, "ann", 1, 1, KEY | SUBJECT), KEY);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 1, 1, KEY | SUBJECT), KEY | SUBJECT);
    add_status(&c, 1, CMPSRV_CERT_ACTIVE, CMPSRV_CERT_HOLD);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 1, 1, SUBJECT), SUBJECT); /* on hold is still hers */
    add_status(&c, 1, CMPSRV_CERT_HOLD, CMPSRV_CERT_REVOKED);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(taken(s, CA, "bob", 1, 1, KEY | SUBJECT), 0);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* Decided when nobody had it, written when somebody has. */
static void test_unique_races(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p), *other = open_at(p.url, NULL);
    CMPSRV_CHANGES c = {0};

    CU_ASSERT_EQUAL(taken(s, CA, "ann", 1, 1, KEY | SUBJECT), 0);
    CU_ASSERT_EQUAL(taken(other, CA, "bob", 1, 1, KEY | SUBJECT), 0);
    CU_ASSERT_EQUAL(issue_unique(s, 1, "ann", 1, 1, KEY | SUBJECT), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(issue_unique(other, 2, "bob", 1, 2, KEY), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(issue_unique(other, 2, "bob", 2, 1, SUBJECT), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(issue_unique(other, 2, "bob", 2, 1, KEY | SUBJECT), CMPSRV_COMMIT_CONFLICT);
    CU_ASSERT_EQUAL(ask(&p, "SELECT count(*) FROM certificate"), 1);
    CU_ASSERT_EQUAL(issue_unique(other, 2, "bob", 2, 1, KEY), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(issue_unique(other, 3, "bob", 1, 3, SUBJECT), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(issue_unique(other, 4, "cyd", 4, 4, KEY | SUBJECT), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(issue_unique(s, 5, "cyd", 4, 4, KEY | SUBJECT), CMPSRV_COMMIT_DONE);
    add_status(&c, 4, CMPSRV_CERT_ACTIVE, CMPSRV_CERT_REVOKED);
    add_status(&c, 5, CMPSRV_CERT_ACTIVE, CMPSRV_CERT_REVOKED);
    CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
    CU_ASSERT_EQUAL(issue_unique(other, 6, "bob", 4, 4, KEY | SUBJECT), CMPSRV_COMMIT_DONE);
    cmpsrv_store_free(other);
    cmpsrv_store_free(s);
    place_free(&p);
}

static int is_any(void *arg, const CMPSRV_END_ENTITY_ROW *row)
{
    (void)arg;
    (void)row;
    return 1;
}

/* By the whole hash: one that only begins so is somebody else's. */
static void test_by_subject(void)
{
    PLACE p;
    CMPSRV_STORE *s = open_new(&p);
    CMPSRV_END_ENTITY_ROW e = {.status = 0};
    unsigned char hash[CMPSRV_HASH];

    insert_device(s, CMPSRV_ENTITY_NEW, 1);
    memset(hash, 's', sizeof(hash));
    CU_ASSERT_EQUAL_FATAL(cmpsrv_store_entity_by_subject(s, hash, is_any, NULL, &e, NULL), 1);
    CU_ASSERT_STRING_EQUAL(e.name, "device");
    cmpsrv_end_entity_row_clear(&e);
    hash[CMPSRV_HASH - 1] ^= 1;
    CU_ASSERT_EQUAL(cmpsrv_store_entity_by_subject(s, hash, is_any, NULL, &e, NULL), 0);
    cmpsrv_store_free(s);
    place_free(&p);
}

/* ---- the subject of a certificate, which is its end entity's until that has another ------------
 */

static void set_entity(CMPSRV_END_ENTITY_ROW *e, unsigned subject, int64_t at)
{
    strcpy(e->name, "ann");
    strcpy(e->end_entity_profile, "EMPTY");
    cmpsrv_bytes_set(&e->subject, cmpsrv_slice("\x30\x00", 2));
    memset(e->subject_hash, 0, CMPSRV_HASH);
    number_to(e->subject_hash, CMPSRV_HASH_KEPT, subject);
    e->status = CMPSRV_ENTITY_GENERATED;
    e->updated_at = at;
}

/* Of ann's certificate, number 1. */
static unsigned subject_of(CMPSRV_STORE *s)
{
    CMPSRV_CERT_ROW row = {0};
    unsigned char serial[20];
    unsigned subject;

    number_to(serial, 20, 1);
    CU_ASSERT_EQUAL(cmpsrv_store_cert_get(s, CA, cmpsrv_slice(serial, 20), &row, NULL), 1);
    subject = row.subject_hash[CMPSRV_HASH_KEPT - 1];
    cmpsrv_cert_row_clear(&row);
    return subject;
}

static int is_unconfirmed(CMPSRV_STORE *s, unsigned subject)
{
    unsigned char identity[CMPSRV_HASH], key[CMPSRV_HASH] = {0}, hash[CMPSRV_HASH] = {0};
    CMPSRV_CERT_ROW row = {0};
    int found;

    memset(identity, 'i', sizeof(identity));
    number_to(key, CMPSRV_HASH_KEPT, 1);
    number_to(hash, CMPSRV_HASH_KEPT, subject);
    found = cmpsrv_store_cert_unconfirmed(s, "factory", CA, identity, key, hash, 1, &row, NULL);
    cmpsrv_cert_row_clear(&row);
    return found;
}

/* A change of the end entity, and what the certificate's subject is after it. */
static void test_subject_kept(void)
{
    static const CMPSRV_CHANGE_TYPE types[] = {
        CMPSRV_CHANGE_ENTITY_UPSERT, CMPSRV_CHANGE_ENTITY_UPDATE, CMPSRV_CHANGE_ENTITY_DELETE};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(types); i++) {
        PLACE p;
        CMPSRV_STORE *s = open_new(&p);
        CMPSRV_CHANGES c = {0};
        CMPSRV_CERT_ROW *r;
        CMPSRV_CHANGE *ch;

        set_entity(&cmpsrv_changes_add(&c, CMPSRV_CHANGE_ENTITY_UPSERT)->u.entity, 7, 100);
        r = add_cert(&c, CMPSRV_CHANGE_CERT_INSERT, 1);
        strcpy(r->end_entity, "ann");
        number_to(r->subject_hash, CMPSRV_HASH_KEPT, 7);
        add_txn(&c, CMPSRV_CHANGE_TXN_INSERT, 1, 1);
        CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
        CU_ASSERT_EQUAL(ask(&p, "SELECT length(subject_hash) FROM certificate"), 0);
        set_entity(&cmpsrv_changes_add(&c, CMPSRV_CHANGE_ENTITY_UPSERT)->u.entity, 7, 101);
        CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE); /* the same */
        for (int changed = 0; changed < 2; changed++) {
            CU_ASSERT_EQUAL(ask(&p, "SELECT length(subject_hash) FROM certificate"), 16 * changed);
            CU_ASSERT_EQUAL(subject_of(s), 7);
            CU_ASSERT_EQUAL(taken(s, CA, "bob", 2, 7, SUBJECT), SUBJECT);
            CU_ASSERT_EQUAL(taken(s, CA, "ann", 2, 7, SUBJECT), 0);
            CU_ASSERT_EQUAL(taken(s, CA, "bob", 2, 8, SUBJECT), 0);
            CU_ASSERT_EQUAL(is_unconfirmed(s, 7), 1);
            CU_ASSERT_EQUAL(is_unconfirmed(s, 8), 0);
            if (changed == 0) {
                ch = cmpsrv_changes_add(&c, types[i]);
                set_entity(&ch->u.entity, 8, 102);
                ch->u.entity_seen = 101;
                CU_ASSERT_EQUAL(commit(s, &c), CMPSRV_COMMIT_DONE);
            }
        }
        cmpsrv_store_free(s);
        place_free(&p);
    }
}

TEST_MAIN("entity", TEST(test_entity_row), TEST(test_upsert_owner), TEST(test_upsert_code),
          TEST(test_use), TEST(test_use_races), TEST(test_attempts), TEST(test_taken),
          TEST(test_unique_races), TEST(test_by_subject), TEST(test_subject_kept))
