/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OIDs of certificate and CRL entry extensions (RFC 5280 4.2, 5.3) that several layers name.
 * Algorithm OIDs are in the tables of the files that know the algorithms.
 */
#include "config.h"

#include "wire/algs.h"

const CMPSRV_SLICE CMPSRV_OID_SUBJECT_KEY_ID = OID_INIT("\x55\x1d\x0e");
const CMPSRV_SLICE CMPSRV_OID_AUTHORITY_KEY_ID = OID_INIT("\x55\x1d\x23");
const CMPSRV_SLICE CMPSRV_OID_KEY_USAGE = OID_INIT("\x55\x1d\x0f");
const CMPSRV_SLICE CMPSRV_OID_EXT_KEY_USAGE = OID_INIT("\x55\x1d\x25");
const CMPSRV_SLICE CMPSRV_OID_BASIC_CONSTRAINTS = OID_INIT("\x55\x1d\x13");
const CMPSRV_SLICE CMPSRV_OID_SUBJECT_ALT_NAME = OID_INIT("\x55\x1d\x11");
const CMPSRV_SLICE CMPSRV_OID_CRL_DISTRIBUTION_POINTS = OID_INIT("\x55\x1d\x1f");
const CMPSRV_SLICE CMPSRV_OID_AUTHORITY_INFO_ACCESS = OID_INIT("\x2b\x06\x01\x05\x05\x07\x01\x01");
const CMPSRV_SLICE CMPSRV_OID_CRL_REASON = OID_INIT("\x55\x1d\x15");
