/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-linear histogram of microseconds: 64 linear slots for each power of two. The first row
 * holds 0 to 63 exactly; row r from the second on holds 64 << (r - 1) to 128 << (r - 1) in steps of
 * 1 << (r - 1), so a slot is at most 1/64 of its value wide.
 */
#include "config.h"

#include "apps/bench.h"

#include <math.h>

static size_t slot_of(int64_t us)
{
    uint64_t v = us < 0 ? 0 : (uint64_t)us;
    size_t row = 0, slot;

    for (; v >= (row == 0 ? BENCH_HIST_SUB : 2 * BENCH_HIST_SUB); row++)
        if (row > 0)
            v >>= 1;
    slot = row == 0 ? (size_t)v : row * BENCH_HIST_SUB + (size_t)(v - BENCH_HIST_SUB);
    return slot < BENCH_HIST_SLOTS ? slot : BENCH_HIST_SLOTS - 1;
}

/* The largest value of a slot. */
static int64_t slot_top(size_t slot)
{
    size_t row = slot / BENCH_HIST_SUB, at = slot % BENCH_HIST_SUB;

    if (row == 0)
        return (int64_t)at;
    return (int64_t)(((BENCH_HIST_SUB + at + 1) << (row - 1)) - 1);
}

void bench_hist_add(BENCH_HIST *h, int64_t us)
{
    h->slots[slot_of(us)]++;
    h->n++;
    h->sum += us < 0 ? 0 : (double)us;
    if (us > h->max)
        h->max = us;
}

void bench_hist_merge(BENCH_HIST *into, const BENCH_HIST *h)
{
    for (size_t i = 0; i < BENCH_HIST_SLOTS; i++)
        into->slots[i] += h->slots[i];
    into->n += h->n;
    into->sum += h->sum;
    if (h->max > into->max)
        into->max = h->max;
}

int64_t bench_hist_percentile(const BENCH_HIST *h, double percent)
{
    uint64_t rank = (uint64_t)ceil(percent / 100 * (double)h->n), seen = 0;

    if (h->n == 0)
        return 0;
    if (rank == 0)
        rank = 1;
    for (size_t i = 0; i < BENCH_HIST_SLOTS; i++)
        if ((seen += h->slots[i]) >= rank)
            return slot_top(i) < h->max ? slot_top(i) : h->max;
    return h->max;
}
