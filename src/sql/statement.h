/* sql/statement.h -- the parts of the parser, one per family of statements.
 * Each reads a statement from its first word on, sets kind and part of b->statement, and answers
 * false after build_fail. Threads: one at a time. */
#ifndef SQL_STATEMENT_H
#define SQL_STATEMENT_H

#include "sql/cursor.h"
#include "sql/sql.h"

/* ddl_table.c */
bool parse_create_table(struct cursor *c); /* behind CREATE [USER|SHARED|STREAM]; at TABLE */
bool parse_alter_table(struct cursor *c);  /* behind ALTER [USER|SHARED|STREAM] TABLE */
/* A column's type, such as DECIMAL(10, 2) or TIMESTAMP WITH TIME ZONE. */
bool parse_type(struct cursor *c, str column, struct type *out, bool *is_serial);
/* name type [constraints]; for CREATE TABLE and ADD COLUMN. */
bool parse_column_def(struct cursor *c, struct column_def *out);
/* What stands after DEFAULT. */
bool parse_default(struct cursor *c, struct column_def *out);
/* ddl_options.c: what follows the columns of CREATE TABLE; PUBLIC, 'private' ... */
bool parse_table_options(struct cursor *c, struct create_table_part *part);
bool parse_access_level(struct cursor *c, bool allows_dba, enum access_level *out);
/* DELETED_RETENTION = '7d', DELETED_RETENTION_HOURS = 168; value 0: off. */
bool parse_retention_property(struct cursor *c, struct option_i64 *out);

/* ddl.c: CREATE, ALTER, DROP of everything but tables' columns */
bool parse_create(struct cursor *c);
bool parse_alter(struct cursor *c);
bool parse_drop(struct cursor *c);
bool parse_use(struct cursor *c); /* USE, SET NAMESPACE */

/* ddl_admin.c */
bool parse_create_storage(struct cursor *c); /* behind CREATE STORAGE */
bool parse_alter_storage(struct cursor *c);
bool parse_create_user(struct cursor *c);
bool parse_alter_user(struct cursor *c);
bool parse_create_topic(struct cursor *c);
bool parse_alter_topic(struct cursor *c);
bool parse_consume(struct cursor *c); /* behind CONSUME */
bool parse_ack(struct cursor *c);     /* behind ACK */

/* utility.c */
bool parse_show(struct cursor *c);
bool parse_describe(struct cursor *c);
bool parse_storage(struct cursor *c); /* STORAGE FLUSH, COMPACT, CHECK */
bool parse_kill(struct cursor *c);
bool parse_backup(struct cursor *c);
bool parse_restore(struct cursor *c);
bool parse_export(struct cursor *c);
bool parse_cluster(struct cursor *c);
bool parse_transaction(struct cursor *c); /* BEGIN, START, COMMIT, ROLLBACK, SAVEPOINT, RELEASE */
bool parse_execute_as(struct cursor *c);
bool parse_explain(struct cursor *c);
bool parse_set(struct cursor *c);

/* subscription.c */
bool parse_subscribe(struct cursor *c);

/* parse.c: a scalar expression of tokens [from, to); NULL after build_fail. */
struct expr *parse_expr_tokens(struct build *b, const struct token *from, const struct token *to);

#endif
