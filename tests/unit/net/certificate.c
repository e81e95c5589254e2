/* tests/unit/net/certificate.c -- made with the library itself, so that no key lies in the tree. */
#include "certificate.h"
#include "base/check.h"
#include "base/mem.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

static void add_names(X509 *cert, const char *host)
{
    char names[128];
    (void)snprintf(names, sizeof names, "DNS:%s,IP:127.0.0.1", host);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names);
    CHECK(extension != NULL);
    CHECK(X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *make_cert(EVP_PKEY *key, const char *host)
{
    X509 *cert = X509_new();
    CHECK(cert != NULL);
    CHECK(X509_set_version(cert, 2) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL);
    CHECK(X509_set_pubkey(cert, key) == 1);
    X509_NAME *name = X509_get_subject_name(cert);
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)host, -1, -1,
                                     0) == 1);
    CHECK(X509_set_issuer_name(cert, name) == 1);
    add_names(cert, host);
    CHECK(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

void certificate_make(struct certificate *certificate, const char *host)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(certificate->directory, sizeof certificate->directory, "%s/kalam-cert-XXXXXX",
                   base != NULL && strlen(base) < 40 ? base : "/tmp");
    CHECK(mkdtemp(certificate->directory) != NULL);
    (void)snprintf(certificate->cert_path, sizeof certificate->cert_path, "%s/cert.pem",
                   certificate->directory);
    (void)snprintf(certificate->key_path, sizeof certificate->key_path, "%s/key.pem",
                   certificate->directory);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(key != NULL);
    X509 *cert = make_cert(key, host);
    FILE *file = fopen(certificate->cert_path, "we");
    CHECK(file != NULL && PEM_write_X509(file, cert) == 1 && fclose(file) == 0);
    file = fopen(certificate->key_path, "we");
    CHECK(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    CHECK(fclose(file) == 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void certificate_remove(struct certificate *certificate)
{
    (void)unlink(certificate->cert_path);
    (void)unlink(certificate->key_path);
    (void)rmdir(certificate->directory);
}
