/* server/process_numbers.h -- what the system says of this process and its machine.
 * For:      system.stats.
 * Touches:  /proc. What cannot be read is 0.
 * Threads:  any; may block. */
#ifndef SERVER_PROCESS_NUMBERS_H
#define SERVER_PROCESS_NUMBERS_H

#include <stdint.h>

struct process_numbers {
    uint64_t virtual_bytes;
    uint64_t own_bytes;          /* resident or swapped out, and in no file */
    uint64_t machine_bytes;      /* memory of the machine */
    uint64_t machine_used_bytes; /* of it, by all processes */
    uint64_t threads;
    uint64_t physical_cores; /* of the machine */
    /* open descriptors */
    uint64_t files;
    uint64_t files_regular;
    uint64_t files_directories;
    uint64_t files_sockets;
    uint64_t files_unix; /* sockets of the two families */
    uint64_t files_ipv4;
};
void process_numbers_read(struct process_numbers *out);
/* µs of CPU that all threads of the process took. */
uint64_t process_cpu_us(void);

#endif
