/* tests/unit/query/gate_fixture.h -- a catalog of three tables before a real engine, for gate
 * tests. Tables: app.messages (id BIGINT key, body TEXT, n INT, doc JSON), app.prices (id, price
 * DECIMAL(10,2)), shop.messages (as app.messages, another table), system.users (name, age), view
 * app.recent. */
#ifndef TESTS_QUERY_GATE_FIXTURE_H
#define TESTS_QUERY_GATE_FIXTURE_H

#include "query/gate.h"

struct gate_fixture {
    char dir[64];
    char temp[80];
    char cold[80];
    char empty[120];
    struct duck_provider provider;
    struct duck *duck;
    struct schema *messages;
    struct schema *prices;
    struct schema *shop;
    struct arena arena;
    struct gate_options options;
    unsigned resolved; /* calls of resolve */
    char user[32];     /* who reads: `bob` owns rows of messages */
};

void gate_fixture_open(struct gate_fixture *f);
void gate_fixture_close(struct gate_fixture *f);
/* Text of the plan, or "ERROR <status>: <text>". */
str gate_fixture_text(struct gate_fixture *f, const char *sql, struct gate_plan *plan);
/* Checks, defines and runs; lines of cells under a line of names, or the error. */
str gate_fixture_run(struct gate_fixture *f, const char *sql, const struct value *params,
                     unsigned param_count);

#endif
