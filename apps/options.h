/* SPDX-License-Identifier: Apache-2.0 */
/* Options anywhere on a command line, taken out of it as they are asked for. */
#ifndef CMPSRV_APPS_OPTIONS_H
#define CMPSRV_APPS_OPTIONS_H

/* Takes "--name VALUE" (or, has_value 0, "--name") out of argv, with its value (or ""). 1; 0 if it
 * is not there; -1 if its value is missing. */
int option_take(int *argc, char **argv, const char *name, int has_value, const char **value);

#endif
