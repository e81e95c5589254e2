/* tests/unit/net/certificate.h -- a certificate for tests, made anew in each run. */
#ifndef TESTS_UNIT_NET_CERTIFICATE_H
#define TESTS_UNIT_NET_CERTIFICATE_H

struct certificate {
    char directory[64];
    char cert_path[96];
    char key_path[96];
};

/* A self-signed P-256 certificate for the name `host` and the address 127.0.0.1, with its key, as
 * PEM files in a folder of its own under the temporary one. */
void certificate_make(struct certificate *certificate, const char *host);
void certificate_remove(struct certificate *certificate);

#endif
