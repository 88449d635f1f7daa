/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of several files: merging, globs, relative paths, cycles, and errors that name the
 * right file. */
#include "config.h"

#include <sys/stat.h>

#include "conf_test.h"

static void make_subdir(const char *name)
{
    char full[128];

    make_dir();
    snprintf(full, sizeof(full), "%s/%s", dir, name);
    mkdir(full, 0700);
}

static void test_merge(void)
{
    char ca[128];

    make_subdir("ca");
    make_subdir("alias.d");
    write_file("ca/issuing.crt", "x\n");
    write_file("ca/ca.yaml", "cas:\n  ManagementCA:\n    certificate: issuing.crt\n"
                             "    key: file:../ca.key\n    cmp_ra_auth_secret: {file: ../secret}\n"
                             "certificate_profiles: {ENDUSER: {}}\n"
                             "end_entity_profiles: {EMPTY: {}}\n");
    write_file("alias.d/1.yaml", "server: {log: {level: debug}}\n"
                                 "aliases: {a: {operationmode: ra, authenticationmodule: HMAC}}\n");
    write_file("alias.d/2.yaml", "aliases: {b: {operationmode: ra, authenticationmodule: HMAC}}\n");
    load_text("server: {store: 'sqlite:x', log: {format: text}}\n"
              "include: [ca/ca.yaml, 'alias.d/*.yaml', 'alias.d/*.none']\n");
    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "\n%s", errors.v[i]);
    CU_ASSERT_FATAL(conf != NULL);
    CU_ASSERT_EQUAL(conf->files.n, 4);
    CU_ASSERT_EQUAL(conf->server.log_level, CMPSRV_LOG_DEBUG);
    CU_ASSERT(conf->aliases_n == 2 && cmpsrv_conf_alias(conf, "b", 1) != NULL);
    snprintf(ca, sizeof(ca), "%s/ca/issuing.crt", dir);
    CU_ASSERT_STRING_EQUAL(conf->cas[0].issuer.certificate, ca);
    snprintf(ca, sizeof(ca), "%s/ca/ca.yaml", dir);
    CU_ASSERT_STRING_EQUAL(conf->cas[0].pos.file, ca);
    CU_ASSERT_EQUAL(conf->cas[0].pos.line, 2);
    unload();
}

static void test_errors_name_the_file(void)
{
    make_subdir("sub");
    write_file("sub/one.yaml", "server:\n  workers: x\ncas:\n  A: {certificate: missing}\n"
                               "include: two.yaml\n");
    write_file("sub/two.yaml", "server:\n  store: sqlite:y\ncas:\n  A: {}\n");
    load_text("include: sub/one.yaml\nserver:\n  store: sqlite:x\n  idle_timeout: x\n");
    CU_ASSERT_EQUAL(errors.n, 7);
    CU_ASSERT(has_error("cmp-server.yaml:4: server: idle_timeout: ", "duration"));
    CU_ASSERT(has_error("sub/one.yaml:2: server: workers: ", "number"));
    CU_ASSERT(has_error("sub/one.yaml:4: cas A: certificate: ", "sub/missing"));
    CU_ASSERT(has_error("sub/one.yaml:4: cas A: key: ", "missing"));
    CU_ASSERT(has_error("sub/two.yaml:2: server: store: given twice", "cmp-server.yaml:3"));
    CU_ASSERT(has_error("sub/two.yaml:4: cas A: given twice", "one.yaml:4"));
    CU_ASSERT(has_error("cmp-server.yaml:1: aliases: ", "none"));
    CU_ASSERT(strstr(errors.v[0], "cmp-server.yaml:1:") != NULL);
    CU_ASSERT(strstr(errors.v[errors.n - 1], "two.yaml:4:") != NULL);
    unload();
}

static void test_cycles(void)
{
    make_dir();
    write_file("loop.yaml", "include: cmp-server.yaml\n");
    load_text("\ninclude: loop.yaml\n");
    CU_ASSERT(has_error("loop.yaml:1: include: ", "includes itself"));
    CU_ASSERT_EQUAL(errors.n, 1);
    load_text("include:\n- cmp-server.yaml\n");
    CU_ASSERT(has_error("cmp-server.yaml:2: include: ", "includes itself"));
    write_file("plain.yaml", "");
    load_text("include: [plain.yaml, ./plain.yaml]\n");
    CU_ASSERT(has_error("cmp-server.yaml:1: include: ", "included twice"));
    unload();
}

static void test_depth(void)
{
    char name[32], text[64];

    make_dir();
    for (int i = 1; i < 12; i++) {
        snprintf(name, sizeof(name), "deep%d.yaml", i);
        snprintf(text, sizeof(text), "include: deep%d.yaml\n", i + 1);
        write_file(name, i == 8 ? "" : text);
    }
    load_text("include: deep1.yaml\n");
    for (size_t i = 0; i < errors.n; i++)
        CU_ASSERT(strstr(errors.v[i], "too deep") == NULL);
    write_file("deep8.yaml", "include: deep9.yaml\n");
    load_text("include: deep1.yaml\n");
    CU_ASSERT(has_error("deep8.yaml:1: include: ", "too deep; allowed: 8"));
    unload();
}

/* Where a file is missing, nothing is said about what may stand in it. */
static void test_unreadable(void)
{
    load_text("server:\n  workers: x\ninclude: missing.yaml\n");
    CU_ASSERT_EQUAL(errors.n, 2);
    CU_ASSERT(has_error("cmp-server.yaml:2: server: workers: ", "number"));
    CU_ASSERT(has_error("cmp-server.yaml:3: cannot read ", "missing.yaml: No such file"));
    write_file("broken.yaml", "a: [\n");
    load_text("include: broken.yaml\n");
    CU_ASSERT(errors.n == 1 && has_error("broken.yaml:2: ", "not YAML"));
    load_text("include: 'nothing.d/*.yaml'\n");
    CU_ASSERT(has_error("cmp-server.yaml:1: include: ", "directory cannot be read"));
    load_text("include: {a: b}\n");
    CU_ASSERT(has_error("cmp-server.yaml:1: include: ", "must name a file"));
    load_text("include: ['', [a]]\n");
    CU_ASSERT_EQUAL(errors.n, 2);
    unload();
}

/* FILE without a directory, and one whose directory looks like a pattern. */
static void test_names_as_given(void)
{
    char before[512];

    make_subdir("odd[1]*");
    CU_ASSERT_FATAL(getcwd(before, sizeof(before)) != NULL);
    write_file("odd[1]*/a.yaml", "include: 'b*.yaml'\nserver: {store: 'sqlite:rel', x: y}\n");
    write_file("odd[1]*/b1.yaml", "server:\n  workers: x\n");
    load_file("odd[1]*/a.yaml");
    CU_ASSERT(has_error("odd[1]*/b1.yaml:2: server: workers: ", "number"));
    CU_ASSERT_FATAL(chdir(dir) == 0);
    unload();
    write_file("here.yaml", "include: plain2.yaml\nserver: {workers: x}\n");
    write_file("plain2.yaml", "server: {max_body: x}\n");
    conf = cmpsrv_conf_load("here.yaml", NULL, &errors);
    CU_ASSERT_FATAL(conf == NULL && errors.n > 2);
    CU_ASSERT(strncmp(errors.v[errors.n - 1], "plain2.yaml:1: server: max_body: ", 33) == 0);
    CU_ASSERT(chdir(before) == 0);
    unload();
}

TEST_MAIN("conf include", TEST(test_merge), TEST(test_errors_name_the_file), TEST(test_cycles),
          TEST(test_depth), TEST(test_unreadable), TEST(test_names_as_given))
