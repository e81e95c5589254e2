/* bench/kalam_bench.c -- kalam-bench: measures a running server (bench/run.sh starts one for it).
 *
 *   kalam-bench --port N --pid N --data DIR [--quick] [--json FILE] [--settings FILE] [--only
 * GROUP]
 *
 * Groups: caches, parts, points, inserts, live, cold, files. The server's data folder must be
 * fresh: tables and users of these names are created. Exit status: 0 measured, whatever the
 * figures; 1 it could not; 2 wrong use. */
#include "base/fs.h"
#include "scenarios.h"

#include <getopt.h>

struct arguments {
    int port;
    int pid;
    const char *data_dir;
    const char *json;
    const char *settings;
    const char *only;
    bool is_quick;
};

static int misused(void)
{
    fputs("usage: kalam-bench --port N --pid N --data DIR [--quick] [--json FILE]\n"
          "                   [--settings FILE] [--only "
          "caches|parts|points|inserts|live|cold|files]\n",
          stderr);
    return 2;
}

static bool parse(int argc, char **argv, struct arguments *out)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},     {"pid", required_argument, NULL, 'i'},
        {"data", required_argument, NULL, 'd'},     {"json", required_argument, NULL, 'j'},
        {"settings", required_argument, NULL, 's'}, {"only", required_argument, NULL, 'o'},
        {"quick", no_argument, NULL, 'q'},          {NULL, 0, NULL, 0},
    };
    *out = (struct arguments){0};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) >= 0;) {
        switch (option) {
        case 'p':
            out->port = (int)strtol(optarg, NULL, 10);
            break;
        case 'i':
            out->pid = (int)strtol(optarg, NULL, 10);
            break;
        case 'd':
            out->data_dir = optarg;
            break;
        case 'j':
            out->json = optarg;
            break;
        case 's':
            out->settings = optarg;
            break;
        case 'o':
            out->only = optarg;
            break;
        case 'q':
            out->is_quick = true;
            break;
        default:
            return false;
        }
    }
    return out->port > 0 && out->port <= UINT16_MAX && out->pid > 0 && out->data_dir != NULL &&
           optind == argc;
}

static str read_settings(const char *path, struct arena *arena)
{
    struct error err;
    str text = STR_LIT("");
    if (path != NULL && !status_ok(fs_read(path, 1 << 20, arena, &text, &err))) {
        target_stop("%s", err.text);
    }
    return text;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct arena arena;
    if (!parse(argc, argv, &arguments)) {
        return misused();
    }
    arena_init(&arena);
    struct target target = {.host = "127.0.0.1",
                            .port = (uint16_t)arguments.port,
                            .pid = arguments.pid,
                            .data_dir = arguments.data_dir};
    target_open(&target, "bench", "bench-pass-1");
    struct bench bench = {.target = &target,
                          .report = report_create(arguments.is_quick ? "quick" : "full",
                                                  read_settings(arguments.settings, &arena)),
                          .is_quick = arguments.is_quick,
                          .warm_s = arguments.is_quick ? 0.2 : 1.0,
                          .run_s = arguments.is_quick ? 1.0 : 8.0,
                          .only = arguments.only};
    scenarios_run(&bench);
    report_finish(bench.report, arguments.json);
    report_destroy(bench.report);
    target_close(&target);
    arena_release(&arena);
    return 0;
}
