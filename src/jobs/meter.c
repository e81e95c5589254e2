/* jobs/meter.c -- asking the thread's clock and both allocators. */
#include "jobs/meter.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/duck_memory.h"

void meter_begin(struct meter *meter)
{
    mem_peak_reset();
    duck_memory_peak_reset();
    meter->cpu_us = clock_thread_cpu_us();
}

void meter_end(const struct meter *meter, struct job *job)
{
    uint64_t cpu_us = clock_thread_cpu_us() - meter->cpu_us;
    uint64_t bytes = mem_peak_bytes() + duck_memory_peak_bytes();
    job->cpu_us += cpu_us > 0 ? cpu_us : 1;
    job->memory_bytes = bytes > job->memory_bytes ? bytes : job->memory_bytes;
}
