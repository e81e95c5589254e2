/* live/outbox.h -- the messages of one subscription, made and sent.
 * For:      subscription.c, which decides when there is something to say.
 * Touches:  its client's socket; of the subscription only the outbox, and the figures of
 * system.live. Owns:     each message from its put until it is sent. Threads:  the loop's. */
#ifndef LIVE_OUTBOX_H
#define LIVE_OUTBOX_H

#include "live/subscription.h"

/* Puts one at the end; the outbox owns the payload. */
void outbox_put(struct live_sub *sub, struct payload *payload);
/* What a subscription is told first. `last_seq` 0: there is none. */
void outbox_put_ack(struct live_sub *sub, uint64_t last_seq, bool has_more);
/* A page of rows: JSON objects with commas between, perhaps none. */
void outbox_put_batch(struct live_sub *sub, str rows, uint64_t last_seq, bool has_more);
/* A buffered change. One that cannot be written as JSON is told as an error instead. */
void outbox_put_change(struct live_sub *sub, const struct buffer_entry *entry);

/* Sends what waits. False: the socket is full; the subscription is blocked, the rest waits. */
bool outbox_send(struct live_sub *sub);
/* Drops what waits. */
void outbox_clear(struct live_sub *sub);
/* A change was sent: counts it. outbox_send does so itself. */
void outbox_note_event(struct live_sub *sub);

#endif
