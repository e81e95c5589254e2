/* auth/password.h -- which passwords may be set. Hashing is engine/crypto_password.
 * Threads:  any; pure functions. */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "base/status.h"
#include "base/str.h"

struct password_rules {
    unsigned length_min; /* characters; auth.min_password_length */
    bool complexity;     /* auth.enforce_password_complexity */
};

/* CREATE USER and ALTER USER. Without `complexity` only what bcrypt can represent is asked for.
 * INVALID: the contract's text (sql.md section 1.6), the first rule that is broken. */
MUST_USE status password_check(str password, const struct password_rules *rules, struct error *err);

/* The setup route: length and the list of common passwords, whatever the settings say. */
MUST_USE status password_check_setup(str password, struct error *err);

#endif
