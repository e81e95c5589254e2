/* tests/unit/server/config_test.c -- Goal: defaults are the table's, files and environment override
 * them in that order, errors name file, line, key, found and expected; the example file is the
 * table, and loading it changes nothing. With KALAM_WRITE_EXAMPLE=1 the example file is written. */
#include "test.h"

#include "base/mem.h"
#include "server/config.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena arena;

static struct config parse(const char *text, const char *const *environment)
{
    struct config config;
    struct error err;
    arena_init(&arena);
    EXPECT_OK(config_parse(str_from(text), "server.toml", environment, &arena, &config, &err),
              &err);
    return config;
}

static void done(void)
{
    arena_release(&arena);
}

static void expect_refused(const char *text, const char *const *environment, const char *message)
{
    struct config config;
    struct error err;
    arena_init(&arena);
    EXPECT_STATUS(config_parse(str_from(text), "server.toml", environment, &arena, &config, &err),
                  INVALID);
    EXPECT(err.id == ERROR_CONFIG);
    if (str_find(str_from(err.text), str_from(message)) < 0) {
        test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", message, err.text);
    }
    done();
}

TEST(config_parse_of_nothing_gives_the_defaults_of_the_contract)
{
    struct config c = parse("", NULL);
    EXPECT_STR(c.server_host, "127.0.0.1");
    EXPECT_UINT(c.server_port, 8080);
    EXPECT_STR(c.storage_data_path, "./data");
    EXPECT_UINT(c.limit_query_rows, 1000);
    EXPECT_UINT(c.limit_query_rows_default, 50);
    EXPECT_STR(c.logging_level, "info");
    EXPECT(c.logging_to_console);
    EXPECT_UINT(c.http_keepalive_s, 75);
    EXPECT_UINT(c.body_bytes_max, 10485760);
    EXPECT_UINT(c.rate_logins, 20);
    EXPECT_UINT(c.auth_bcrypt_cost, 12);
    EXPECT_UINT(c.auth_jwt_hours, 24);
    EXPECT_STR(c.auth_jwt_secret, "");
    EXPECT(c.auth_cookie_secure && !c.auth_remote_setup);
    EXPECT_UINT(c.cors_methods.count, 6);
    EXPECT_STR(c.cors_methods.items[5], "OPTIONS");
    EXPECT_UINT(c.cors_origins.count, 0);
    EXPECT(!c.cors_credentials);
    EXPECT(c.parquet_bloom_fpp == 0.01);
    EXPECT_UINT(c.warnings.count, 0);
    EXPECT_STR(c.source, "");
    done();
}

TEST(config_parse_reads_every_kind_of_value)
{
    struct config c = parse("transaction_timeout_secs = 7\n"
                            "[server]\nhost = \"localhost\"\nport = 0\n"
                            "[storage]\ndata_path = \"/srv/k\"\ndurability = \"async\"\n"
                            "[rate_limit]\nrequest_body_limit_bytes = 99999999\n"
                            "[logging]\nlog_to_console = false\n"
                            "[parquet]\nbloom_filter_fpp = 0\n"
                            "[security.cors]\nallowed_origins = [\"http://a\", \"http://b\"]\n"
                            "[authentication]\nbcrypt_cost = 4\n",
                            NULL);
    EXPECT_UINT(c.transaction_timeout_s, 7);
    EXPECT_STR(c.server_host, "localhost");
    EXPECT_UINT(c.server_port, 0);
    EXPECT_STR(c.storage_data_path, "/srv/k");
    EXPECT_STR(c.storage_durability, "async");
    EXPECT_UINT(c.body_bytes_max, 99999999);
    EXPECT(!c.logging_to_console);
    EXPECT(c.parquet_bloom_fpp == 0.0);
    EXPECT_UINT(c.cors_origins.count, 2);
    EXPECT_STR(c.cors_origins.items[1], "http://b");
    EXPECT(c.cors_credentials); /* the table is there, the key is not */
    EXPECT_UINT(c.auth_bcrypt_cost, 4);
    EXPECT_UINT(c.warnings.count, 0);
    done();
}

TEST(config_parse_lets_the_environment_win_over_the_file)
{
    static const char *const environment[] = {"HOME=/",
                                              "KALAMDB_SERVER_PORT=9000",
                                              "KALAMDB_HOST=127.0.0.2",
                                              "KALAMDB_COOKIE_SECURE=FALSE",
                                              "KALAMDB_SECURITY_CORS_ALLOWED_ORIGINS= http://a ,,*",
                                              "KALAMDB_SERVER_PORTX=1",
                                              NULL};
    struct config c = parse("[server]\nport = 1\nhost = \"localhost\"\n", environment);
    EXPECT_UINT(c.server_port, 9000);
    EXPECT_STR(c.server_host, "127.0.0.2");
    EXPECT(!c.auth_cookie_secure);
    EXPECT_UINT(c.cors_origins.count, 2);
    EXPECT_STR(c.cors_origins.items[0], "http://a");
    EXPECT_STR(c.cors_origins.items[1], "*");
    done();
    static const char *const both[] = {"KALAMDB_HOST=127.0.0.2", "KALAMDB_SERVER_HOST=127.0.0.3",
                                       NULL};
    EXPECT_STR(parse("", both).server_host, "127.0.0.3"); /* the newer name wins */
    done();
}

TEST(config_parse_of_a_wrong_value_names_file_line_key_found_and_expected)
{
    expect_refused("[server]\n\nport = 70000\n", NULL,
                   "server.toml:3: server.port: found 70000, expected a whole number from 0 to "
                   "65535");
    expect_refused("[server]\nport = -1\n", NULL, "server.toml:2: server.port: found -1");
    expect_refused("[server]\nport = \"80\"\n", NULL, "found \"80\", expected a whole number");
    expect_refused("[server]\nport = 80.5\n", NULL, "found 80.5");
    expect_refused("[server]\nhost = 5\n", NULL, "server.host: found 5, expected a text in quotes");
    expect_refused("[server.host]\nx = 1\n", NULL, "server.host: found a table");
    expect_refused("[logging]\nlog_to_console = \"yes\"\n", NULL,
                   "found \"yes\", expected true or false");
    expect_refused("[security]\ntrusted_proxy_ranges = \"10.0.0.0/8\"\n", NULL,
                   "expected a list of texts");
    expect_refused("[security]\ntrusted_proxy_ranges = [\"a\", 5]\n", NULL,
                   "found a list, expected a list of texts");
    expect_refused("[parquet]\nbloom_filter_fpp = 2.0\n", NULL,
                   "found 2, expected a number from 0");
    expect_refused("[parquet]\nbloom_filter_fpp = nan\n", NULL, "found nan, expected a number");
    expect_refused("[auth]\njwt_secret = 12345\n", NULL,
                   "auth.jwt_secret: found a whole number, expected a text in quotes");
    expect_refused("[auth]\nbcrypt_cost = 4\n[authentication]\nbcrypt_cost = 5\n", NULL,
                   "auth.bcrypt_cost is set twice");
    expect_refused("[server\nport = 1\n", NULL, "server.toml: line 1, column ");
    static const char *const environment[] = {"KALAMDB_PORT=many", NULL};
    expect_refused("", environment,
                   "environment KALAMDB_PORT (server.port): found 'many', expected a whole number");
}

TEST(config_parse_of_words_tells_which_there_are)
{
    expect_refused("[logging]\nlevel = \"loud\"\n", NULL,
                   "server.toml:2: logging.level: found \"loud\", expected trace, debug, info, "
                   "warn or error");
    expect_refused("[logging]\nformat = \"xml\"\n", NULL, "expected compact, pretty or json");
    expect_refused("[storage]\ndurability = \"maybe\"\n", NULL, "expected sync or async");
    expect_refused("[parquet]\ncompression = \"lzo\"\n", NULL, "expected zstd, snappy or ");
}

TEST(config_parse_ignores_what_it_does_not_know_and_says_so)
{
    struct config c = parse("[server]\nprot = 1\n"
                            "[what]\nx = 1\ny = [1, {z = 2}]\n"
                            "[cluster]\nnode_id = 1\n[[cluster.peers]]\nnode_id = 2\n"
                            "[storage.rocksdb.cf_profiles.raft]\nwrite_buffer_size = 1\n"
                            "[logging.targets]\n\"a.b\" = \"debug\"\n"
                            "[datafusion]\nmemory_limit = 1\n",
                            NULL);
    EXPECT_UINT(c.warnings.count, 3);
    EXPECT_STR(c.warnings.items[0], "server.toml:2: server.prot is not a setting; it is ignored");
    EXPECT_STR(c.warnings.items[1], "server.toml:4: what.x is not a setting; it is ignored");
    EXPECT_STR(c.warnings.items[2], "server.toml:5: what.y is not a setting; it is ignored");
    done();
}

TEST(config_parse_of_an_empty_section_that_has_settings_says_nothing)
{
    struct config c = parse("[limits]\n[storage]\n[performance]\n[security]\n[nonsense]\n", NULL);
    EXPECT_UINT(c.warnings.count, 1);
    EXPECT(str_find(c.warnings.items[0], STR_LIT("nonsense is not a setting")) >= 0);
    done();
}

TEST(config_parse_reads_levels_of_modules_and_refuses_what_is_none)
{
    const char *const environment[] = {"KALAMDB_LOG_LEVELS=live=debug, http=warn", NULL};
    struct config c = parse("[logging]\nlevels = [\"net=error\"]\n", environment);
    EXPECT_UINT(c.logging_levels.count, 2);
    EXPECT_STR(c.logging_levels.items[1], "http=warn");
    done();
    expect_refused("[logging]\nlevels = [\"live\"]\n", NULL,
                   "server.toml:2: logging.levels: found \"live\", expected a module, = and trace");
    expect_refused("[metrics]\naccess = \"all\"\n", NULL,
                   "server.toml:2: metrics.access: found \"all\", expected local, token or off");
}

TEST(config_parse_of_an_exposed_server_wants_origins_and_a_real_secret)
{
    expect_refused("[server]\nhost = \"0.0.0.0\"\n", NULL,
                   "security.cors.allowed_origins: found an empty list, expected the origins");
    expect_refused("[server]\npublic_origin = \"https://db.example.org\"\n", NULL,
                   "security.cors.allowed_origins");
    expect_refused("[server]\nhost = \"0.0.0.0\"\n[security.cors]\nallowed_origins = [\"*\"]\n"
                   "[auth]\njwt_secret = \"short\"\n",
                   NULL, "server.toml:6: auth.jwt_secret: found a short or well-known text");
    expect_refused("[server]\nhost = \"::\"\n[security.cors]\nallowed_origins = [\"*\"]\n"
                   "[auth]\njwt_secret = \"CHANGE_ME_IN_PRODUCTION\"\n",
                   NULL, "auth.jwt_secret");
    struct config c = parse("[server]\nhost = \"0.0.0.0\"\n[security.cors]\n"
                            "allowed_origins = [\"http://a\"]\n[auth]\n"
                            "jwt_secret = \"0123456789abcdef0123456789abcdef\"\n",
                            NULL);
    EXPECT_UINT(c.warnings.count, 0);
    done();
    c = parse("[server]\nhost = \"0.0.0.0\"\n[security.cors]\nallowed_origins = [\"*\"]\n", NULL);
    EXPECT_STR(c.auth_jwt_secret, ""); /* one is made */
    done();
    c = parse("[auth]\njwt_secret = \"short\"\n", NULL);
    EXPECT_UINT(c.warnings.count, 1);
    EXPECT(str_find(c.warnings.items[0], STR_LIT("short")) >= 0);
    done();
    c = parse("[server]\npublic_origin = \"http://localhost:8080\"\n", NULL);
    EXPECT_UINT(c.warnings.count, 0);
    done();
    expect_refused("[server]\npublic_origin = \"ftp://a\"\n", NULL,
                   "server.public_origin: found \"ftp://a\", expected http:// or https://");
    expect_refused("[server]\npublic_origin = \"http://\"\n", NULL, "server.public_origin");
}

TEST(config_host_is_loopback_for_this_machine_only)
{
    static const char *const yes[] = {"127.0.0.1", "127.1.2.3", "localhost",
                                      "LOCALHOST", "::1",       "[::1]"};
    static const char *const no[] = {"",  "0.0.0.0",           "::", "10.0.0.1", "128.0.0.1",
                                     "*", "localhost.evil.org"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        EXPECT(config_host_is_loopback(str_from(yes[i])));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        EXPECT(!config_host_is_loopback(str_from(no[i])));
    }
    EXPECT(!config_host_is_loopback(STR_LIT("127.example.org")));
}

TEST(config_parse_checks_settings_that_belong_together)
{
    expect_refused("[limits]\nmax_query_limit = 10\n", NULL,
                   "limits.default_query_limit: found 50, expected at most limits.max_query_limit, "
                   "which is 10");
    expect_refused("[tls]\ncert = \"c.pem\"\n", NULL, "tls.key: found nothing, expected a file");
    expect_refused("[tls]\nkey = \"k.pem\"\n", NULL, "tls.cert: found nothing");
    expect_refused("[storage]\ndata_path = \"\"\n", NULL, "storage.data_path");
    struct config c = parse("[limits]\nmax_query_limit = 0\ndefault_query_limit = 0\n", NULL);
    EXPECT_UINT(c.limit_query_rows, 0);
    done();
}

TEST(config_load_reads_the_file_and_refuses_a_missing_one)
{
    struct config config;
    struct error err;
    char directory[] = "/tmp/kalam-config-XXXXXX";
    char path[64];
    EXPECT(mkdtemp(directory) != NULL);
    (void)snprintf(path, sizeof path, "%s/my.toml", directory);
    arena_init(&arena);
    EXPECT_STATUS(config_load(path, NULL, &arena, &config, &err), INVALID);
    EXPECT(str_find(str_from(err.text), STR_LIT("my.toml': there is no such file")) >= 0);
    FILE *file = fopen(path, "we");
    EXPECT(file != NULL && fputs("[server]\nport = 1234\n", file) >= 0 && fclose(file) == 0);
    EXPECT_OK(config_load(path, NULL, &arena, &config, &err), &err);
    EXPECT_UINT(config.server_port, 1234);
    EXPECT_STR_EQ(config.source, str_from(path));
    (void)unlink(path);
    (void)rmdir(directory);
    done();
}

static str value_of(const struct config *config, const char *key, struct buf *out)
{
    for (unsigned i = 0; config_setting_at(i) != NULL; i++) {
        if (strcmp(config_setting_at(i)->key, key) == 0) {
            buf_clear(out);
            config_append_value(out, config, i);
            return buf_str(out);
        }
    }
    return STR_LIT("no such setting");
}

TEST(config_append_value_shows_values_and_no_secret)
{
    struct buf out;
    buf_init(&out);
    struct config c = parse("[auth]\nroot_password = \"open sesame\"\n"
                            "[security.cors]\nallowed_origins = [\"http://a\", \"http://b\"]\n",
                            NULL);
    EXPECT_STR(value_of(&c, "auth.root_password", &out), "***");
    EXPECT_STR(value_of(&c, "auth.jwt_secret", &out), "");
    EXPECT_STR(value_of(&c, "server.port", &out), "8080");
    EXPECT_STR(value_of(&c, "auth.cookie_secure", &out), "true");
    EXPECT_STR(value_of(&c, "parquet.bloom_filter_fpp", &out), "0.01");
    EXPECT_STR(value_of(&c, "security.cors.allowed_origins", &out), "http://a, http://b");
    for (unsigned i = 0; config_setting_at(i) != NULL; i++) {
        buf_clear(&out);
        config_append_value(&out, &c, i);
        EXPECT(str_find(buf_str(&out), STR_LIT("sesame")) < 0);
    }
    buf_release(&out);
    done();
}

static const char example_path[] = "config/server.example.toml";

static void write_example(const struct buf *text)
{
    FILE *file = fopen(example_path, "we");
    EXPECT(file != NULL && fwrite(text->p, 1, text->n, file) == text->n && fclose(file) == 0);
}

TEST(example_file_is_the_table_of_settings)
{
    struct buf wanted;
    static char found[256 * 1024];
    buf_init(&wanted);
    config_append_example(&wanted);
    if (getenv("KALAM_WRITE_EXAMPLE") != NULL) {
        write_example(&wanted);
    }
    FILE *file = fopen(example_path, "re");
    EXPECT(file != NULL);
    size_t n = fread(found, 1, sizeof found, file);
    (void)fclose(file);
    EXPECT(str_eq(str_of(found, n), buf_str(&wanted)));
    for (unsigned i = 0; config_setting_at(i) != NULL; i++) {
        str key = str_from(config_setting_at(i)->key);
        while (str_find_char(key, '.') >= 0) {
            key = str_skip(key, (size_t)str_find_char(key, '.') + 1);
        }
        EXPECT(str_find(str_of(found, n), key) >= 0);
    }
    buf_release(&wanted);
}

TEST(example_file_loaded_gives_the_defaults)
{
    struct buf text;
    struct buf one;
    struct buf two;
    buf_init(&text);
    buf_init(&one);
    buf_init(&two);
    config_append_example(&text);
    buf_append_byte(&text, '\0');
    struct config example = parse(text.p, NULL);
    EXPECT_UINT(example.warnings.count, 0);
    struct arena kept = arena;
    struct config standard = parse("", NULL);
    for (unsigned i = 0; config_setting_at(i) != NULL; i++) {
        buf_clear(&one);
        buf_clear(&two);
        config_append_value(&one, &example, i);
        config_append_value(&two, &standard, i);
        EXPECT_STR_EQ(buf_str(&one), buf_str(&two));
    }
    arena_release(&kept);
    done();
    buf_release(&text);
    buf_release(&one);
    buf_release(&two);
}
