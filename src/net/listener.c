/* net/listener.c -- a loop's own listening sockets. SO_REUSEPORT lets every loop have one on the
 * same port; the system spreads new connections over them. */
#include "net/internal.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { ACCEPTS_PER_EVENT = 64, BACKLOG_DEFAULT = 1024, NO_DESCRIPTOR_PAUSE_MS = 100 };

/* Freed with the loop, so that an event which is on its way finds it. */
struct listener {
    struct watch watch;
    struct loop *loop;
    struct listener *next;
    const struct conn_handler *handler;
    void *context;
    struct tls_context *tls;
    unsigned connections_max;
    int fd;             /* -1: closed */
    struct timer pause; /* no descriptor was left: accepts again when it runs */
};

static void watch_listener(struct listener *listener, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = &listener->watch};
    CHECK(epoll_ctl(listener->loop->epoll_fd, EPOLL_CTL_MOD, listener->fd, &event) == 0);
}

static void accept_again(void *context)
{
    struct listener *listener = context;
    if (listener->fd >= 0) {
        watch_listener(listener, EPOLLIN);
    }
}

/* A full descriptor table would wake the loop without end; it fills up while connections end. */
static void pause_accepting(struct listener *listener, int reason)
{
    log_warn("net", "accept_failed", "reason=\"%s\" pause_ms=%d", strerror(reason),
             NO_DESCRIPTOR_PAUSE_MS);
    watch_listener(listener, 0);
    loop_timer_set(listener->loop, &listener->pause, NO_DESCRIPTOR_PAUSE_MS, accept_again,
                   listener);
}

static void take_accepted(struct listener *listener, int fd, const struct address *address)
{
    struct loop *loop = listener->loop;
    if (listener->connections_max > 0 && loop->conn_count >= listener->connections_max) {
        (void)close(fd);
        count_add(&loop->refused, 1);
        return;
    }
    (void)conn_open(loop, fd, address, listener->handler, listener->context, listener->tls);
}

static void on_listener(struct watch *watch, uint32_t events)
{
    (void)events;
    struct listener *listener = (struct listener *)watch;
    for (int i = 0; i < ACCEPTS_PER_EVENT && listener->fd >= 0; i++) {
        struct address address = {.n = sizeof address.bytes};
        int fd = accept4(listener->fd, (struct sockaddr *)&address.bytes, &address.n,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_accepted(listener, fd, &address);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(listener, errno);
            return;
        } else if (errno == EAGAIN || errno == EINVAL || errno == EBADF) {
            return;
        } /* else that one connection failed before it was taken: the next */
    }
}

static int bind_socket(const struct address *address, bool reuse_port)
{
    int fd = socket(address->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        bind(fd, (const struct sockaddr *)&address->bytes, address->n) != 0) {
        int reason = errno;
        (void)close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

/* SO_REUSEPORT would quietly join a second server of the same user to the port. A socket without it
 * is refused there, so the first loop tries one before. -1: errno says why. */
static int open_listener(const struct address *address, const struct listen_options *options)
{
    if (!options->joins && options->port != 0) {
        int probe = bind_socket(address, false);
        if (probe < 0 || listen(probe, 1) != 0) {
            int reason = errno;
            if (probe >= 0) {
                (void)close(probe);
            }
            errno = reason;
            return -1;
        }
        (void)close(probe);
    }
    int fd = bind_socket(address, true);
    if (fd < 0) {
        return -1;
    }
    if (listen(fd, options->backlog > 0 ? (int)options->backlog : BACKLOG_DEFAULT) != 0) {
        int reason = errno;
        (void)close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static status cannot_listen(const struct listen_options *options, int reason, struct error *err)
{
    enum error_id id = reason == EADDRINUSE                  ? ERROR_CONFLICT
                       : reason == EACCES || reason == EPERM ? ERROR_PERMISSION_DENIED
                       : reason == EADDRNOTAVAIL             ? ERROR_INVALID_INPUT
                                                             : ERROR_IO;
    return error_set(err, id, "cannot listen on %s:%u: %s", options->host, (unsigned)options->port,
                     reason == EADDRINUSE ? "the port is in use" : strerror(reason));
}

status loop_listen(struct loop *loop, const struct listen_options *options, uint16_t *port,
                   struct error *err)
{
    struct address found[ADDRESS_MAX];
    unsigned count = 0;
    TRY(address_resolve(options->host, options->port, true, found, &count, err));
    int fd = -1;
    for (unsigned i = 0; i < count && fd < 0; i++) {
        fd = open_listener(&found[i], options);
    }
    if (fd < 0) {
        return cannot_listen(options, errno, err);
    }
    struct address bound = {.n = sizeof bound.bytes};
    CHECK(getsockname(fd, (struct sockaddr *)&bound.bytes, &bound.n) == 0);
    struct listener *listener = mem_alloc_zeroed(sizeof *listener);
    listener->watch.on_events = on_listener;
    listener->loop = loop;
    listener->handler = options->handler;
    listener->context = options->context;
    listener->tls = options->tls;
    listener->connections_max = options->connections_max;
    listener->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener->watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        int reason = errno;
        (void)close(fd);
        mem_free(listener);
        return cannot_listen(options, reason, err);
    }
    listener->next = loop->listeners;
    loop->listeners = listener;
    *port = peer_of(&bound).port;
    return STATUS_IS_OK;
}

void loop_stop_listening(struct loop *loop)
{
    for (struct listener *at = loop->listeners; at != NULL; at = at->next) {
        if (at->fd >= 0) {
            loop_timer_cancel(loop, &at->pause);
            (void)close(at->fd);
            at->fd = -1;
        }
    }
}

void loop_free_listeners(struct loop *loop)
{
    loop_stop_listening(loop);
    while (loop->listeners != NULL) {
        struct listener *listener = loop->listeners;
        loop->listeners = listener->next;
        mem_free(listener);
    }
}
