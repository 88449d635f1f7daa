/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram against the sorted values themselves. */
#include "config.h"

#include "apps/bench.h"
#include "test.h"

#include <math.h>

enum { N = 20000 };

/* xorshift: the same values on every machine. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Values of all sizes: from 0 to `bits` bits, each size as often as the others. */
static void fill(int64_t *v, size_t n, unsigned bits, BENCH_HIST *h)
{
    uint64_t state = 0x9e3779b97f4a7c15;

    memset(h, 0, sizeof(*h));
    for (size_t i = 0; i < n; i++) {
        unsigned width = (unsigned)(next_random(&state) % (bits + 1));

        v[i] = (int64_t)(next_random(&state) & ((1ULL << width) - 1));
        bench_hist_add(h, v[i]);
    }
    qsort(v, n, sizeof(*v), compare);
}

static int64_t exact(const int64_t *v, size_t n, double percent)
{
    size_t rank = (size_t)ceil(percent / 100 * (double)n);

    return v[rank == 0 ? 0 : rank - 1];
}

static void check_percentiles(const int64_t *v, size_t n, const BENCH_HIST *h)
{
    static const double percents[] = {0, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

    for (size_t i = 0; i < CMPSRV_ARRAY_SIZE(percents); i++) {
        int64_t want = exact(v, n, percents[i]), have = bench_hist_percentile(h, percents[i]);

        CU_ASSERT(have >= want);
        CU_ASSERT((double)(have - want) <= (double)want / 64);
    }
}

static int64_t values[N];
static BENCH_HIST hist;

static void percentiles_are_close(void)
{
    fill(values, N, 36, &hist);
    check_percentiles(values, N, &hist);
    CU_ASSERT_EQUAL(hist.n, N);
    CU_ASSERT_EQUAL(hist.max, values[N - 1]);
    CU_ASSERT_EQUAL(bench_hist_percentile(&hist, 100), values[N - 1]);
}

static void small_values_are_exact(void)
{
    fill(values, N, 6, &hist);
    for (double percent = 0.5; percent <= 100; percent += 0.5)
        CU_ASSERT_EQUAL(bench_hist_percentile(&hist, percent), exact(values, N, percent));
}

/* On both sides of each power of two, where a slot of the wrong row would be found. */
static void edges_of_rows(void)
{
    for (unsigned bit = 1; bit < 40; bit++)
        for (int64_t by = -1; by <= 1; by++) {
            int64_t v = (1LL << bit) + by, have;

            memset(&hist, 0, sizeof(hist));
            bench_hist_add(&hist, v);
            bench_hist_add(&hist, 4 * v); /* so that max does not hide the slot's own value */
            have = bench_hist_percentile(&hist, 50);
            CU_ASSERT(have >= v);
            CU_ASSERT((double)(have - v) <= (double)v / 64);
        }
}

static void merged_is_as_added(void)
{
    static BENCH_HIST a, b, all;

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    fill(values, N, 30, &all);
    for (size_t i = 0; i < N; i++)
        bench_hist_add(i % 3 == 0 ? &a : &b, values[i]);
    bench_hist_merge(&a, &b);
    CU_ASSERT_EQUAL(a.n, all.n);
    CU_ASSERT_EQUAL(a.max, all.max);
    CU_ASSERT_EQUAL(memcmp(a.slots, all.slots, sizeof(a.slots)), 0);
    check_percentiles(values, N, &a);
}

static void nothing_and_far_too_much(void)
{
    memset(&hist, 0, sizeof(hist));
    CU_ASSERT_EQUAL(bench_hist_percentile(&hist, 99), 0);
    bench_hist_add(&hist, -5);
    CU_ASSERT_EQUAL(bench_hist_percentile(&hist, 99), 0);
    bench_hist_add(&hist, INT64_MAX);
    CU_ASSERT_EQUAL(hist.n, 2);
    CU_ASSERT(bench_hist_percentile(&hist, 100) > 1LL << 40);
}

TEST_MAIN("bench_hist", TEST(percentiles_are_close), TEST(small_values_are_exact),
          TEST(edges_of_rows), TEST(merged_is_as_added), TEST(nothing_and_far_too_much))
