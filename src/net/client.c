/* net/client.c -- a non-blocking socket and poll(), so that every wait has an end. */
#include "net/client.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

enum { CONNECT_MS_DEFAULT = 10000 };

struct client {
    struct client_options options; /* host is the caller's and not used after client_open */
    struct tls_session *tls;       /* NULL: plain */
    int fd;
};

/* True: the socket can do it, or has failed, which the next call tells. False: `ms` passed. A
 * signal does not end the wait. */
static bool wait_until(int fd, short events, uint64_t until_us)
{
    for (;;) {
        uint64_t now_us = clock_mono_us(clock_system());
        uint64_t left_ms = until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int n = poll(&poll_fd, 1, until_us == UINT64_MAX ? -1 : (int)left_ms);
        if (n > 0) {
            return true;
        }
        if (n == 0 && left_ms == 0) {
            return false;
        }
        CHECK(n == 0 || errno == EINTR);
    }
}

static uint64_t until(uint32_t ms)
{
    return ms > 0 ? clock_mono_us(clock_system()) + (uint64_t)ms * 1000 : UINT64_MAX;
}

/* A connected socket, or -1 with errno. */
static int connect_to(const struct address *address, uint64_t until_us)
{
    int fd = socket(address->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int reason = 0;
    if (connect(fd, (const struct sockaddr *)&address->bytes, address->n) != 0) {
        socklen_t n = sizeof reason;
        if (errno != EINPROGRESS) {
            reason = errno;
        } else if (!wait_until(fd, POLLOUT, until_us)) {
            reason = ETIMEDOUT;
        } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &n) != 0) {
            reason = errno;
        }
    }
    if (reason != 0) {
        (void)close(fd);
        errno = reason;
        return -1;
    }
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static status broke(const struct client *client, enum tls_result result, struct error *err)
{
    str reason = tls_reason(client->tls);
    return error_set(err, ERROR_UNAVAILABLE, "TLS %s: " STR_FMT,
                     result == TLS_BAD ? "failed" : "connection ended", STR(reason));
}

static status timed_out(const char *what, struct error *err)
{
    return error_set(err, ERROR_TIMEOUT, "%s took too long", what);
}

/* OK: waited as `result` asks. */
static status wait_for_tls(struct client *client, enum tls_result result, uint64_t until_us,
                           const char *what, struct error *err)
{
    if (result != TLS_WANT_READ && result != TLS_WANT_WRITE) {
        return broke(client, result, err);
    }
    short events = result == TLS_WANT_READ ? POLLIN : POLLOUT;
    return wait_until(client->fd, events, until_us) ? STATUS_IS_OK : timed_out(what, err);
}

static status start_tls(struct client *client, uint64_t until_us, struct error *err)
{
    client->tls = tls_session_create(client->options.tls, client->fd, client->options.host);
    if (client->tls == NULL) {
        return error_set(err, ERROR_INTERNAL, "no memory for a TLS session");
    }
    enum tls_result result = TLS_OK;
    while ((result = tls_handshake(client->tls)) != TLS_OK) {
        TRY(wait_for_tls(client, result, until_us, "the TLS handshake", err));
    }
    return STATUS_IS_OK;
}

status client_open(const struct client_options *options, struct client **out, struct error *err)
{
    uint64_t until_us = until(options->connect_ms > 0 ? options->connect_ms : CONNECT_MS_DEFAULT);
    struct address found[ADDRESS_MAX];
    unsigned count = 0;
    TRY(address_resolve(options->host, options->port, false, found, &count, err));
    int fd = -1;
    for (unsigned i = 0; i < count && fd < 0; i++) {
        fd = connect_to(&found[i], until_us);
    }
    if (fd < 0) {
        return error_set(err, errno == ETIMEDOUT ? ERROR_TIMEOUT : ERROR_UNAVAILABLE,
                         "cannot connect to %s:%u: %s", options->host, (unsigned)options->port,
                         strerror(errno));
    }
    struct client *client = mem_alloc_zeroed(sizeof *client);
    client->options = *options;
    client->fd = fd;
    status result = options->tls != NULL ? start_tls(client, until_us, err) : STATUS_IS_OK;
    if (!status_ok(result)) {
        client_close(client);
        return result;
    }
    *out = client;
    return STATUS_IS_OK;
}

void client_close(struct client *client)
{
    if (client != NULL) {
        if (client->tls != NULL) {
            tls_end(client->tls);
            tls_session_destroy(client->tls);
        }
        (void)close(client->fd);
        mem_free(client);
    }
}

static status plain_failed(struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "the connection broke: %s", strerror(errno));
}

static status send_plain(struct client *client, str bytes, struct error *err)
{
    while (bytes.n > 0) {
        ssize_t n = send(client->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n >= 0) {
            bytes = str_skip(bytes, (size_t)n);
        } else if (errno != EAGAIN && errno != EINTR) {
            return plain_failed(err);
        } else if (!wait_until(client->fd, POLLOUT, until(client->options.io_ms))) {
            return timed_out("sending", err);
        }
    }
    return STATUS_IS_OK;
}

static status send_tls(struct client *client, str bytes, struct error *err)
{
    while (bytes.n > 0) {
        size_t sent = 0;
        enum tls_result result = tls_write(client->tls, bytes.p, bytes.n, &sent);
        if (result == TLS_OK) {
            bytes = str_skip(bytes, sent);
        } else {
            TRY(wait_for_tls(client, result, until(client->options.io_ms), "sending", err));
        }
    }
    return STATUS_IS_OK;
}

status client_send(struct client *client, str bytes, struct error *err)
{
    return client->tls != NULL ? send_tls(client, bytes, err) : send_plain(client, bytes, err);
}

static status receive_plain(struct client *client, uint64_t until_us, void *p, size_t n,
                            size_t *got, struct error *err)
{
    for (;;) {
        ssize_t received = recv(client->fd, p, n, 0);
        if (received >= 0) {
            *got = (size_t)received;
            return STATUS_IS_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return plain_failed(err);
        }
        if (!wait_until(client->fd, POLLIN, until_us)) {
            return timed_out("receiving", err);
        }
    }
}

static status receive_tls(struct client *client, uint64_t until_us, void *p, size_t n, size_t *got,
                          struct error *err)
{
    for (;;) {
        enum tls_result result = tls_read(client->tls, p, n, got);
        if (result == TLS_OK) {
            return STATUS_IS_OK;
        }
        if (result == TLS_END) {
            *got = 0;
            return STATUS_IS_OK;
        }
        TRY(wait_for_tls(client, result, until_us, "receiving", err));
    }
}

static status receive(struct client *client, uint64_t until_us, void *p, size_t n, size_t *got,
                      struct error *err)
{
    return client->tls != NULL ? receive_tls(client, until_us, p, n, got, err)
                               : receive_plain(client, until_us, p, n, got, err);
}

status client_receive(struct client *client, void *p, size_t n, size_t *got, struct error *err)
{
    return receive(client, until(client->options.io_ms), p, n, got, err);
}

status client_receive_within(struct client *client, uint32_t ms, void *p, size_t n, size_t *got,
                             struct error *err)
{
    uint64_t until_us = clock_mono_us(clock_system()) + (uint64_t)ms * 1000;
    return receive(client, until_us, p, n, got, err);
}

void client_send_end(struct client *client)
{
    if (client->tls != NULL) {
        tls_end(client->tls);
    }
    (void)shutdown(client->fd, SHUT_WR);
}

int client_fd(const struct client *client)
{
    return client->fd;
}
