/* tests/unit/server/client_ip_test.c -- Goal: addresses are read as the RFCs write them, and nobody
 * becomes local, or somebody else, by a header that the peer may not send. */
#include "test.h"

#include "server/client_ip.h"

static bool parses(const char *text, const char *same_as)
{
    struct ip a;
    struct ip b;
    return ip_parse(str_from(text), &a) && ip_parse(str_from(same_as), &b) &&
           memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

TEST(ip_parse_reads_every_form_of_an_address)
{
    EXPECT(parses("192.0.2.7", "::ffff:192.0.2.7"));
    EXPECT(parses("2001:db8::1", "2001:0DB8:0:0:0:0:0:1"));
    EXPECT(parses("::", "0:0:0:0:0:0:0:0"));
    EXPECT(parses("1::", "1:0:0:0:0:0:0:0"));
    EXPECT(parses("::1", "0::1"));
    EXPECT(parses("64:ff9b::1.2.3.4", "64:ff9b::102:304"));
}

TEST(ip_parse_refuses_what_is_no_address)
{
    static const char *const texts[] = {"",
                                        "1.2.3",
                                        "1.2.3.4.5",
                                        "256.1.1.1",
                                        "01.2.3.4",
                                        "1.2.3.4 ",
                                        "1..2.3",
                                        "a.b.c.d",
                                        ":",
                                        ":::",
                                        "1:2:3",
                                        "1::2::3",
                                        "12345::",
                                        "g::",
                                        "1:2:3:4:5:6:7:8:9",
                                        "1:2:3:4:5:6:7::8",
                                        "::1.2.3",
                                        "1.2.3.4::",
                                        "[::1]",
                                        "::1%eth0",
                                        "1:2:3:4:5:6:7:1.2.3.4"};
    struct ip ip;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (ip_parse(str_from(texts[i]), &ip)) {
            test_fail(__FILE__, __LINE__, "%s was taken", texts[i]);
        }
    }
}

static bool in_range(const char *range, const char *address)
{
    struct ip_range r;
    struct ip ip;
    struct error err;
    EXPECT_OK(ip_range_parse(str_from(range), &r, &err), &err);
    EXPECT(ip_parse(str_from(address), &ip));
    return ip_range_has(&r, &ip);
}

TEST(ip_range_has_compares_the_bits_that_count)
{
    EXPECT(in_range("10.0.0.0/8", "10.255.1.2"));
    EXPECT(!in_range("10.0.0.0/8", "11.0.0.0"));
    EXPECT(in_range("10.1.2.128/25", "10.1.2.255"));
    EXPECT(!in_range("10.1.2.128/25", "10.1.2.127"));
    EXPECT(in_range("0.0.0.0/0", "1.2.3.4"));
    EXPECT(!in_range("0.0.0.0/0", "2001:db8::1"));
    EXPECT(in_range("192.0.2.7", "192.0.2.7"));
    EXPECT(!in_range("192.0.2.7", "192.0.2.6"));
    EXPECT(in_range("fd00::/8", "fd12::1"));
    EXPECT(!in_range("fd00::/8", "fe00::1"));
    EXPECT(in_range("::/0", "1.2.3.4"));
}

TEST(ip_range_parse_with_bad_bits_is_refused)
{
    struct ip_range r;
    struct error err;
    EXPECT_STATUS(ip_range_parse(STR_LIT("10.0.0.0/33"), &r, &err), INVALID);
    EXPECT_STATUS(ip_range_parse(STR_LIT("::/129"), &r, &err), INVALID);
    EXPECT_STATUS(ip_range_parse(STR_LIT("10.0.0.0/"), &r, &err), INVALID);
    EXPECT_STATUS(ip_range_parse(STR_LIT("proxy"), &r, &err), INVALID);
}

/* The client of a peer that sends X-Forwarded-For `forwarded` (NULL: no such header). */
static struct client find(const char *peer, bool is_local, const char *forwarded,
                          const char *trusted, struct arena *arena)
{
    struct http_headers headers = {.count = 0};
    struct ip_range range;
    struct error err;
    if (forwarded != NULL) {
        headers.items[headers.count++] =
            (struct http_header){STR_LIT("X-Forwarded-For"), str_from(forwarded)};
    }
    if (trusted != NULL) {
        EXPECT_OK(ip_range_parse(str_from(trusted), &range, &err), &err);
    }
    return client_find(str_from(peer), is_local, &headers, &range, trusted != NULL ? 1 : 0, arena);
}

static void expect_client(const char *peer, bool peer_is_local, const char *forwarded,
                          const char *trusted, const char *ip, bool is_local)
{
    struct arena arena;
    arena_init(&arena);
    struct client client = find(peer, peer_is_local, forwarded, trusted, &arena);
    EXPECT_STR_EQ(client.ip, str_from(ip));
    EXPECT(client.is_local == is_local);
    arena_release(&arena);
}

TEST(client_find_believes_headers_of_trusted_peers_only)
{
    expect_client("127.0.0.1", true, NULL, NULL, "127.0.0.1", true);
    expect_client("127.0.0.1", true, "203.0.113.9", NULL, "203.0.113.9", false);
    expect_client("198.51.100.1", false, "203.0.113.9", NULL, "198.51.100.1", false);
    expect_client("198.51.100.1", false, "127.0.0.1", NULL, "198.51.100.1", false);
    expect_client("198.51.100.1", false, "203.0.113.9", "198.51.100.0/24", "203.0.113.9", false);
    expect_client("198.51.100.1", false, "203.0.113.9", "192.0.2.0/24", "198.51.100.1", false);
}

TEST(client_find_takes_the_first_element_that_is_not_this_machine)
{
    expect_client("127.0.0.1", true, "203.0.113.9, 10.0.0.1", NULL, "203.0.113.9", false);
    expect_client("127.0.0.1", true, "127.0.0.1, 203.0.113.9", NULL, "203.0.113.9", false);
    expect_client("127.0.0.1", true, "localhost:80, [::1]:80 , ::1", NULL, "127.0.0.1", true);
    expect_client("198.51.100.1", false, "::1", "198.51.100.0/24", "198.51.100.1", false);
}

TEST(client_find_strips_ports_and_gives_garbage_one_name)
{
    expect_client("127.0.0.1", true, "203.0.113.9:1234", NULL, "203.0.113.9", false);
    expect_client("127.0.0.1", true, "[2001:DB8::1]:1234", NULL, "2001:db8::1", false);
    expect_client("127.0.0.1", true, "2001:db8::1", NULL, "2001:db8::1", false);
    expect_client("127.0.0.1", true, "garbage", NULL, "unknown", false);
    expect_client("127.0.0.1", true, "unknown", NULL, "unknown", false);
}
