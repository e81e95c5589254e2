/* server/main.c -- the program kalamdb-server: [path of the TOML file], or --list-faults in testing
 * builds. Reads the configuration, opens the log, joins the parts, serves until SIGTERM or SIGINT.
 * Testing builds look at KALAMDB_FAULTS (base/fault.h) at the start, at the file that
 * KALAMDB_FAULTS_FILE names at each SIGUSR2, and move the wall clock by
 * KALAMDB_TEST_CLOCK_OFFSET_S seconds.
 * Exit status: 0 a clean end; 1 it could not start; 2 bad arguments; 71 the store failed. */
#include "base/fault.h"
#include "base/log.h"
#include "server/api_ws.h"
#include "server/config.h"
#include "server/server.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

/* Rooms that are joined to the server. */
static const struct server_part *const parts[] = {&api_ws_part};
enum { PART_COUNT = sizeof parts / sizeof parts[0] };

#ifdef KALAM_TESTING
static int list_faults(void)
{
    for (unsigned i = 0; fault_name(i) != NULL; i++) {
        (void)printf("%s\n", fault_name(i));
    }
    return 0;
}
#endif

static int refuse(const char *what, const struct error *err)
{
    (void)fprintf(stderr, "kalamdb-server: %s: %s\n", what, err->text);
    return 1;
}

static bool set_faults(void)
{
#ifdef KALAM_TESTING
    const char *faults = getenv("KALAMDB_FAULTS");
    if (faults != NULL && !fault_set(faults)) {
        (void)fprintf(stderr, "kalamdb-server: KALAMDB_FAULTS is not well-formed: %s\n", faults);
        return false;
    }
#endif
    return true;
}

#ifdef KALAM_TESTING

/* Faults from now on: those that the file names, after a line with the hits so far. */
static void change_faults(void)
{
    const char *path = getenv("KALAMDB_FAULTS_FILE");
    for (unsigned i = 0; fault_name(i) != NULL; i++) {
        uint64_t hits = fault_hits(fault_name(i));
        if (hits > 0) {
            log_info("faults", "hits", "name=%s count=%llu", fault_name(i),
                     (unsigned long long)hits);
        }
    }
    fault_clear();
    char text[1024] = "";
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    if (file != NULL) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        (void)fclose(file);
    }
    log_info("faults", "changed", "ok=%d faults=\"%s\"", fault_set(text), text);
}

static int64_t moved_wall_us(void *context)
{
    return clock_wall_us(clock_system()) + *(const int64_t *)context;
}

static uint64_t mono_us(void *context)
{
    (void)context;
    return clock_mono_us(clock_system());
}

static const struct clock *choose_clock(void)
{
    static int64_t offset_us;
    static const struct clock moved = {moved_wall_us, mono_us, &offset_us};
    const char *seconds = getenv("KALAMDB_TEST_CLOCK_OFFSET_S");
    if (seconds == NULL) {
        return clock_system();
    }
    offset_us = strtoll(seconds, NULL, 10) * 1000000;
    return &moved;
}

#else

static const struct clock *choose_clock(void)
{
    return clock_system();
}

#endif

/* A connection is a descriptor: as many as the system lets us have. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static status open_log(const struct config *config, struct arena *arena, struct error *err)
{
    struct log_options options = {.level = LOG_INFO,
                                  .format = LOG_COMPACT,
                                  .to_console = config->logging_to_console,
                                  .file_bytes_max = config->logging_rotate_bytes,
                                  .old_files_max = config->logging_rotate_files};
    (void)log_level_parse(config->logging_level, &options.level);
    (void)log_format_parse(config->logging_format, &options.format);
    for (unsigned i = 0; i < config->logging_levels.count && i < LOG_MODULES_MAX; i++) {
        options.module_count += log_module_level_parse(config->logging_levels.items[i],
                                                       &options.modules[options.module_count]);
    }
    if (config->logging_path.n > 0) {
        options.directory = str_cstr(arena, config->logging_path);
    }
    TRY(log_open(&options, err));
    for (unsigned i = 0; i < config->warnings.count; i++) {
        log_warn("config", "warning", "text=\"" STR_FMT "\"", STR(config->warnings.items[i]));
    }
    return STATUS_IS_OK;
}

static void end_at_once(int signal_number)
{
    _exit(128 + signal_number);
}

/* Signals wait for sigwait; threads started later inherit that. */
static sigset_t hold_signals(void)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGINT);
    (void)sigaddset(&held, SIGTERM);
#ifdef KALAM_TESTING
    (void)sigaddset(&held, SIGUSR2);
#endif
    (void)sigprocmask(SIG_BLOCK, &held, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return held;
}

static void wait_for_signal(const sigset_t *held)
{
    int signal_number = 0;
    while (sigwait(held, &signal_number) != 0 || signal_number == SIGUSR2) {
#ifdef KALAM_TESTING
        if (signal_number == SIGUSR2) {
            change_faults();
        }
#endif
    }
    log_info("server", "signal", "number=%d", signal_number);
    (void)signal(SIGINT, end_at_once);
    (void)signal(SIGTERM, end_at_once);
    (void)sigprocmask(SIG_UNBLOCK, held, NULL);
}

static void say_ready(const struct server *server)
{
    str host = server->config->server_host;
    bool is_ipv6 = str_find_char(host, ':') >= 0;
    log_info("server", "listening", "host=" STR_FMT " port=%u loops=%u workers=%u", STR(host),
             server->port, server->loop_count, server->worker_count);
    (void)printf("listening on %s" STR_FMT "%s:%u\n", is_ipv6 ? "[" : "", STR(host),
                 is_ipv6 ? "]" : "", server->port);
    (void)fflush(stdout);
}

static int serve(const struct config *config)
{
    struct server *server = NULL;
    struct error err;
    error_clear(&err);
    sigset_t held = hold_signals();
    if (!status_ok(server_create(config, choose_clock(), parts, PART_COUNT, &server, &err))) {
        log_error("server", "not_started", "reason=\"%s\"", err.text);
        return refuse("cannot start", &err);
    }
    server_start(server);
    say_ready(server);
    wait_for_signal(&held);
    server_stop(server);
    server_destroy(server);
    log_info("server", "stopped", "clean=true");
    return 0;
}

static int load_and_serve(const char *path, struct arena *arena)
{
    struct config config;
    struct error err;
    error_clear(&err);
    if (!status_ok(config_load(path, (const char *const *)environ, arena, &config, &err))) {
        return refuse("configuration", &err);
    }
    if (!status_ok(open_log(&config, arena, &err))) {
        return refuse("log", &err);
    }
    int code = serve(&config);
    log_close();
    return code;
}

int main(int argc, char **argv)
{
    (void)setlocale(LC_ALL, "C");
#ifdef KALAM_TESTING
    if (argc == 2 && strcmp(argv[1], "--list-faults") == 0) {
        return list_faults();
    }
#endif
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        (void)fprintf(stderr, "usage: kalamdb-server [server.toml]\n");
        return 2;
    }
    if (!set_faults()) {
        return 2;
    }
    raise_descriptors();
    struct arena arena;
    arena_init(&arena);
    int code = load_and_serve(argc == 2 ? argv[1] : NULL, &arena);
    arena_release(&arena);
    return code;
}
