/* cli/options.h -- what the command line asks for.
 * For:      main, which parses them once; all else reads them.
 * Owns:     options_release frees the list of actions; all texts are of argv, the environment, or
 *           static.
 * Threads:  immutable once parsed. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV };

enum action_kind { ACTION_SQL, ACTION_FILE };

/* One -c or --file, in the order given. */
struct action {
    enum action_kind kind;
    const char *text; /* the SQL, or the path; "-" is stdin */
};

struct subscribe_options {
    bool has_last_rows;
    bool has_from;
    bool has_batch_size;
    uint64_t last_rows;
    uint64_t from;       /* _seq */
    uint64_t batch_size; /* rows */
    uint64_t count;      /* stop after that many changes; 0: never */
};

struct options {
    const char *url; /* NULL: host and port */
    const char *host;
    uint16_t port;
    const char *ca_file; /* NULL: the system's certificates */
    const char *user;    /* NULL: not given */
    const char *password;
    const char *token;
    const char *namespace_name;
    struct action *actions;
    size_t action_count;
    const char *subscribe; /* NULL: none */
    struct subscribe_options subscription;
    enum output_format format;
    bool is_quiet;
    bool is_timing;
    bool is_expanded;
    uint32_t timeout_ms; /* 0: for ever */
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_ANSWERED, /* --help, --version: printed; exit 0 */
    OPTIONS_WRONG     /* said why on stderr; exit CLI_MISUSE */
};

enum options_result options_parse(int argc, char **argv, struct options *out);
/* Frees what options_parse kept. */
void options_release(struct options *options);

#endif
