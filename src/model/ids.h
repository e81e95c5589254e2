/* model/ids.h -- ids that sort by the time they were made: UUID version 7 and ULID.
 * For:      DEFAULT UUID_V7(), ULID() and ids of our own. Within a process each id is greater than
 * the one before, whatever the wall clock does; snowflakes are in base/clock.h. Touches:  the clock
 * it is given. Randomness is handed in, so that tests can repeat it. Threads:  any. */
#ifndef MODEL_IDS_H
#define MODEL_IDS_H

#include "base/clock.h"

struct ids {
    const struct clock *clock;
    atomic_count uuid_last; /* ms and 12 bits below it */
    atomic_count ulid_last; /* ms and 16 bits below it */
};

enum { ID_RANDOM_BYTES = 10, ULID_TEXT_BYTES = 26 };

/* One per process. */
void ids_init(struct ids *ids, const struct clock *clock);

/* RFC 9562 version 7: 48 bits of ms since 1970, 12 bits of finer time (its method 3), 62 random
 * ones. `random` comes from random_bytes. */
void ids_uuid_v7(struct ids *ids, const uint8_t random[ID_RANDOM_BYTES], uint8_t uuid[16]);

/* ULID in Crockford's base 32, upper case, no NUL: 48 bits of ms, 16 bits of finer time, 64 random.
 */
void ids_ulid(struct ids *ids, const uint8_t random[ID_RANDOM_BYTES], char text[ULID_TEXT_BYTES]);

#endif
