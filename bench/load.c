/* bench/load.c -- one epoll. A connection has one request under way at most. */
#include "load.h"

#include "wire/http_body.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, READ_BYTES = 16384, ANSWER_BYTES_MAX = 64 << 20 };

struct connection {
    int fd;
    bool is_busy;
    bool has_head;
    struct buf out; /* the request; sent up to `sent` */
    size_t sent;
    struct buf in;
    size_t scanned;
    struct http_body body;
    int status;
    uint64_t begin_ns;
};

struct driver {
    const struct load *load;
    struct load_result *result;
    struct connection *connections;
    int epoll;
    uint64_t number; /* of the next request */
    uint64_t record_from_ns;
    uint64_t until_ns;
    uint64_t due_ns;      /* of the next request of an open loop */
    uint64_t interval_ns; /* 0: closed */
    unsigned busy_count;
};

int load_connect(const struct target *target)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(target->port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, target->host, &address.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        target_stop("cannot connect to %s:%u: %s", target->host, target->port, strerror(errno));
    }
    return fd;
}

/* --- one request --- */

static void send_some(struct driver *d, struct connection *c)
{
    while (c->sent < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
            (void)epoll_ctl(d->epoll, EPOLL_CTL_MOD, c->fd, &event);
            return;
        }
        if (n < 0) {
            target_stop("a connection broke: %s", strerror(errno));
        }
        c->sent += (size_t)n;
    }
}

static void begin_request(struct driver *d, struct connection *c, uint64_t begin_ns)
{
    buf_clear(&c->out);
    buf_clear(&c->in);
    c->sent = 0;
    c->scanned = 0;
    c->has_head = false;
    c->is_busy = true;
    d->busy_count++;
    d->load->make(d->load->context, (unsigned)(c - d->connections), d->number++, &c->out);
    c->begin_ns = begin_ns;
    send_some(d, c);
}

static void record(struct driver *d, const struct connection *c, str body)
{
    struct load_result *result = d->result;
    uint64_t now = now_ns();
    if (c->status != 200) {
        if (result->errors++ == 0) {
            (void)snprintf(result->error, sizeof result->error, "HTTP %d " STR_FMT, c->status,
                           STR(str_slice(body, 0, 400)));
        }
        return;
    }
    if (now >= d->record_from_ns && now < d->until_ns) {
        result->done++;
        histogram_add(&result->latency, now - c->begin_ns);
    }
}

/* True: the answer is whole. */
static bool take_answer(struct driver *d, struct connection *c)
{
    struct http_failure broken = {0};
    if (!c->has_head) {
        struct http_response head;
        size_t head_bytes = 0;
        enum http_progress progress = http_parse_response(buf_str(&c->in), &c->scanned, HTTP_POST,
                                                          &head, &head_bytes, &broken);
        if (progress == HTTP_BROKEN) {
            target_stop("an answer is no HTTP: %s", broken.reason);
        }
        if (progress == HTTP_INCOMPLETE) {
            return false;
        }
        c->has_head = true;
        c->status = head.status;
        http_body_init(&c->body, head.framing, head.content_length, ANSWER_BYTES_MAX);
        buf_drop_front(&c->in, head_bytes);
    }
    str in = buf_str(&c->in);
    str data = {0};
    str first = {0};
    enum http_body_step step = http_body_next(&c->body, &in, &data, &broken);
    while (step == HTTP_BODY_DATA) {
        first = first.n == 0 ? data : first;
        step = http_body_next(&c->body, &in, &data, &broken);
    }
    if (step == HTTP_BODY_DONE) {
        record(d, c, first);
    }
    buf_clear(&c->in);
    return step == HTTP_BODY_DONE;
}

/* --- the loop --- */

static void on_readable(struct driver *d, struct connection *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, buf_reserve(&c->in, READ_BYTES), READ_BYTES, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            target_stop("the server closed a connection%s%s",
                        d->result->errors > 0 ? "; before: " : "", d->result->error);
        }
        c->in.n += (size_t)n;
        if (take_answer(d, c)) {
            c->is_busy = false;
            d->busy_count--;
            if (d->interval_ns == 0 && now_ns() < d->until_ns) {
                begin_request(d, c, now_ns());
            }
            return;
        }
        if (n < READ_BYTES) {
            return;
        }
    }
}

/* Requests that are due go to idle connections; without one they wait, and their time runs. */
static void send_due(struct driver *d)
{
    uint64_t now = now_ns();
    for (unsigned i = 0; i < d->load->connections && d->due_ns <= now && d->due_ns < d->until_ns;
         i++) {
        if (!d->connections[i].is_busy) {
            begin_request(d, &d->connections[i], d->due_ns);
            d->due_ns += d->interval_ns;
        }
    }
}

static struct timespec wait_time(const struct driver *d)
{
    uint64_t now = now_ns();
    uint64_t until = d->until_ns + 1000000;
    if (d->interval_ns > 0 && d->busy_count < d->load->connections && d->due_ns < until) {
        until = d->due_ns;
    }
    uint64_t wait = until > now ? until - now : 0;
    return (struct timespec){.tv_sec = (time_t)(wait / 1000000000),
                             .tv_nsec = (long)(wait % 1000000000)};
}

static void turn(struct driver *d)
{
    struct epoll_event events[EVENTS_MAX];
    struct timespec wait = wait_time(d);
    int count = epoll_pwait2(d->epoll, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if ((events[i].events & EPOLLOUT) != 0) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
            (void)epoll_ctl(d->epoll, EPOLL_CTL_MOD, c->fd, &event);
            send_some(d, c);
        }
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            on_readable(d, c);
        }
    }
    if (d->interval_ns > 0) {
        send_due(d);
    }
}

static void open_connections(struct driver *d, const struct target *target)
{
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    d->connections = mem_alloc_zeroed(d->load->connections * sizeof d->connections[0]);
    for (unsigned i = 0; i < d->load->connections; i++) {
        struct connection *c = &d->connections[i];
        c->fd = load_connect(target);
        buf_init(&c->out);
        buf_init(&c->in);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        (void)epoll_ctl(d->epoll, EPOLL_CTL_ADD, c->fd, &event);
    }
}

static void close_connections(struct driver *d)
{
    for (unsigned i = 0; i < d->load->connections; i++) {
        (void)close(d->connections[i].fd);
        buf_release(&d->connections[i].out);
        buf_release(&d->connections[i].in);
    }
    mem_free(d->connections);
    (void)close(d->epoll);
}

void load_run(struct target *target, const struct load *load, struct load_result *out)
{
    struct driver d = {.load = load, .result = out};
    memset(out, 0, sizeof *out);
    open_connections(&d, target);
    uint64_t begin_ns = now_ns();
    d.record_from_ns = begin_ns + (uint64_t)(load->warm_s * 1e9);
    d.until_ns = d.record_from_ns + (uint64_t)(load->run_s * 1e9);
    d.interval_ns = load->rate > 0 ? (uint64_t)(1e9 / load->rate) : 0;
    d.due_ns = begin_ns;
    for (unsigned i = 0; i < load->connections && d.interval_ns == 0; i++) {
        begin_request(&d, &d.connections[i], now_ns());
    }
    uint64_t cpu_us = 0;
    bool is_warm = false;
    while (now_ns() < d.until_ns) {
        turn(&d);
        if (!is_warm && now_ns() >= d.record_from_ns) {
            is_warm = true;
            cpu_us = target_cpu_us(target);
        }
    }
    out->seconds = load->run_s;
    out->cpu_us = out->done > 0 ? (double)(target_cpu_us(target) - cpu_us) / (double)out->done : 0;
    while (d.busy_count > 0 && now_ns() < d.until_ns + 5000000000ULL) {
        turn(&d);
    }
    close_connections(&d);
}
