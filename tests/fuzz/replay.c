/* SPDX-License-Identifier: Apache-2.0 */
/* The main of a fuzz target without libFuzzer: runs each file named on the command line once. */
#include "config.h"

#include "fuzz/fuzz.h"

#define MAX_INPUT (1 << 20)

int main(int argc, char **argv)
{
    static uint8_t data[MAX_INPUT];

    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        size_t n;

        MUST(f != NULL);
        n = fread(data, 1, sizeof(data), f);
        fclose(f);
        LLVMFuzzerTestOneInput(data, n);
    }
    printf("%d inputs\n", argc - 1);
    return argc < 2;
}
