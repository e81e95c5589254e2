/* cli/options.c -- getopt_long and the help text. */
#include "cli/options.h"

#include "base/mem.h"
#include "base/str.h"

#include <getopt.h>

#ifndef KALAM_VERSION
#define KALAM_VERSION "0.1.0"
#endif

enum { PORT_DEFAULT = 8080, TIMEOUT_S_DEFAULT = 60, TIMEOUT_S_MAX = 86400 };

static const char help[] =
    "kalam -- the command line of KalamDB\n"
    "\n"
    "  kalam [options]                      a prompt; \\? lists its commands\n"
    "  kalam [options] -c \"SQL\" [-c ...]     run statements and end\n"
    "  kalam [options] --file x.sql         run a file (- is stdin)\n"
    "  kalam [options] --subscribe \"SELECT * FROM ns.table WHERE ...\"\n"
    "  kalam [options] < x.sql\n"
    "\n"
    "Server\n"
    "  --url URL          http://127.0.0.1:8080; also KALAM_URL\n"
    "  --host H --port N  instead of --url\n"
    "  --ca-file FILE     certificates to trust (https); default: the system's\n"
    "Who asks\n"
    "  --user NAME        also KALAM_USER\n"
    "  --password TEXT    better: KALAM_PASSWORD, or type it when asked\n"
    "  --token JWT        an access token instead; also KALAM_TOKEN\n"
    "  --namespace NAME   for names of tables without one (default: default)\n"
    "What\n"
    "  -c, --command SQL  may be given more than once; statements end with ;\n"
    "  -f, --file FILE    may be given more than once\n"
    "  --subscribe SQL    rows of a SELECT, then each change, until Ctrl-C\n"
    "  --last-rows N      of --subscribe: begin with the newest N rows (0: none)\n"
    "  --from SEQ         of --subscribe: begin behind that _seq\n"
    "  --count N          of --subscribe: end after N changes\n"
    "  --consume TOPIC    not available yet\n"
    "How\n"
    "  --table, --json, --csv   form of the output (default: table)\n"
    "  --expanded         tables with one line per value\n"
    "  --timing           print how long each statement took\n"
    "  -q, --quiet        rows and errors only\n"
    "  --timeout SECONDS  to wait for an answer (default 60; 0: for ever)\n"
    "  --version, --help\n"
    "\n"
    "Exit status: 0 done, 1 a statement failed, 2 wrong use, 3 no connection, 4 not let in.\n";

enum {
    OPTION_URL = 256,
    OPTION_HOST,
    OPTION_PORT,
    OPTION_CA_FILE,
    OPTION_USER,
    OPTION_PASSWORD,
    OPTION_TOKEN,
    OPTION_NAMESPACE,
    OPTION_SUBSCRIBE,
    OPTION_LAST_ROWS,
    OPTION_FROM,
    OPTION_COUNT,
    OPTION_CONSUME,
    OPTION_TABLE,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_EXPANDED,
    OPTION_TIMING,
    OPTION_TIMEOUT,
    OPTION_VERSION,
    OPTION_HELP
};

static const struct option names[] = {
    {"url", required_argument, NULL, OPTION_URL},
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"ca-file", required_argument, NULL, OPTION_CA_FILE},
    {"user", required_argument, NULL, OPTION_USER},
    {"password", required_argument, NULL, OPTION_PASSWORD},
    {"token", required_argument, NULL, OPTION_TOKEN},
    {"namespace", required_argument, NULL, OPTION_NAMESPACE},
    {"command", required_argument, NULL, 'c'},
    {"file", required_argument, NULL, 'f'},
    {"subscribe", required_argument, NULL, OPTION_SUBSCRIBE},
    {"last-rows", required_argument, NULL, OPTION_LAST_ROWS},
    {"from", required_argument, NULL, OPTION_FROM},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"consume", required_argument, NULL, OPTION_CONSUME},
    {"table", no_argument, NULL, OPTION_TABLE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"csv", no_argument, NULL, OPTION_CSV},
    {"expanded", no_argument, NULL, OPTION_EXPANDED},
    {"timing", no_argument, NULL, OPTION_TIMING},
    {"quiet", no_argument, NULL, 'q'},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static enum options_result wrong(const char *what, const char *value)
{
    fprintf(stderr, "kalam: %s%s%s\n       kalam --help lists the options\n", what,
            value != NULL ? ": " : "", value != NULL ? value : "");
    return OPTIONS_WRONG;
}

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;
    if (!str_to_u64(str_from(text), &number) || number > max) {
        return false;
    }
    *out = number;
    return true;
}

static void add_action(struct options *out, enum action_kind kind, const char *text)
{
    out->actions = mem_realloc(out->actions, (out->action_count + 1) * sizeof out->actions[0]);
    out->actions[out->action_count++] = (struct action){kind, text};
}

static void read_environment(struct options *out)
{
    out->url = getenv("KALAM_URL");
    out->user = getenv("KALAM_USER");
    out->password = getenv("KALAM_PASSWORD");
    out->token = getenv("KALAM_TOKEN");
}

static enum options_result read_seconds(const char *text, struct options *out)
{
    uint64_t seconds = 0;
    if (!read_number(text, TIMEOUT_S_MAX, &seconds)) {
        return wrong("--timeout wants seconds, 0 to 86400, not", text);
    }
    out->timeout_ms = (uint32_t)seconds * 1000;
    return OPTIONS_RUN;
}

static enum options_result read_port(const char *text, struct options *out)
{
    uint64_t port = 0;
    if (!read_number(text, UINT16_MAX, &port) || port == 0) {
        return wrong("--port wants 1 to 65535, not", text);
    }
    out->port = (uint16_t)port;
    out->url = NULL;
    return OPTIONS_RUN;
}

static enum options_result read_one(int option, const char *text, struct options *out)
{
    struct subscribe_options *subscription = &out->subscription;
    switch (option) {
    case OPTION_URL:
        out->url = text;
        return OPTIONS_RUN;
    case OPTION_HOST:
        out->host = text;
        out->url = NULL;
        return OPTIONS_RUN;
    case OPTION_PORT:
        return read_port(text, out);
    case OPTION_CA_FILE:
        out->ca_file = text;
        return OPTIONS_RUN;
    case OPTION_USER:
        out->user = text;
        out->token = NULL; /* of the environment */
        return OPTIONS_RUN;
    case OPTION_PASSWORD:
        out->password = text;
        return OPTIONS_RUN;
    case OPTION_TOKEN:
        out->token = text;
        out->user = NULL; /* of the environment */
        return OPTIONS_RUN;
    case OPTION_NAMESPACE:
        out->namespace_name = text;
        return OPTIONS_RUN;
    case 'c':
        add_action(out, ACTION_SQL, text);
        return OPTIONS_RUN;
    case 'f':
        add_action(out, ACTION_FILE, text);
        return OPTIONS_RUN;
    case OPTION_SUBSCRIBE:
        out->subscribe = text;
        return OPTIONS_RUN;
    case OPTION_LAST_ROWS:
        subscription->has_last_rows = read_number(text, INT64_MAX, &subscription->last_rows);
        return subscription->has_last_rows ? OPTIONS_RUN
                                           : wrong("--last-rows wants a number, not", text);
    case OPTION_FROM:
        subscription->has_from = read_number(text, INT64_MAX, &subscription->from);
        return subscription->has_from ? OPTIONS_RUN : wrong("--from wants a _seq, not", text);
    case OPTION_COUNT:
        return read_number(text, INT64_MAX, &subscription->count) && subscription->count > 0
                   ? OPTIONS_RUN
                   : wrong("--count wants a number above 0, not", text);
    case OPTION_CONSUME:
        return wrong("--consume is not available yet: this server has no topics", NULL);
    case OPTION_TABLE:
        out->format = OUTPUT_TABLE;
        return OPTIONS_RUN;
    case OPTION_JSON:
        out->format = OUTPUT_JSON;
        return OPTIONS_RUN;
    case OPTION_CSV:
        out->format = OUTPUT_CSV;
        return OPTIONS_RUN;
    case OPTION_EXPANDED:
        out->is_expanded = true;
        return OPTIONS_RUN;
    case OPTION_TIMING:
        out->is_timing = true;
        return OPTIONS_RUN;
    case 'q':
        out->is_quiet = true;
        return OPTIONS_RUN;
    case OPTION_TIMEOUT:
        return read_seconds(text, out);
    case OPTION_VERSION:
        (void)puts("kalam " KALAM_VERSION);
        return OPTIONS_ANSWERED;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return OPTIONS_ANSWERED;
    default: /* getopt has said what is wrong */
        fputs("       kalam --help lists the options\n", stderr);
        return OPTIONS_WRONG;
    }
}

/* What may not stand together. */
static enum options_result check(const struct options *options)
{
    const struct subscribe_options *subscription = &options->subscription;
    if (options->subscribe != NULL && options->action_count > 0) {
        return wrong("--subscribe cannot be combined with -c or --file", NULL);
    }
    if (options->subscribe == NULL &&
        (subscription->has_last_rows || subscription->has_from || subscription->count > 0)) {
        return wrong("--last-rows, --from and --count go with --subscribe", NULL);
    }
    if (subscription->has_last_rows && subscription->has_from) {
        return wrong("--last-rows and --from exclude each other", NULL);
    }
    return OPTIONS_RUN;
}

enum options_result options_parse(int argc, char **argv, struct options *out)
{
    *out = (struct options){
        .host = "127.0.0.1", .port = PORT_DEFAULT, .timeout_ms = TIMEOUT_S_DEFAULT * 1000};
    read_environment(out);
    optind = 1;
    for (;;) {
        int option = getopt_long(argc, argv, "c:f:q", names, NULL);
        if (option < 0) {
            break;
        }
        enum options_result result = read_one(option, optarg, out);
        if (result != OPTIONS_RUN) {
            return result;
        }
    }
    if (optind < argc) {
        return wrong("not an option", argv[optind]);
    }
    return check(out);
}

void options_release(struct options *options)
{
    mem_free(options->actions);
    options->actions = NULL;
    options->action_count = 0;
}
