/* tests/unit/query/prune_test.c -- Goal: leaving out segments never changes an answer, and is done
 * where it can be. Method: tables with many segments of different schema versions, dead rows, NULLs
 * and edge values; random statements run with and without pruning must answer alike; planted
 * defects must make some differ. Then single cases: which files are left out, damaged filters,
 * isolation. */
#include "rig.h"

#include "base/fs.h"
#include "query/prune.h"
#include "store/filter_cache.h"
#include "store/store_private.h"

enum { SEGMENTS = 8, ROWS = 12, STATEMENTS = 150 };

static struct rig rig;

static void open_rig(void)
{
    rig_open(&rig);
    rig.store->options.merge_bytes_max = 0; /* every flush makes a file */
}

/* -- the property --------------------------------------------------------------------------------
 */

static void insert_segment(unsigned s)
{
    struct buf sql;
    buf_init(&sql);
    buf_append_c(&sql, "INSERT INTO t (id, n, s, d, ts, day, u, c, e) VALUES ");
    for (unsigned r = 0; r < ROWS; r++) {
        unsigned id = s * ROWS + r;
        buf_append_format(&sql, "%s(%u, ", r > 0 ? ", " : "", id);
        buf_append_format(&sql, r == 2 ? "NULL, " : "%u, ", s * 3 + r % 4);
        buf_append_format(&sql, r == 0 ? "NULL, " : r == 1 ? "'', " : "'k%03u', ", (id * 37) % 200);
        buf_append_format(&sql, "%s, '2026-01-%02u 10:00:0%u', '2026-02-%02u', ",
                          r % 3 == 0 ? "-0.0" : "1.5", 1 + s, r % 10, 1 + s * 2);
        /* segments on both sides of the sign bit; e: NULL in all rows, in one, in none */
        buf_append_format(&sql, "'%x0000000-0000-4000-8000-0000000000%02x', '%02u:00:0%u%s', ",
                          s * 2 + 1, r, s * 3, r % 10, r == 4 ? ".000001" : "");
        buf_append_format(&sql, s % 3 == 0 || (s % 3 == 1 && r == 7) ? "NULL)" : "%u)", s);
    }
    buf_append_byte(&sql, 0);
    rig_do(&rig, sql.p);
    buf_release(&sql);
}

/* t: eight segments, some rows superseded or deleted, a column widened, renamed, added; a hot rest.
 */
static void fill(void)
{
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT, s TEXT, d DOUBLE, ts "
                 "TIMESTAMP, day DATE, u UUID, c TIME, e INT)");
    rig_do(&rig, "CREATE VIEW v AS SELECT id AS no, n, s, d, ts FROM t WHERE id > 5");
    rig_do(&rig, "CREATE SHARED TABLE k (id TEXT PRIMARY KEY, n INT)");
    for (unsigned s = 0; s < SEGMENTS; s++) {
        insert_segment(s);
        rig_do(&rig, arena_format(&rig.arena,
                                  "INSERT INTO k VALUES ('k%03u', %u), ('x%u', %u), ('%s%u', NULL)",
                                  s * 20, s, s, s + 1, s == 0 ? "" : "e", s)
                         .p);
        fake_clock_advance(&rig.clock, 3600 * INT64_C(1000000));
        rig_flush(&rig, "app", "t", "");
        rig_flush(&rig, "app", "k", "");
        if (s == 2) {
            rig_do(&rig, "ALTER TABLE t MODIFY COLUMN n BIGINT");
        }
        if (s == 4) {
            rig_do(&rig, "ALTER TABLE t ADD COLUMN extra INT DEFAULT 7");
            rig_do(&rig, "UPDATE t SET n = 100 WHERE id = 5; DELETE FROM t WHERE id = 17");
        }
    }
    rig_do(&rig, "UPDATE t SET s = 'hot', n = 3 WHERE id = 30; DELETE FROM t WHERE id = 1");
}

static const char *pick(struct rng *rng, const char *const *list, size_t count)
{
    return list[rng_below(rng, count)];
}
#define PICK(rng, list) pick((rng), (list), sizeof(list) / sizeof((list)[0]))

static str random_condition(struct rng *rng, const char *table, unsigned depth);

static str random_comparison(struct rng *rng, const char *table)
{
    static const char *const ops[] = {"=", "<", "<=", ">", ">=", "<>"};
    static const char *const times[] = {"'2026-01-03 10:00:04'", "TIMESTAMP '2026-01-05 00:00:00'",
                                        "'2026-01-04'", "DATE '2026-01-06'",
                                        "CAST('2026-01-02T10:00:01.5' AS TIMESTAMP)"};
    static const char *const texts[] = {"''", "'k037'", "'k1'", "'hot'", "'zz'", "'k111'"};
    static const char *const days[] = {"'2026-02-05'", "DATE '2026-02-09'", "'2026-02-20'",
                                       "TIMESTAMP '2026-02-07 12:00:00'"};
    static const char *const nullable[] = {"n", "s", "e", "e", "id", "ts"};
    static const char *const reals[] = {"0.0", "-0.0", "1.5", "1"};
    struct arena *a = &rig.arena;
    const char *op = PICK(rng, ops);
    switch (rng_below(rng, 13)) {
    case 9:
        return arena_format(a, "%s.u %s %s'%x0000000-0000-4000-8000-0000000000%02x'", table, op,
                            rng_below(rng, 2) == 0 ? "UUID " : "", (unsigned)rng_below(rng, 16),
                            (unsigned)rng_below(rng, ROWS));
    case 10:
        return arena_format(a, "%s.c %s %s'%02u:00:0%u'", table, op,
                            rng_below(rng, 2) == 0 ? "TIME " : "", (unsigned)rng_below(rng, 24),
                            (unsigned)rng_below(rng, 10));
    case 11:
    case 12:
        return arena_format(a, "%s.%s IS %sNULL", table, PICK(rng, nullable),
                            rng_below(rng, 2) == 0 ? "NOT " : "");
    case 0:
        return arena_format(a, "%s.id %s %u", table, op, (unsigned)rng_below(rng, 110));
    case 1:
        return arena_format(a, "%s.n %s %u", table, op, (unsigned)rng_below(rng, 30));
    case 2:
        return arena_format(a, "%s.s %s %s", table, op, PICK(rng, texts));
    case 3:
        return arena_format(a, "%s.ts %s %s", table, op, PICK(rng, times));
    case 4:
        return arena_format(a, "%s.day %s %s", table, op, PICK(rng, days));
    case 5:
        return arena_format(a, "%s.d %s %s", table, op, PICK(rng, reals));
    case 6:
        return arena_format(a, "%u %s %s.n", (unsigned)rng_below(rng, 30), op, table);
    case 7:
        return arena_format(a, "%s.id IN (%u, %u, %u)", table, (unsigned)rng_below(rng, 110),
                            (unsigned)rng_below(rng, 110), (unsigned)rng_below(rng, 200));
    default:
        return arena_format(a, "%s.n BETWEEN %u AND %u", table, (unsigned)rng_below(rng, 20),
                            (unsigned)rng_below(rng, 30));
    }
}

static str random_condition(struct rng *rng, const char *table, unsigned depth)
{
    uint64_t kind = depth == 0 ? 0 : rng_below(rng, 8);
    struct arena *a = &rig.arena;
    if (kind < 3) {
        return random_comparison(rng, table);
    }
    str left = random_condition(rng, table, depth - 1);
    str right = random_condition(rng, table, depth - 1);
    switch (kind) {
    case 3:
    case 4:
        return arena_format(a, "(" STR_FMT " AND " STR_FMT ")", STR(left), STR(right));
    case 5:
        return arena_format(a, "(" STR_FMT " OR " STR_FMT ")", STR(left), STR(right));
    case 6:
        return arena_format(a, "NOT (" STR_FMT ")", STR(left));
    default:
        return arena_format(a, "(" STR_FMT " OR %s.s IS NULL)", STR(left), table);
    }
}

static str random_statement(struct rng *rng)
{
    static const char *const joins[] = {"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"};
    static const char *const sources[] = {"t", "q", "p"};
    static const char *const lists[] = {
        "*", "id, n, s, d, ts, day, u, c, e",
        "id, n, s, d, ts, day, u, c, e, row_number() OVER (ORDER BY id DESC) AS r",
        "id + 1 AS id, n, upper(s) AS s, d, ts, day, u, c, e, n + 1 AS m"};
    static const char *const tails[] = {"", "WHERE id > 20", "ORDER BY id", "ORDER BY id LIMIT 30",
                                        "ORDER BY id OFFSET 40"};
    struct arena *a = &rig.arena;
    str c = random_condition(rng, "a", 2);
    str e = random_condition(rng, "b", 1);
    str one = random_comparison(rng, "a");
    switch (rng_below(rng, 16)) {
    case 9:
    case 13:
    case 14:
    case 15: /* behind a subquery that may look at several rows, or at each by itself */
        return arena_format(a,
                            "SELECT count(*), sum(a.n), min(a.id) FROM (SELECT %s FROM t %s) a "
                            "WHERE " STR_FMT,
                            PICK(rng, lists), PICK(rng, tails), STR(one));
    case 10: /* read once, or twice */
        return arena_format(a,
                            "WITH q AS (SELECT * FROM t), p AS (SELECT * FROM q) SELECT count(*), "
                            "sum(a.id), sum(b.id) FROM %s a JOIN %s b ON a.id = b.id WHERE " STR_FMT
                            " AND " STR_FMT,
                            PICK(rng, sources), PICK(rng, sources), STR(c), STR(e));
    case 11:
        return arena_format(
            a,
            "SELECT count(*), sum(a.no), (SELECT max(no) FROM v) FROM v a %s t b ON "
            "a.no = b.id WHERE a.no %s %u AND (a.s IS NULL OR " STR_FMT ")",
            PICK(rng, joins), rng_below(rng, 2) == 0 ? "<" : ">=", (unsigned)rng_below(rng, 100),
            STR(e));
    case 12: /* names that change places */
        return arena_format(a,
                            "SELECT count(*), sum(a.id), sum(a.n) FROM (SELECT x.n AS id, x.id AS "
                            "n, y.s, x.d, x.ts, x.day, x.u, x.c, x.e FROM t x %s t y ON x.id = "
                            "y.id - 12) a WHERE " STR_FMT,
                            PICK(rng, joins), STR(c));
    case 0:
        return arena_format(a, "SELECT a.id, a.s FROM t a WHERE " STR_FMT " ORDER BY a.id", STR(c));
    case 1:
        return arena_format(
            a, "SELECT count(*), sum(a.n), min(a.s), max(a.extra) FROM t a WHERE " STR_FMT, STR(c));
    case 2:
        return arena_format(a,
                            "SELECT count(*), sum(a.id), sum(b.id) FROM t a %s t b ON a.id = "
                            "b.id + 12 AND " STR_FMT " WHERE " STR_FMT,
                            PICK(rng, joins), STR(e), STR(c));
    case 3:
        return arena_format(a,
                            "SELECT count(*), sum(a.id), sum(b.id) FROM t a %s t b ON a.n = b.n "
                            "WHERE " STR_FMT,
                            PICK(rng, joins), STR(c));
    case 4:
        return arena_format(a,
                            "SELECT count(*) FROM t a WHERE " STR_FMT " AND a.id IN (SELECT "
                            "b.id FROM t b WHERE " STR_FMT ")",
                            STR(c), STR(e));
    case 5:
        return arena_format(a,
                            "WITH q AS (SELECT * FROM t a WHERE " STR_FMT ") SELECT count(*), "
                            "sum(q.id) FROM q JOIN t b ON q.id = b.id WHERE " STR_FMT,
                            STR(c), STR(e));
    case 6:
        return arena_format(a,
                            "SELECT count(*) FROM (SELECT a.id FROM t a WHERE " STR_FMT
                            " UNION ALL SELECT b.id FROM t b WHERE " STR_FMT ") u",
                            STR(c), STR(e));
    case 7:
        return arena_format(a,
                            "SELECT count(*) FROM t a WHERE NOT EXISTS (SELECT 1 FROM t b WHERE "
                            "b.n = a.n AND " STR_FMT ")",
                            STR(e));
    default:
        return arena_format(a,
                            "SELECT count(*), sum(a.n) FROM t a JOIN k ON k.n = a.n WHERE " STR_FMT
                            " AND k.id IN ('k%03u', 'x%u', '')",
                            STR(c), (unsigned)rng_below(rng, 160), (unsigned)rng_below(rng, 9));
    }
}

/* Does a statement of the seed answer otherwise with the defect than without pruning? */
static bool differs(uint64_t seed, enum prune_mutant mutant)
{
    struct rng rng;
    rng_init(&rng, seed);
    for (unsigned i = 0; i < STATEMENTS; i++) {
        str sql = random_statement(&rng);
        prune_test_mutant(PRUNE_OFF);
        str limited = arena_format(&rig.arena, STR_FMT " LIMIT 900", STR(sql));
        str wanted = str_from(rig_ask(&rig, "root", limited.p));
        if (!str_starts_with(wanted, STR_LIT("{"))) {
            prune_test_mutant(PRUNE_RIGHT);
            test_fail(__FILE__, __LINE__, STR_FMT "\n gives " STR_FMT, STR(sql), STR(wanted));
        }
        prune_test_mutant(mutant);
        /* another text: its plan is made under the defect */
        limited = arena_format(&rig.arena, STR_FMT " LIMIT %u", STR(sql), 901 + (unsigned)mutant);
        str found = str_from(rig_ask(&rig, "root", limited.p));
        prune_test_mutant(PRUNE_RIGHT);
        if (!str_eq(wanted, found) && mutant != PRUNE_RIGHT) {
            return true;
        }
        if (!str_eq(wanted, found)) {
            test_fail(__FILE__, __LINE__, STR_FMT "\n gives " STR_FMT "\n wanted " STR_FMT,
                      STR(sql), STR(found), STR(wanted));
        }
    }
    return false;
}

TEST(pruning_never_changes_an_answer_and_the_test_would_notice)
{
    open_rig();
    fill();
    struct filter_cache_stats stats;
    EXPECT(!differs(1, PRUNE_RIGHT));
    EXPECT(!differs(2, PRUNE_RIGHT));
    store_filter_stats(rig.store, &stats);
    EXPECT(stats.files_pruned > STATEMENTS); /* it does something */
    EXPECT(differs(1, PRUNE_BOUNDS_ARE_OPEN));
    EXPECT(differs(1, PRUNE_ONE_PLACE));
    EXPECT(differs(1, PRUNE_SEES_OR));
    EXPECT(differs(1, PRUNE_THROUGH_ALL));
    EXPECT(differs(1, PRUNE_LOSES_VALUES));
    rig_close(&rig);
}

/* -- what is left out ----------------------------------------------------------------------------
 */

/* Files left out of those listed by one run of the statement; -1: it listed none. */
static int pruned_by(const char *user, const char *sql, const struct value *params, unsigned count,
                     const char *wanted_part)
{
    struct filter_cache_stats before;
    struct filter_cache_stats after;
    const char *first = rig_ask_with(&rig, user, sql, params, count); /* makes the plan */
    if (strstr(first, wanted_part) == NULL) {
        test_fail(__FILE__, __LINE__, "%s gives %s", sql, first);
    }
    (void)rig_ask(&rig, "root", "SELECT 1");
    store_filter_stats(rig.store, &before);
    EXPECT(strstr(rig_ask_with(&rig, user, sql, params, count), wanted_part) != NULL);
    store_filter_stats(rig.store, &after);
    uint64_t listed = after.files_listed - before.files_listed;
    uint64_t pruned = after.files_pruned - before.files_pruned;
    EXPECT(listed % SEGMENTS == 0); /* the engine may ask twice */
    return listed == 0 ? -1 : (int)(pruned / (listed / SEGMENTS));
}
#define PRUNED(sql, part) pruned_by("root", (sql), NULL, 0, (part))

TEST(files_without_the_value_are_left_out)
{
    open_rig();
    fill();
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id >= 36 AND id < 48", "12"), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IN (3, 90)", "2"), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id BETWEEN 3 AND 4 AND s IS NOT NULL", "2"), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id = 1000", "\"0\""), 8);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE ts < '2026-01-02 00:00:00'", "11"), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE day = DATE '2026-02-05'", "12"), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE d = 0.0", ""), 0);   /* -0.0 equals it */
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE extra = 7", ""), 0); /* files without it */
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id = 3 OR n = 4", ""), 0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t a LEFT JOIN t b ON a.id = b.id AND b.id = 3", ""), 0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t a JOIN t b ON a.id + 0 = b.id WHERE a.id = 3", "1"),
               0);
    EXPECT_INT(
        PRUNED("SELECT count(*) FROM t a JOIN t b ON a.id + 0 = b.id WHERE a.id = 3 AND b.id < 12",
               "1"),
        6);
    /* segment 5 has rows of the first two that were changed or deleted later, so its bounds are
       wide; filters: between the bounds, not in the file */
    EXPECT_INT(PRUNED("SELECT count(*) FROM k WHERE id IN ('k041', 'k042')", "\"0\""), 8);
    EXPECT_INT(PRUNED("SELECT min(n) FROM k WHERE id = 'k040'", "2"), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM k WHERE id = ''", "\"0\""), 8);
    rig_close(&rig);
}

TEST(conditions_outside_a_subquery_a_view_or_a_with_leave_out_files)
{
    open_rig();
    fill();
    EXPECT_INT(PRUNED("SELECT count(*) FROM (SELECT * FROM t) x WHERE x.id = 40", "1"), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM (SELECT id AS k, n + 1 AS m FROM t ORDER BY n) x WHERE "
                      "k IN (40, 41)",
                      "2"),
               7);
    EXPECT_INT(
        PRUNED("SELECT count(*) FROM (SELECT * FROM (SELECT id FROM t a) y) x WHERE id = 40", "1"),
        7);
    EXPECT_INT(PRUNED("SELECT count(*), min(n) FROM v WHERE no = 40", "1"), 7);
    EXPECT_INT(
        PRUNED("WITH c AS (SELECT * FROM t) SELECT count(*), min(n) FROM c WHERE id = 40", "1"), 7);
    EXPECT_INT(PRUNED("WITH c AS (SELECT * FROM v), e AS (SELECT no AS id FROM c) SELECT count(*) "
                      "FROM e WHERE id = 40",
                      "1"),
               7);
    const struct value id = value_int(TYPE_BIGINT, 40);
    EXPECT_INT(pruned_by("root", "SELECT count(*), min(n) FROM (SELECT * FROM t) x WHERE x.id = $1",
                         &id, 1, "1"),
               7);
    /* rows that are seen together, or twice, or under a name that is not certain */
    static const char *const others[] = {
        "SELECT count(*) FROM (SELECT * FROM t ORDER BY id LIMIT 60) x WHERE x.id = 40",
        "SELECT count(*) FROM (SELECT id, s FROM t OFFSET 2) x WHERE x.id = 400",
        "SELECT count(*) FROM (SELECT DISTINCT id FROM t) x WHERE x.id = 40",
        "SELECT count(*) FROM (SELECT id FROM t GROUP BY id) x WHERE x.id = 40",
        "SELECT count(*) FROM (SELECT id, sum(n) OVER () AS m FROM t) x WHERE x.id = 40",
        "SELECT count(*) FROM (SELECT id FROM t UNION ALL SELECT 1 AS id) x WHERE x.id = 40",
        "SELECT count(*) FROM (SELECT id + 1 AS id FROM t) x WHERE x.id = 40",
        "SELECT count(*) FROM k LEFT JOIN (SELECT id FROM t) x ON x.id = k.n AND x.id = 40",
        "WITH c AS (SELECT * FROM t) SELECT 1 FROM c JOIN c AS o ON c.n = o.n WHERE c.id = 4"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (PRUNED(others[i], "") != 0) {
            test_fail(__FILE__, __LINE__, "leaves out files: %s", others[i]);
        }
    }
    rig_close(&rig);
}

/* w: ids of two segments of t, and what equals nothing. */
static void fill_small(void)
{
    rig_do(&rig, "CREATE SHARED TABLE w (id BIGINT PRIMARY KEY, t INT, s TEXT, f DOUBLE)");
    rig_do(&rig, "INSERT INTO w VALUES (1, 3, '3', 3), (2, 90, 'k040', 90), (3, NULL, NULL, NULL), "
                 "(4, 1000, '', -1)");
    rig_do(&rig, "CREATE VIEW few AS SELECT t AS no, id FROM w WHERE id < 2");
}

TEST(values_of_a_joined_table_leave_out_files)
{
    open_rig();
    fill();
    fill_small();
    EXPECT_INT(PRUNED("SELECT count(*) FROM t JOIN w ON t.id = w.t", "\"2\""), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM w, t WHERE w.t = t.id AND w.id = 2", "\"1\""), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM few JOIN t ON t.id = few.no", "\"1\""), 7);
    EXPECT_INT(PRUNED("WITH q AS (SELECT t FROM w WHERE id = 1) SELECT count(*) FROM t x JOIN q "
                      "ON q.t = x.id",
                      "\"1\""),
               7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t JOIN w ON t.id = w.t AND w.id > 3", "\"0\""), 8);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t a JOIN t b ON a.id = b.id WHERE a.id = 3", "1"), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM k JOIN w ON k.id = w.s", "\"1\""), 7);
    /* not: rows without a partner, a computed value, types that are compared otherwise */
    EXPECT_INT(PRUNED("SELECT count(*) FROM t LEFT JOIN w ON t.id = w.t", "\"94\""), 0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t JOIN w ON t.id = w.t + 0", "\"2\""), 0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t JOIN w ON t.id = w.f", "\"2\""), 0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t JOIN w ON t.id = w.t OR w.id = 1", ""), 0);
    rig_close(&rig);
}

TEST(values_of_in_select_leave_out_files)
{
    open_rig();
    fill();
    fill_small();
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IN (SELECT t FROM w)", "\"2\""), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IN (SELECT no FROM few)", "\"1\""), 7);
    EXPECT_INT(
        PRUNED("SELECT count(*) FROM t WHERE id IN (SELECT t FROM w WHERE w.s = 'none')", "\"0\""),
        8);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IN (SELECT t FROM w GROUP BY t HAVING "
                      "count(*) = 1 ORDER BY t LIMIT 2)",
                      "\"2\""),
               6); /* all of w's, which are more than the SELECT gives */
    const struct value two = value_int(TYPE_BIGINT, 2);
    EXPECT_INT(pruned_by("root",
                         "SELECT count(*) FROM t WHERE id IN (SELECT t FROM w WHERE id = "
                         "$1)",
                         &two, 1, "\"1\""),
               7);
    /* not: NOT IN, a computed value, a value of the row around */
    EXPECT_INT(
        PRUNED("SELECT count(*) FROM t WHERE id NOT IN (SELECT t FROM w WHERE t IS NOT NULL)",
               "\"92\""),
        0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IN (SELECT max(t) FROM w)", "\"0\""), 0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IN (SELECT n FROM w)", ""), 0);
    rig_close(&rig);
}

TEST(values_of_a_table_with_many_are_not_collected)
{
    open_rig();
    fill();
    rig_do(&rig, "CREATE SHARED TABLE w (id BIGINT PRIMARY KEY)");
    rig_do(&rig, "INSERT INTO w SELECT range FROM range(1000)");
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IN (SELECT id - 0 FROM w)", "94"), 0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM k WHERE n IN (SELECT id FROM w WHERE id > 5)", "5"), 5);
    rig_do(&rig, "INSERT INTO w VALUES (1000), (1001)");
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IN (SELECT id FROM w)", "94"), 0);
    EXPECT_INT(PRUNED("SELECT count(*) FROM k WHERE n IN (SELECT id FROM w WHERE id > 5)", "5"), 5);
    rig_close(&rig);
}

TEST(nulls_uuids_and_times_leave_out_files)
{
    open_rig();
    fill();
    /* e: NULL in all rows of segments 0, 3, 6, in one row of 1, 4, 7, in none of 2, 5. Segment 5
       has a tombstone or a changed row of the first, with NULL */
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE e IS NOT NULL", ""), 3);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE e IS NULL AND id > 0", ""), 1);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE id IS NULL", "\"0\""), 8);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE extra IS NULL", "58"),
               2); /* of 3 that have it */
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE d IS NULL", "\"0\""), 8);
    EXPECT_INT(
        PRUNED("SELECT count(*) FROM t WHERE u = UUID '90000000-0000-4000-8000-000000000003'", "1"),
        6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE u < 'a0000000-0000-4000-8000-000000000003' AND "
                      "u > '80000000-0000-4000-8000-000000000003'",
                      "12"),
               6);
    EXPECT_INT(
        PRUNED("SELECT count(*) FROM t WHERE u = 'A0000000-0000-4000-8000-000000000003'", "\"0\""),
        0); /* a text of another form */
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE c = TIME '12:00:04'", "\"0\""), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE c >= '21:00:09'", "1"), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE c > '21:00:09'", "\"0\""), 8);
    const struct value u = value_text(STR_LIT("90000000-0000-4000-8000-000000000003"));
    EXPECT_INT(pruned_by("root", "SELECT count(*), min(n) FROM t WHERE u = $1", &u, 1, "1"), 6);
    rig_close(&rig);
}

/* r: eight segments of numbers around s, with values that are rounded when they are stored. */
static void fill_reals(void)
{
    rig_do(&rig,
           "CREATE SHARED TABLE r (id BIGINT PRIMARY KEY, d DOUBLE, f FLOAT, p DECIMAL(12, 3), "
           "n INT)");
    for (unsigned s = 0; s < SEGMENTS; s++) {
        rig_do(&rig, arena_format(&rig.arena,
                                  "INSERT INTO r VALUES (%u, %u.1, %u.1, %u.1, %u), (%u, %u.7, "
                                  "%u.7, %u.7, %u), (%u, %s, NULL, NULL, NULL)",
                                  s * 3, s, s, s, s, s * 3 + 1, s, s, s, s, s * 3 + 2,
                                  s == 0 ? "-0.0" : "NULL")
                         .p);
        fake_clock_advance(&rig.clock, 3600 * INT64_C(1000000));
        rig_flush(&rig, "app", "r", "");
    }
}

/* Every comparison with every kind of number, at, beside and between the bounds of files. */
TEST(numbers_of_all_kinds_never_change_an_answer)
{
    static const char *const columns[] = {"d", "f", "p"};
    static const char *const operators[] = {"=", "<", "<=", ">", ">="};
    static const char *const numbers[] = {"3.1",
                                          "3.7",
                                          "3.0",
                                          "3",
                                          "4",
                                          "-0.0",
                                          "0.0",
                                          "0",
                                          "-1",
                                          "3.1e0",
                                          "100",
                                          "3.10000001",
                                          "31e-1",
                                          "CAST('3.149' AS DECIMAL(4, 1))",
                                          "CAST('3.1' AS FLOAT)",
                                          "'3.7'"};
    open_rig();
    fill_reals();
    for (size_t c = 0; c < 3; c++) {
        for (size_t o = 0; o < sizeof operators / sizeof operators[0]; o++) {
            for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
                str sql = arena_format(&rig.arena, "SELECT count(*), sum(id) FROM r WHERE %s %s %s",
                                       columns[c], operators[o], numbers[n]);
                prune_test_mutant(PRUNE_OFF);
                str wanted = str_from(rig_rows(&rig, "root", sql.p));
                prune_test_mutant(PRUNE_RIGHT);
                test_expect_str(str_from(rig_rows(&rig, "root", sql.p)), wanted, sql.p, __FILE__,
                                __LINE__);
            }
        }
    }
    rig_close(&rig);
}

TEST(numbers_of_all_kinds_leave_out_files)
{
    open_rig();
    fill_reals();
    EXPECT_INT(PRUNED("SELECT count(*) FROM r WHERE d = 3.1", "\"1\""), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM r WHERE f > 6.2", "\"3\""), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM r WHERE p BETWEEN 2 AND 3.5", "\"3\""), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM r WHERE p IN (1.1, 7.7, 9)", "\"2\""), 6);
    EXPECT_INT(PRUNED("SELECT count(*) FROM r WHERE d < 0", "\"0\""), 7); /* -0.0 is near */
    EXPECT_INT(PRUNED("SELECT count(*) FROM r WHERE d = 1e300", "\"0\""), 8);
    const struct value real = value_double(5.7);
    EXPECT_INT(pruned_by("root", "SELECT count(*) FROM r WHERE d >= $1", &real, 1, "\"5\""), 5);
    rig_do(&rig, "CREATE SHARED TABLE w (id BIGINT PRIMARY KEY, p DECIMAL(5, 1), f DOUBLE)");
    rig_do(&rig, "INSERT INTO w VALUES (1, 3.7, 3.7)");
    EXPECT_INT(PRUNED("SELECT count(*) FROM r JOIN w ON r.p = w.p", "\"1\""), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM r WHERE d IN (SELECT f FROM w WHERE p = 3.7)", "\"1\""),
               7);
    rig_close(&rig);
}

TEST(parameters_decide_at_each_execution_of_a_shared_plan)
{
    open_rig();
    fill();
    static const char sql[] = "SELECT count(*), min(id) FROM t WHERE id + 0 = id AND id = $1";
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const struct value id = value_int(TYPE_BIGINT, i * ROWS + 3);
        str wanted = arena_format(&rig.arena, "[[\"1\",\"%u\"]]", i * ROWS + 3);
        EXPECT_INT(pruned_by("root", sql, &id, 1, wanted.p), 7);
    }
    const struct value time = value_text(STR_LIT("2026-01-03 00:00:00"));
    EXPECT_INT(pruned_by("root", "SELECT count(*) FROM t WHERE ts < $1", &time, 1, "22"), 5);
    const struct value zone =
        value_text(STR_LIT("2026-01-03 00:00:00+02:00")); /* not for certain */
    EXPECT_INT(pruned_by("root", "SELECT count(*) FROM t WHERE ts < $1", &zone, 1, "22"), 0);
    const struct value null = value_null(type_of(TYPE_NONE));
    EXPECT_INT(pruned_by("root", sql, &null, 1, "\"0\""), 0);
    rig_close(&rig);
}

TEST(updated_and_seq_leave_out_files)
{
    open_rig();
    fill();
    /* each segment was written within its own hour */
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE _updated < '2027-01-15 08:30:00'", ""), 7);
    EXPECT_INT(PRUNED("SELECT count(*) FROM t WHERE _seq <= 0", "\"0\""), 8);
    rig_close(&rig);
}

TEST(explain_tells_how_many_files_are_left_out)
{
    open_rig();
    fill();
    const char *text = rig_ask(&rig, "root", "EXPLAIN SELECT n FROM t WHERE id < 12 AND n > 0");
    EXPECT(strstr(text, "segments=8 pruned=6/8") != NULL);
    text = rig_ask(&rig, "root", "EXPLAIN SELECT n FROM (SELECT * FROM t) x WHERE id < 12");
    EXPECT(strstr(text, "segments=8 pruned=6/8") != NULL);
    text = rig_ask(&rig, "root", "EXPLAIN SELECT n FROM t WHERE e IS NOT NULL");
    EXPECT(strstr(text, "segments=8 pruned=3/8") != NULL);
    fill_small();
    text = rig_ask(&rig, "root", "EXPLAIN SELECT n FROM t WHERE id IN (SELECT t FROM w)");
    EXPECT(strstr(text, "segments=8 pruned=6/8") != NULL);
    text = rig_ask(&rig, "root", "EXPLAIN SELECT n FROM t JOIN few ON few.no = t.id");
    EXPECT(strstr(text, "segments=8 pruned=7/8") != NULL);
    rig_close(&rig);
}

/* -- isolation and damage ------------------------------------------------------------------------
 */

TEST(files_of_one_user_are_decided_for_that_user_alone)
{
    open_rig();
    rig_do(&rig, "CREATE USER TABLE u (id TEXT PRIMARY KEY, n INT)");
    rig_do_as(&rig, "alice", "INSERT INTO app.u VALUES ('a1', 1), ('c1', 1)");
    rig_do_as(&rig, "bob", "INSERT INTO app.u VALUES ('b1', 2), ('b2', 2)");
    rig_flush(&rig, "app", "u", "alice");
    rig_flush(&rig, "app", "u", "bob");
    for (unsigned i = 0; i < 3; i++) { /* one plan, two users, in turn */
        EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM app.u WHERE id IN ('a1','b1')",
                    "[[\"1\"]]");
        EXPECT_ROWS(&rig, "bob", "SELECT count(*) FROM app.u WHERE id IN ('a1','b1')", "[[\"1\"]]");
        EXPECT_ROWS(&rig, "bob", "SELECT count(*) FROM app.u WHERE id IN ('a1','c1')", "[[\"0\"]]");
    }
    rig_close(&rig);
}

TEST(values_are_those_of_the_user_and_the_transaction_that_asks)
{
    open_rig();
    fill();
    rig_do(&rig, "CREATE USER TABLE mine (id BIGINT PRIMARY KEY)");
    rig_do(&rig, "ALTER TABLE t SET ACCESS LEVEL PUBLIC");
    rig_do_as(&rig, "alice", "INSERT INTO app.mine VALUES (3)");
    rig_do_as(&rig, "bob", "INSERT INTO app.mine VALUES (90), (91)");
    static const char sql[] = "SELECT min(t.id), count(*) FROM app.t t JOIN app.mine m ON m.id = "
                              "t.id";
    for (unsigned i = 0; i < 3; i++) { /* one plan, two users, in turn */
        EXPECT_INT(pruned_by("alice", sql, NULL, 0, "[[\"3\",\"1\"]]"), 7);
        EXPECT_INT(pruned_by("bob", sql, NULL, 0, "[[\"90\",\"2\"]]"), 7);
    }
    rig_do_as(
        &rig, "alice",
        "BEGIN; INSERT INTO app.mine VALUES (50); SELECT min(t.id), count(*) FROM app.t t JOIN "
        "app.mine m ON m.id = t.id; ROLLBACK");
    const char *text =
        rig_ask(&rig, "alice",
                "BEGIN; INSERT INTO app.mine VALUES (50); SELECT max(t.id), count(*) "
                "FROM app.t t JOIN app.mine m ON m.id = t.id; ROLLBACK");
    EXPECT(strstr(text, "[[\"50\",\"2\"]]") != NULL);
    rig_close(&rig);
}

/* One byte of the file changed; the process has forgotten what it knew of it. */
static void damage(const char *path, uint64_t at)
{
    struct arena arena;
    arena_init(&arena);
    str whole = {0};
    EXPECT_OK(fs_read(path, 1 << 20, &arena, &whole, &rig.err), &rig.err);
    char *copy = arena_alloc(&arena, whole.n);
    memcpy(copy, whole.p, whole.n);
    copy[at] = (char)(copy[at] ^ 0x21);
    EXPECT_OK(fs_replace_tail(path, 0, str_of(copy, whole.n), &rig.err), &rig.err);
    arena_release(&arena);
    segment_shelf_release(&rig.store->shelf);
    segment_shelf_init(&rig.store->shelf);
    filter_cache_release(&rig.store->filters);
    filter_cache_init(&rig.store->filters, 1 << 20);
}

TEST(damage_anywhere_in_the_tail_is_an_error_or_a_right_answer)
{
    open_rig();
    rig_do(&rig, "CREATE SHARED TABLE k (id TEXT PRIMARY KEY, n INT)");
    rig_do(&rig, "INSERT INTO k VALUES ('a', 1), ('b', 2), ('c', 3)");
    rig_flush(&rig, "app", "k", "");
    str path = arena_format(&rig.arena, "%s/app/k/batch-0.parquet", rig.cold);
    uint64_t bytes = 0;
    EXPECT_OK(fs_size(path.p, &bytes, &rig.err), &rig.err);
    static const char sql[] = "SELECT n FROM k WHERE id IN ('b', 'bb') AND n > 0";
    EXPECT_ROWS(&rig, "root", sql, "[[2]]");
    unsigned refused = 0;
    for (uint64_t at = 4; at < bytes; at += at + 700 < bytes ? 61 : 13) {
        damage(path.p, at);
        str found = str_from(rig_rows(&rig, "root", sql));
        bool is_refused = str_find(found, STR_LIT("500 INTERNAL_ERROR")) == 0;
        if (!is_refused && !str_eq_c(found, "[[2]]")) {
            test_fail(__FILE__, __LINE__, "damage at %llu gives " STR_FMT, (unsigned long long)at,
                      STR(found));
        }
        refused += is_refused ? 1 : 0;
        /* what is left out is left out by a whole filter */
        found = str_from(rig_rows(&rig, "root", "SELECT n FROM k WHERE id IN ('bb', 'bc')"));
        EXPECT(str_eq_c(found, "[]") || str_find(found, STR_LIT("500 INTERNAL_ERROR")) == 0);
        damage(path.p, at); /* as it was */
    }
    EXPECT(refused > 20);
    EXPECT_ROWS(&rig, "root", sql, "[[2]]");
    rig_close(&rig);
}

TEST(filter_cache_keeps_to_its_limit)
{
    open_rig();
    fill();
    filter_cache_release(&rig.store->filters);
    filter_cache_init(&rig.store->filters, 500); /* room for three or four small ones */
    struct filter_cache_stats stats;
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_INT(PRUNED("SELECT count(*) FROM k WHERE id IN ('k041', 'k042')", "\"0\""), 8);
    }
    store_filter_stats(rig.store, &stats);
    EXPECT(stats.bytes <= 500 && stats.evictions > 0 && stats.entries > 0);
    filter_cache_release(&rig.store->filters);
    filter_cache_init(&rig.store->filters, 1 << 20);
    EXPECT_INT(PRUNED("SELECT count(*) FROM k WHERE id IN ('k041', 'k042')", "\"0\""), 8);
    store_filter_stats(rig.store, &stats);
    EXPECT(stats.hits >= stats.misses && stats.evictions == 0);
    rig_close(&rig);
}
