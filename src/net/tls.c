/* net/tls.c -- OpenSSL 3 on a socket, one step at a time.
 * The library reads and writes through a BIO of ours, so that a broken pipe is a result and not a
 * signal. SSL_MODE_RELEASE_BUFFERS gives idle sessions' buffers back (14 KB instead of 48 KB each).
 */
#include "net/tls.h"
#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <arpa/inet.h>
#include <stdint.h>
#include <sys/socket.h>

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    bool is_server;
};

struct tls_session {
    SSL *ssl;
    bool failed; /* the library forbids further calls */
    char reason[128];
};

/* --- the socket below */

static int fd_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int socket_write(BIO *bio, const char *p, int n)
{
    BIO_clear_retry_flags(bio);
    ssize_t sent = send(fd_of(bio), p, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static int socket_read(BIO *bio, char *p, int n)
{
    BIO_clear_retry_flags(bio);
    ssize_t got = recv(fd_of(bio), p, (size_t)n, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(bio);
    }
    return (int)got;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *make_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    CHECK(method != NULL);
    CHECK(BIO_meth_set_write(method, socket_write) == 1);
    CHECK(BIO_meth_set_read(method, socket_read) == 1);
    CHECK(BIO_meth_set_ctrl(method, socket_control) == 1);
    return method;
}

/* --- contexts */

static void reason_of_library(char *text, size_t bytes)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    (void)snprintf(text, bytes, "%s", reason != NULL ? reason : "no reason given");
    ERR_clear_error();
}

static status refuse(struct tls_context *context, const char *what, const char *path,
                     struct error *err)
{
    char reason[128];
    reason_of_library(reason, sizeof reason);
    tls_context_destroy(context);
    return error_set(err, ERROR_CONFIG, "%s '%s': %s", what, path, reason);
}

static struct tls_context *make_context(bool is_server)
{
    struct tls_context *context = mem_alloc_zeroed(sizeof *context);
    context->is_server = is_server;
    context->ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    CHECK(context->ssl != NULL);
    context->bio = make_bio_method();
    CHECK(SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) == 1);
    (void)SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_options(context->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                                SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    return context;
}

status tls_server_create(const char *cert_path, const char *key_path, struct tls_context **out,
                         struct error *err)
{
    ERR_clear_error();
    struct tls_context *context = make_context(true);
    if (SSL_CTX_use_certificate_chain_file(context->ssl, cert_path) != 1) {
        return refuse(context, "cannot use the TLS certificate", cert_path, err);
    }
    if (SSL_CTX_use_PrivateKey_file(context->ssl, key_path, SSL_FILETYPE_PEM) != 1) {
        return refuse(context, "cannot use the TLS key", key_path, err);
    }
    if (SSL_CTX_check_private_key(context->ssl) != 1) {
        return refuse(context, "the TLS key does not belong to the certificate", key_path, err);
    }
    *out = context;
    return STATUS_IS_OK;
}

status tls_client_create(const char *ca_path, struct tls_context **out, struct error *err)
{
    ERR_clear_error();
    struct tls_context *context = make_context(false);
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    if (ca_path != NULL ? SSL_CTX_load_verify_file(context->ssl, ca_path) != 1
                        : SSL_CTX_set_default_verify_paths(context->ssl) != 1) {
        return refuse(context, "cannot use the trusted certificates",
                      ca_path != NULL ? ca_path : "of this system", err);
    }
    *out = context;
    return STATUS_IS_OK;
}

void tls_context_destroy(struct tls_context *context)
{
    if (context != NULL) {
        SSL_CTX_free(context->ssl);
        BIO_meth_free(context->bio);
        mem_free(context);
    }
}

/* --- sessions */

/* The name goes into the first message (so that the peer picks its certificate) and into the check.
 */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char ip[16];
    if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

struct tls_session *tls_session_create(struct tls_context *context, int fd, const char *host)
{
    SSL *ssl = SSL_new(context->ssl);
    BIO *bio = ssl != NULL ? BIO_new(context->bio) : NULL;
    if (bio == NULL || (host != NULL && !expect_host(ssl, host))) {
        BIO_free(bio);
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    if (context->is_server) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    struct tls_session *session = mem_alloc_zeroed(sizeof *session);
    session->ssl = ssl;
    return session;
}

void tls_session_destroy(struct tls_session *session)
{
    if (session != NULL) {
        SSL_free(session->ssl);
        mem_free(session);
    }
}

/* What a call that returned `n` (<= 0) means. `broke`: errno of the socket. */
static enum tls_result result_of(struct tls_session *session, int n, int broke)
{
    switch (SSL_get_error(session->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_END;
    case SSL_ERROR_SYSCALL:
        session->failed = true;
        (void)snprintf(session->reason, sizeof session->reason, "%s",
                       broke != 0 ? strerror(broke) : "the connection ended");
        return TLS_RESET;
    default:
        break;
    }
    session->failed = true;
    bool cut = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    reason_of_library(session->reason, sizeof session->reason);
    return cut ? TLS_RESET : TLS_BAD;
}

enum tls_result tls_handshake(struct tls_session *session)
{
    if (session->failed) {
        return TLS_BAD;
    }
    ERR_clear_error();
    errno = 0;
    int n = SSL_do_handshake(session->ssl);
    return n == 1 ? TLS_OK : result_of(session, n, errno);
}

enum tls_result tls_read(struct tls_session *session, void *p, size_t n, size_t *got)
{
    if (session->failed) {
        return TLS_RESET;
    }
    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(session->ssl, p, n, got);
    return result == 1 ? TLS_OK : result_of(session, result, errno);
}

enum tls_result tls_write(struct tls_session *session, const void *p, size_t n, size_t *sent)
{
    CHECK(n > 0);
    if (session->failed) {
        return TLS_RESET;
    }
    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(session->ssl, p, n, sent);
    return result == 1 ? TLS_OK : result_of(session, result, errno);
}

void tls_end(struct tls_session *session)
{
    if (!session->failed && SSL_is_init_finished(session->ssl)) {
        ERR_clear_error();
        (void)SSL_shutdown(session->ssl);
        ERR_clear_error();
    }
}

str tls_reason(const struct tls_session *session)
{
    return str_from(session->reason);
}
