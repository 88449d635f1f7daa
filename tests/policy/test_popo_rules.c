/* SPDX-License-Identifier: Apache-2.0 */
/* By what proof of possession is judged: who may say raVerified, whose name poposkInput must have.
 */
#include "config.h"

#include "world.h"

#include "policy/policy_local.h"

static int same(CMPSRV_SLICE a, CMPSRV_SLICE b)
{
    return a.p == b.p && a.n == b.n;
}

static void test_ra_verified(void)
{
    static const CMPSRV_CONF_RA row = {.name = (char *)"ra"};
    static const struct {
        CMPSRV_IDENTITY id;
        int is_absent, may; /* without the alias's leave */
    } t[] = {
        {{.proven = 1, .is_ra = 1, .kind = CMPSRV_PROTECTION_SIGNATURE}, 0, 1},
        {{.proven = 1, .is_ra = 1, .ra = &row, .kind = CMPSRV_PROTECTION_SIGNATURE}, 0, 1},
        {{.proven = 1, .is_ra = 1, .kind = CMPSRV_PROTECTION_MAC}, 0, 0},
        {{.proven = 1, .is_ra = 1, .kind = CMPSRV_PROTECTION_NONE}, 0, 0},
        {{.proven = 1, .kind = CMPSRV_PROTECTION_SIGNATURE, .entity = "device"}, 0, 0},
        {{.proven = 1, .ra = &row, .kind = CMPSRV_PROTECTION_SIGNATURE}, 0, 0},
        {{.is_ra = 1, .kind = CMPSRV_PROTECTION_SIGNATURE}, 0, 0},
        {{0}, 1, 0},
    };

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(t); i++)
        for (int leave = 0; leave < 2; leave++) {
            CMPSRV_CONF_ALIAS alias = {.ra_mode = 1, .allow_ra_verified = leave};
            CMPSRV_TARGET target = {.alias = &alias};
            CMPSRV_CERT_REQUEST request = {0};
            CMPSRV_POLICY_INPUT in = {.target = &target,
                                      .request = &request,
                                      .identity = t[i].is_absent ? NULL : &t[i].id};
            CMPSRV_MAC_POLICY macs;

            CU_ASSERT_EQUAL(cmpsrv_popo_rules(&in, &macs).allow_ra_verified, leave || t[i].may);
        }
}

static void test_what_is_handed_on(void)
{
    CMPSRV_CONF_ALIAS alias = {.signature_digests = 20,
                               .popo_input_identical = 1,
                               .macs = 4,
                               .pbm_owf = 8,
                               .pbm_iterations = {100, 200},
                               .pbmac1_iterations = {300, 400}};
    CMPSRV_TARGET target = {.alias = &alias};
    CMPSRV_CERT_REQUEST request = {0};
    CMPSRV_SECRET *secret = cmpsrv_secret_new("x", 1);
    CMPSRV_POLICY_INPUT in = {.target = &target, .request = &request, .secret = secret, .pvno = 3};
    CMPSRV_MAC_POLICY macs;
    CMPSRV_POPO_RULES rules = cmpsrv_popo_rules(&in, &macs);

    CU_ASSERT(rules.digests == 20 && rules.input_identical == 1 && rules.secret == secret);
    CU_ASSERT(rules.pvno == 3 && rules.macs == &macs);
    CU_ASSERT(macs.macs == 4 && macs.pbm_owf == 8);
    CU_ASSERT(macs.pbm_iterations_min == 100 && macs.pbm_iterations_max == 200);
    CU_ASSERT(macs.pbmac1_iterations_min == 300 && macs.pbmac1_iterations_max == 400);
    alias.popo_input_identical = 0;
    in.secret = NULL;
    rules = cmpsrv_popo_rules(&in, &macs);
    CU_ASSERT(rules.input_identical == 0 && rules.secret == NULL);
    cmpsrv_secret_free(secret);
}

/* RA mode: the device that is asked for, never the RA. Client mode: the end entity, never what the
 * template says. An empty name is nobody's. */
static void test_senders(void)
{
    struct world w;
    CMPSRV_MAC_POLICY macs;
    CMPSRV_POPO_RULES rules;
    CMPSRV_SLICE signer = S("\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03"
                            "old");

    begin(&w);
    w.in.signer_subject = signer;
    rules = cmpsrv_popo_rules(&w.in, &macs);
    CU_ASSERT(same(rules.senders[0], w.req.subject) && rules.senders[1].p == NULL);
    w.req.subject = S("\x30\x00");
    rules = cmpsrv_popo_rules(&w.in, &macs);
    CU_ASSERT(rules.senders[0].p == NULL && rules.senders[1].p == NULL);
    be_entity(&w, "device", "CN=registered");
    set_subject(&w, "CN=asked");
    rules = cmpsrv_popo_rules(&w.in, &macs);
    CU_ASSERT(same(rules.senders[0], cmpsrv_bytes_slice(&w.row.subject)));
    CU_ASSERT(same(rules.senders[1], signer));
    w.in.signer_subject = S("\x30\x00");
    CU_ASSERT_FATAL(cmpsrv_bytes_set(&w.row.subject, S("\x30\x00")));
    rules = cmpsrv_popo_rules(&w.in, &macs);
    CU_ASSERT(rules.senders[0].p == NULL && rules.senders[1].p == NULL);
    end(&w);
}

static void test_indirect(void)
{
    for (int kind = CMPSRV_POP_ABSENT; kind <= CMPSRV_POP_PKCS10; kind++)
        for (int method = CMPSRV_POP_THIS_MESSAGE; method <= CMPSRV_POP_ENCRYPTED_KEY; method++) {
            CMPSRV_CERT_REQUEST r = {.pop = (CMPSRV_POP_KIND)kind,
                                     .pop_method = (CMPSRV_POP_METHOD)method};
            int by_key = kind == CMPSRV_POP_KEY_ENCIPHERMENT || kind == CMPSRV_POP_KEY_AGREEMENT;

            CU_ASSERT_EQUAL(cmpsrv_popo_is_indirect(&r), by_key && method == CMPSRV_POP_ENCR_CERT);
        }
}

/* A signature is proof enough. */
static void test_direct_decision(void)
{
    struct world w;
    CMPSRV_DECISION *d;

    begin(&w);
    w.req.pop_method = CMPSRV_POP_ENCR_CERT; /* of another kind of proof */
    d = decide(&w);
    CU_ASSERT_EQUAL(d->must_decrypt, 0);
    cmpsrv_decision_free(d);
    end(&w);
}

TEST_MAIN("popo_rules", TEST(test_ra_verified), TEST(test_what_is_handed_on), TEST(test_senders),
          TEST(test_indirect), TEST(test_direct_decision))
