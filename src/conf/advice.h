/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration that loads may still not be meant to say, alias by alias: a table of checks.
 * cmp-admin alias check prints it.
 */
#ifndef CMPSRV_CONF_ADVICE_H
#define CMPSRV_CONF_ADVICE_H

#include "conf/conf.h"

typedef enum { CMPSRV_ADVICE_HINT, CMPSRV_ADVICE_WARNING } CMPSRV_ADVICE_SEVERITY;

typedef struct {
    CMPSRV_ADVICE_SEVERITY severity;
    const char *setting; /* static */
    const char *todo;    /* static: what to do */
    char what[320];      /* what is the case; no secret */
} CMPSRV_ADVICE;

#define CMPSRV_MAX_ADVICE 32 /* at most one for each check */

/* Fills out; how many there are. */
size_t cmpsrv_conf_advise(const CMPSRV_CONF *conf, const CMPSRV_CONF_ALIAS *alias,
                          CMPSRV_ADVICE out[CMPSRV_MAX_ADVICE]);

#endif
