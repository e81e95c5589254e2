/* tests/unit/store/model_test.c -- Goal: whatever the order of writes, flush and compaction steps,
 * views, crashes and power cuts, no row is lost, doubled or brought back, and nothing leaks.
 * Method: random schedules (model.h) with a truth in memory; and each planted defect must be found,
 * or the schedules are too tame. The seed is printed; KALAM_SEED runs one again, KALAM_STEPS
 * longer. */
#include "base/log.h"
#include "model.h"
#include "test.h"
#include "world.h"

#if defined(__SANITIZE_THREAD__)
enum { STEPS_TOTAL = 30000, MUTANT_RUNS = 60 };
#else
enum { STEPS_TOTAL = 200000, MUTANT_RUNS = 200 };
#endif
enum { STEPS_PER_RUN = 1000 };

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value = otherwise;
    return text != NULL && str_to_u64(str_from(text), &value) ? value : otherwise;
}

static struct model_options options_of(uint64_t seed)
{
    static const unsigned merges[] = {0, 150, 400, 1 << 20};
    static const unsigned writes[] = {60, 200, 400};
    struct rng rng;
    rng_init(&rng, seed);
    struct model_options options = {.seed = seed, .steps = STEPS_PER_RUN};
    options.keys = (unsigned)rng_below(&rng, 5) + 1;
    options.writes = writes[rng_below(&rng, 3)];
    options.merge_bytes = merges[rng_below(&rng, 4)];
    options.is_unlocked = rng_below(&rng, 2) == 0;
    options.with_power_cuts = rng_below(&rng, 3) != 0;
    return options;
}

/* Failing jobs are what this is about: their lines would fill the screen. */
static void log_nothing(void)
{
    const struct log_options options = {.level = LOG_LEVEL_COUNT, .to_console = true};
    struct error err;
    EXPECT_OK(log_open(&options, &err), &err);
}

__attribute__((destructor)) static void close_log(void)
{
    log_close();
}

TEST(random_schedules_keep_the_truth)
{
    log_nothing();
    uint64_t first = from_environment("KALAM_SEED", random_u64() % 1000000);
    uint64_t steps = from_environment("KALAM_STEPS", STEPS_TOTAL);
    printf("first seed %llu, %llu steps\n", (unsigned long long)first, (unsigned long long)steps);
    for (uint64_t seed = first; seed < first + steps / STEPS_PER_RUN; seed++) {
        struct model_options options = options_of(seed);
        unsigned step = 0;
        const char *violation = model_run(&options, &step);
        if (violation != NULL) {
            printf("seed %llu, step %u: %s\n", (unsigned long long)seed, step, violation);
        }
        EXPECT(violation == NULL);
    }
}

/* Runs until a planted defect shows; how many steps that took. */
static uint64_t steps_until_found(enum store_mutant mutant)
{
    uint64_t steps = 0;
    for (uint64_t seed = 1; seed <= MUTANT_RUNS; seed++) {
        struct model_options options = options_of(seed);
        unsigned step = 0;
        store_test_mutant(mutant);
        const char *violation = model_run(&options, &step);
        store_test_mutant(MUTANT_NONE);
        steps += step;
        if (violation != NULL) {
            printf("mutant %d: found after %llu steps: %s\n", (int)mutant,
                   (unsigned long long)steps, violation);
            return steps;
        }
    }
    printf("mutant %d: not found in %llu steps\n", (int)mutant, (unsigned long long)steps);
    return UINT64_MAX;
}

TEST(random_schedules_find_every_planted_defect)
{
    for (int mutant = MUTANT_NONE + 1; mutant < MUTANT_COUNT; mutant++) {
        EXPECT(steps_until_found((enum store_mutant)mutant) != UINT64_MAX);
    }
}
