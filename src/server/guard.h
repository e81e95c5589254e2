/* server/guard.h -- connection protection: how many requests an address may send (contract
 * http-ws.md 1.6).
 * For:      every request, before anything else is looked at. This machine is exempt.
 * Owns:     counts per address, bounded. Threads: any. */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "base/clock.h"
#include "base/str.h"

struct guard;

struct guard_options {
    const struct clock *clock;
    uint32_t requests_per_second; /* of one address; 0: any number */
    uint32_t ban_s;               /* of the first ban; later ones up to six times as long */
    uint32_t addresses_max;       /* remembered */
};

enum { GUARD_VIOLATIONS_MAX = 10, GUARD_BAN_FACTOR_MAX = 6 };

/* No counter yet; `options` are copied. */
struct guard *guard_create(const struct guard_options *options);
void guard_destroy(struct guard *guard); /* NULL allowed */

enum guard_verdict { GUARD_PASS, GUARD_TOO_MANY, GUARD_BANNED };
/* Counts a request of `address`. */
enum guard_verdict guard_check(struct guard *guard, str address);

#endif
