/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target has: LLVMFuzzerTestOneInput, which takes any octets. Built with
 * --enable-fuzzers it gets libFuzzer's main, else replay.c's, which runs given files once.
 */
#ifndef CMPSRV_FUZZ_H
#define CMPSRV_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
/* libFuzzer's. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* What must hold whatever comes in; unlike assert() in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
