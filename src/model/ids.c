/* model/ids.c -- a tick is the time in 1/4096 (UUID) or 1/65536 (ULID) of a millisecond, or one
 * more than the tick before when time has not moved on; it becomes the front of the id. */
#include "model/ids.h"

#include "base/buf.h"

enum { UUID_TICK_BITS = 12, ULID_TICK_BITS = 16 };

void ids_init(struct ids *ids, const struct clock *clock)
{
    ids->clock = clock;
    atomic_count_set(&ids->uuid_last, 0);
    atomic_count_set(&ids->ulid_last, 0);
}

static uint64_t next_tick(atomic_count *last, const struct clock *clock, unsigned bits)
{
    int64_t us = clock_wall_us(clock);
    uint64_t now = us > 0 ? (uint64_t)us : 0;
    uint64_t fraction = ((now % 1000) << bits) / 1000;
    return atomic_count_next(last, (now / 1000) << bits | fraction);
}

void ids_uuid_v7(struct ids *ids, const uint8_t random[ID_RANDOM_BYTES], uint8_t uuid[16])
{
    uint64_t tick = next_tick(&ids->uuid_last, ids->clock, UUID_TICK_BITS);
    uint64_t ms = tick >> UUID_TICK_BITS;
    bytes_put_u64be(uuid, ms << 16 | 0x7000 | (tick & 0xFFF));
    memcpy(uuid + 8, random, 8);
    uuid[8] = (uint8_t)((uuid[8] & 0x3F) | 0x80);
}

void ids_ulid(struct ids *ids, const uint8_t random[ID_RANDOM_BYTES], char text[ULID_TEXT_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    __extension__ typedef unsigned __int128 uint128;
    uint128 tick = next_tick(&ids->ulid_last, ids->clock, ULID_TICK_BITS);
    uint128 id = tick << 64 | bytes_get_u64be(random);
    for (size_t i = ULID_TEXT_BYTES; i > 0; i--) {
        text[i - 1] = digits[(unsigned)(id & 31)];
        id >>= 5;
    }
}
