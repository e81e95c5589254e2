/* tests/unit/net/tls_test.c -- Goal: behind the same connection API, bytes cross TLS whole in both
 * directions, and whoever is not trusted or does not speak TLS gets nowhere. Method: a loop on a
 * thread echoes; the blocking client talks to it. */
#include "test.h"

#include "base/hash.h"
#include "base/mem.h"
#include "certificate.h"
#include "net/client.h"
#include "net/internal.h"

static atomic_count ends[CONN_END_LOOP + 1];

static size_t on_data_echo(struct conn *conn, str bytes)
{
    if (str_eq_c(bytes, "finish")) {
        EXPECT_STATUS(conn_write(conn, STR_LIT("last words")), OK);
        conn_finish(conn);
    } else {
        EXPECT_STATUS(conn_write(conn, bytes), OK);
    }
    return bytes.n;
}

static void on_close(struct conn *conn, enum conn_end end)
{
    (void)conn;
    (void)atomic_count_add(&ends[end], 1);
}

static const struct conn_handler echo = {.on_data = on_data_echo, .on_close = on_close};

struct service {
    struct certificate certificate;
    struct tls_context *server_tls;
    struct tls_context *client_tls;
    struct loop *loop;
    struct thread thread;
    uint16_t port;
};

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void service_start(struct service *service, const struct clock *clock)
{
    struct error err;
    *service = (struct service){0};
    memset(ends, 0, sizeof ends);
    certificate_make(&service->certificate, "localhost");
    EXPECT_OK(tls_server_create(service->certificate.cert_path, service->certificate.key_path,
                                &service->server_tls, &err),
              &err);
    EXPECT_OK(tls_client_create(service->certificate.cert_path, &service->client_tls, &err), &err);
    EXPECT_OK(loop_create(clock, &service->loop, &err), &err);
    struct listen_options options = {
        .host = "127.0.0.1", .handler = &echo, .tls = service->server_tls};
    EXPECT_OK(loop_listen(service->loop, &options, &service->port, &err), &err);
    if (clock == clock_system()) {
        thread_start(&service->thread, "loop", 0, run_loop, service->loop);
    }
}

static void service_stop(struct service *service)
{
    if (service->thread.started) {
        loop_stop(service->loop);
        thread_join(&service->thread);
    }
    loop_destroy(service->loop);
    tls_context_destroy(service->server_tls);
    tls_context_destroy(service->client_tls);
    certificate_remove(&service->certificate);
}

static status connect_to(struct service *service, const char *host, struct tls_context *tls,
                         struct client **client, struct error *err)
{
    struct client_options to = {
        .host = host, .port = service->port, .connect_ms = 10000, .io_ms = 10000, .tls = tls};
    return client_open(&to, client, err);
}

TEST(tls_connection_echoes_what_was_sent)
{
    struct service service;
    struct error err;
    struct client *client = NULL;
    service_start(&service, clock_system());
    EXPECT_OK(connect_to(&service, "127.0.0.1", service.client_tls, &client, &err), &err);
    EXPECT_OK(client_send(client, STR_LIT("hello"), &err), &err);
    char text[16];
    size_t got = 0;
    EXPECT_OK(client_receive(client, text, sizeof text, &got, &err), &err);
    EXPECT_STR_EQ(str_of(text, got), STR_LIT("hello"));
    EXPECT_STATUS(client_receive_within(client, 0, text, sizeof text, &got, &err), TIMEOUT);
    client_close(client);
    service_stop(&service);
}

enum { MANY = 4 << 20 };

/* Nothing is read before half of it is on its way, so that the echo backs up. */
TEST(tls_connection_carries_megabytes_both_ways_past_a_slow_reader)
{
    struct service service;
    struct error err;
    struct client *client = NULL;
    service_start(&service, clock_system());
    EXPECT_OK(connect_to(&service, "127.0.0.1", service.client_tls, &client, &err), &err);
    char *bytes = mem_alloc(MANY);
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t i = 0; i < MANY; i++) {
        bytes[i] = (char)rng_next(&rng);
    }
    size_t sent = 0;
    size_t received = 0;
    char *back = mem_alloc(MANY);
    while (received < MANY) {
        size_t piece = MANY - sent < 300000 ? MANY - sent : 300000;
        EXPECT_OK(client_send(client, str_of(bytes + sent, piece), &err), &err);
        sent += piece;
        while (received < MANY && (received + 1000000 < sent || sent == MANY)) {
            size_t got = 0;
            EXPECT_OK(client_receive(client, back + received, MANY - received, &got, &err), &err);
            EXPECT(got > 0);
            received += got;
        }
    }
    EXPECT(memcmp(bytes, back, MANY) == 0);
    mem_free(bytes);
    mem_free(back);
    loop_stop(service.loop); /* the last bytes may be here before the loop has counted them */
    thread_join(&service.thread);
    EXPECT_UINT(loop_counts(service.loop).queued_bytes, 0);
    client_close(client);
    service_stop(&service);
}

TEST(conn_finish_over_tls_sends_the_last_bytes_and_a_goodbye)
{
    struct service service;
    struct error err;
    struct client *client = NULL;
    service_start(&service, clock_system());
    EXPECT_OK(connect_to(&service, "127.0.0.1", service.client_tls, &client, &err), &err);
    EXPECT_OK(client_send(client, STR_LIT("finish"), &err), &err);
    char text[16];
    size_t got = 0;
    EXPECT_OK(client_receive(client, text, sizeof text, &got, &err), &err);
    EXPECT_STR_EQ(str_of(text, got), STR_LIT("last words"));
    EXPECT_OK(client_receive(client, text, sizeof text, &got, &err), &err);
    EXPECT_UINT(got, 0);
    client_close(client);
    service_stop(&service);
}

TEST(client_open_without_trust_in_the_certificate_is_refused)
{
    struct service service;
    struct error err;
    struct client *client = NULL;
    struct tls_context *trusting_others = NULL;
    struct certificate other;
    service_start(&service, clock_system());
    certificate_make(&other, "localhost");
    EXPECT_OK(tls_client_create(other.cert_path, &trusting_others, &err), &err);
    EXPECT_STATUS(connect_to(&service, "127.0.0.1", trusting_others, &client, &err), UNAVAILABLE);
    EXPECT(str_find(str_from(err.text), STR_LIT("certificate")) >= 0);
    tls_context_destroy(trusting_others);
    certificate_remove(&other);
    service_stop(&service);
}

TEST(client_open_with_another_name_than_the_certificates_is_refused)
{
    struct service service;
    struct error err;
    struct client *client = NULL;
    service_start(&service, clock_system());
    EXPECT_OK(connect_to(&service, "localhost", service.client_tls, &client, &err), &err);
    client_close(client);
    EXPECT_STATUS(connect_to(&service, "127.0.0.2", service.client_tls, &client, &err),
                  UNAVAILABLE);
    service_stop(&service);
}

static void wait_for_end(enum conn_end end)
{
    for (int i = 0; i < 1000 && atomic_count_get(&ends[end]) == 0; i++) {
        struct cond cond;
        struct lock lock;
        lock_init(&lock, LOCK_TEST);
        cond_init(&cond);
        lock_take(&lock);
        (void)cond_wait_ms(&cond, &lock, 5);
        lock_give(&lock);
        cond_release(&cond);
        lock_release(&lock);
    }
    EXPECT_UINT(atomic_count_get(&ends[end]), 1);
}

TEST(tls_connection_of_a_plain_client_is_closed_as_bad)
{
    struct service service;
    struct error err;
    struct client *client = NULL;
    service_start(&service, clock_system());
    EXPECT_OK(connect_to(&service, "127.0.0.1", NULL, &client, &err), &err);
    EXPECT_OK(client_send(client, STR_LIT("GET / HTTP/1.1\r\n\r\n"), &err), &err);
    wait_for_end(CONN_END_TLS);
    client_close(client);
    service_stop(&service);
}

TEST(tls_connection_cut_without_goodbye_ends_by_peer)
{
    struct service service;
    struct error err;
    struct client *client = NULL;
    service_start(&service, clock_system());
    EXPECT_OK(connect_to(&service, "127.0.0.1", service.client_tls, &client, &err), &err);
    EXPECT(shutdown(client_fd(client), SHUT_RDWR) == 0);
    wait_for_end(CONN_END_PEER);
    client_close(client);
    service_stop(&service);
}

TEST(tls_handshake_that_never_comes_times_out)
{
    struct fake_clock fake;
    fake_clock_init(&fake, 0);
    struct service service;
    struct error err;
    struct client *client = NULL;
    service_start(&service, &fake.clock);
    EXPECT_OK(connect_to(&service, "127.0.0.1", NULL, &client, &err), &err);
    for (int i = 0; i < 500 && loop_counts(service.loop).connections == 0; i++) {
        (void)loop_turn(service.loop, 10);
    }
    fake_clock_advance(&fake, 9999000);
    (void)loop_turn(service.loop, 0);
    EXPECT_UINT(loop_counts(service.loop).connections, 1);
    fake_clock_advance(&fake, 1000);
    (void)loop_turn(service.loop, 0);
    EXPECT_UINT(loop_counts(service.loop).connections, 0);
    EXPECT_UINT(atomic_count_get(&ends[CONN_END_TIMEOUT]), 1);
    client_close(client);
    service_stop(&service);
}

TEST(tls_server_create_with_bad_files_names_them)
{
    struct error err;
    struct tls_context *tls = NULL;
    struct certificate one;
    struct certificate two;
    certificate_make(&one, "localhost");
    certificate_make(&two, "localhost");
    EXPECT_STATUS(tls_server_create("/nowhere/cert.pem", one.key_path, &tls, &err), INVALID);
    EXPECT(str_find(str_from(err.text), STR_LIT("/nowhere/cert.pem")) >= 0);
    EXPECT_STATUS(tls_server_create(one.cert_path, one.cert_path, &tls, &err), INVALID);
    EXPECT_STATUS(tls_server_create(one.cert_path, two.key_path, &tls, &err), INVALID);
    EXPECT(str_find(str_from(err.text), str_from(two.key_path)) >= 0);
    certificate_remove(&one);
    certificate_remove(&two);
}
