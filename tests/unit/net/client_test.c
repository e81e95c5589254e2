/* tests/unit/net/client_test.c -- Goal: every wait of the blocking client ends, and failures say
 * what happened. */
#include "test.h"

#include "net/client.h"
#include "net/conn.h"
#include "net/loop.h"

static size_t consume_all(struct conn *conn, str bytes)
{
    (void)conn;
    return bytes.n;
}

static const struct conn_handler sink = {.on_data = consume_all};

static struct loop *listening(uint16_t *port)
{
    struct error err;
    struct loop *loop = NULL;
    EXPECT_OK(loop_create(clock_system(), &loop, &err), &err);
    struct listen_options options = {.host = "localhost", .handler = &sink};
    EXPECT_OK(loop_listen(loop, &options, port, &err), &err);
    return loop;
}

TEST(client_open_where_nobody_listens_is_unavailable)
{
    uint16_t port = 0;
    struct loop *loop = listening(&port);
    loop_destroy(loop);
    struct client_options to = {.host = "127.0.0.1", .port = port};
    struct client *client = NULL;
    struct error err;
    EXPECT_STATUS(client_open(&to, &client, &err), UNAVAILABLE);
    EXPECT(str_find(str_from(err.text), STR_LIT("cannot connect to 127.0.0.1:")) >= 0);
}

TEST(client_open_of_an_unknown_host_is_invalid)
{
    struct client_options to = {.host = "no such host", .port = 1};
    struct client *client = NULL;
    struct error err;
    EXPECT_STATUS(client_open(&to, &client, &err), INVALID);
    EXPECT(str_find(str_from(err.text), STR_LIT("'no such host'")) >= 0);
}

TEST(client_open_by_name_finds_the_listener)
{
    uint16_t port = 0;
    struct loop *loop = listening(&port);
    struct client_options to = {.host = "localhost", .port = port};
    struct client *client = NULL;
    struct error err;
    EXPECT_OK(client_open(&to, &client, &err), &err);
    client_close(client);
    loop_destroy(loop);
}

TEST(client_receive_from_a_silent_peer_times_out_and_the_connection_lives)
{
    uint16_t port = 0;
    struct loop *loop = listening(&port);
    struct client_options to = {.host = "localhost", .port = port, .io_ms = 20};
    struct client *client = NULL;
    struct error err;
    EXPECT_OK(client_open(&to, &client, &err), &err);
    char byte = 0;
    size_t got = 0;
    EXPECT_STATUS(client_receive(client, &byte, 1, &got, &err), TIMEOUT);
    EXPECT_STATUS(client_receive_within(client, 0, &byte, 1, &got, &err), TIMEOUT);
    EXPECT_OK(client_send(client, STR_LIT("still here"), &err), &err);
    client_close(client);
    loop_destroy(loop);
}

TEST(client_send_to_a_peer_that_does_not_read_times_out)
{
    uint16_t port = 0;
    struct loop *loop = listening(&port); /* never turned: nobody reads */
    struct client_options to = {.host = "localhost", .port = port, .io_ms = 20};
    struct client *client = NULL;
    struct error err;
    EXPECT_OK(client_open(&to, &client, &err), &err);
    static char block[1 << 16];
    status s = STATUS_IS_OK;
    for (int i = 0; i < 1000 && status_ok(s); i++) {
        s = client_send(client, str_of(block, sizeof block), &err);
    }
    EXPECT_STATUS(s, TIMEOUT);
    client_close(client);
    loop_destroy(loop);
}

TEST(client_receive_after_the_peer_closed_gives_zero_bytes)
{
    uint16_t port = 0;
    struct loop *loop = listening(&port);
    struct client_options to = {.host = "localhost", .port = port, .io_ms = 5000};
    struct client *client = NULL;
    struct error err;
    EXPECT_OK(client_open(&to, &client, &err), &err);
    for (int i = 0; i < 500 && loop_counts(loop).connections == 0; i++) {
        (void)loop_turn(loop, 10);
    }
    loop_destroy(loop);
    char byte = 0;
    size_t got = 1;
    EXPECT_OK(client_receive(client, &byte, 1, &got, &err), &err);
    EXPECT_UINT(got, 0);
    client_close(client);
}
