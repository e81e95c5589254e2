/* tests/unit/server/ws_message_test.c -- Goal: every message of the contract (http-ws.md 4.2) is
 * read, and what is none is refused with the name of the field. */
#include "server/ws_message.h"
#include "test.h"

static struct arena arena;
static struct error err;
static struct ws_request request;

static status read_text(const char *text)
{
    const struct json *tree = NULL;
    arena_release(&arena);
    arena_init(&arena);
    EXPECT_OK(json_parse(str_from(text), &arena, &tree, &err), &err);
    return ws_request_read(tree, &arena, &request, &err);
}

static void expect_refused(const char *text, const char *part)
{
    EXPECT_STATUS(read_text(text), INVALID);
    EXPECT(str_find(str_from(err.text), str_from(part)) >= 0);
}

TEST(ws_request_authenticate_needs_method_token_and_protocol)
{
    EXPECT_STATUS(
        read_text("{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":"
                  "{\"serialization\":\"msgpack\",\"compression\":\"none\"}}"),
        OK);
    EXPECT_INT(request.kind, WS_REQUEST_AUTHENTICATE);
    EXPECT_STR(request.token, "t");
    EXPECT(request.protocol.is_msgpack);
    EXPECT(!request.protocol.is_compressed);
    EXPECT(!request.protocol.has_hints);
    EXPECT_STATUS(
        read_text("{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":"
                  "{\"serialization\":\"json\",\"compression\":\"none\",\"hints\":true}}"),
        OK);
    EXPECT(request.protocol.has_hints);
    expect_refused("{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":"
                   "{\"serialization\":\"json\",\"compression\":\"none\",\"hints\":1}}",
                   "`hints`");
    expect_refused("{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\"}", "`protocol`");
    expect_refused("{\"type\":\"authenticate\",\"method\":\"jwt\",\"protocol\":{}}", "`token`");
    expect_refused("{\"type\":\"authenticate\",\"method\":\"basic\",\"token\":\"t\"}", "`method`");
    expect_refused("{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":"
                   "{\"serialization\":\"json\"}}",
                   "`compression`");
    arena_release(&arena);
}

TEST(ws_request_subscribe_reads_options_in_all_forms)
{
    EXPECT_STATUS(
        read_text("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"q\"}}"), OK);
    EXPECT(!request.subscribe.has_options);
    EXPECT_STATUS(read_text("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"q\","
                            "\"options\":null}}"),
                  OK);
    EXPECT(!request.subscribe.has_options);
    EXPECT_STATUS(read_text("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"q\","
                            "\"options\":{}}}"),
                  OK);
    EXPECT(request.subscribe.has_options);
    EXPECT(!request.subscribe.has_batch_size);
    EXPECT_STATUS(read_text("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"q\","
                            "\"options\":{\"batch_size\":5,\"last_rows\":null,\"from_seq_id\":"
                            "382966512379494401,\"leaves\":true,\"unknown\":[1]}}}"),
                  OK);
    EXPECT_INT(request.subscribe.batch_size, 5);
    EXPECT(!request.subscribe.has_last_rows);
    EXPECT(request.subscribe.has_from);
    EXPECT_UINT(request.subscribe.from, 382966512379494401);
    EXPECT(request.subscribe.leaves);
    EXPECT_STR(request.subscribe.options_json,
               "{\"batch_size\":5,\"last_rows\":null,\"from_seq_id\":382966512379494401,"
               "\"leaves\":true,\"unknown\":[1]}");
    EXPECT_STATUS(read_text("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"q\","
                            "\"options\":{\"from\":-1}}}"),
                  OK);
    EXPECT(request.subscribe.has_from);
    EXPECT_UINT(request.subscribe.from, 0);
    expect_refused("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"q\","
                   "\"options\":{\"from\":\"7\"}}}",
                   "`from`");
    expect_refused("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"q\","
                   "\"options\":{\"batch_size\":4294967296}}}",
                   "`batch_size`");
    expect_refused("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\"}}", "`sql`");
    expect_refused("{\"type\":\"subscribe\",\"subscriptions\":[]}", "`subscription`");
    arena_release(&arena);
}

TEST(ws_request_next_batch_takes_numbers_texts_and_null)
{
    EXPECT_STATUS(
        read_text("{\"type\":\"next_batch\",\"subscription_id\":\"s\",\"last_seq_id\":9}"), OK);
    EXPECT(request.has_after);
    EXPECT_UINT(request.after, 9);
    EXPECT_STATUS(
        read_text("{\"type\":\"next_batch\",\"subscription_id\":\"s\",\"last_seq_id\":\"9\"}"), OK);
    EXPECT_UINT(request.after, 9);
    EXPECT_STATUS(
        read_text("{\"type\":\"next_batch\",\"subscription_id\":\"s\",\"last_seq_id\":null}"), OK);
    EXPECT(!request.has_after);
    expect_refused("{\"type\":\"next_batch\",\"subscription_id\":\"s\",\"last_seq_id\":\"x\"}",
                   "`last_seq_id`");
    expect_refused("{\"type\":\"next_batch\"}", "`subscription_id`");
    arena_release(&arena);
}

TEST(ws_request_of_unknown_types_is_refused)
{
    expect_refused("{\"type\":\"shout\"}", "unknown message type");
    expect_refused("{\"type\":7}", "`type`");
    expect_refused("{}", "`type`");
    expect_refused("[]", "`type`");
    EXPECT_STATUS(read_text("{\"type\":\"ping\"}"), OK);
    EXPECT_STATUS(read_text("{\"type\":\"unsubscribe\",\"subscription_id\":\"s\"}"), OK);
    EXPECT_STR(request.subscription_id, "s");
    arena_release(&arena);
}
