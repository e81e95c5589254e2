/* tests/unit/jobs/job_test.c -- Goal: a job's record reads back as it was, and its states move as
 * drawn. Method: the functions alone. */
#include "jobs/job.h"
#include "test.h"

TEST(record_reads_back_as_it_was)
{
    struct error err;
    struct job job = {.id = "CO-0123456789ab",
                      .kind = JOB_COMPACT,
                      .state = JOB_RETRYING,
                      .table = {77},
                      .namespace_name = "app",
                      .table_name = "t",
                      .is_forced = true,
                      .retries = 2,
                      .message = "a \"quoted\" message\n",
                      .created_us = 1,
                      .updated_us = 2,
                      .started_us = 3,
                      .finished_us = 0,
                      .cpu_us = 4,
                      .memory_bytes = UINT64_C(1) << 40};
    struct buf text;
    struct job back;
    buf_init(&text);
    job_encode(&text, &job);
    EXPECT_OK(job_decode(buf_str(&text), &back, &err), &err);
    EXPECT(memcmp(&job, &back, sizeof job) == 0);
    EXPECT_STATUS(job_decode(STR_LIT("{}"), &back, &err), CORRUPT);
    EXPECT_STATUS(job_decode(str_slice(buf_str(&text), 0, text.n - 1), &back, &err), CORRUPT);
    buf_release(&text);
}

TEST(record_of_a_server_that_did_not_measure_reads_as_not_run)
{
    const char *old = "{\"id\":\"FL-0123456789ab\",\"type\":\"flush\",\"status\":\"completed\","
                      "\"table\":7,\"namespace_name\":\"app\",\"table_name\":\"t\","
                      "\"forced\":true,\"retries\":0,\"message\":\"\",\"created_us\":1,"
                      "\"updated_us\":2,\"started_us\":1,\"finished_us\":2}";
    struct error err;
    struct job job;
    EXPECT_OK(job_decode(str_from(old), &job, &err), &err);
    EXPECT_UINT(job.cpu_us, 0);
    EXPECT_UINT(job.memory_bytes, 0);
}

TEST(states_move_only_as_drawn)
{
    static const char *const moves[JOB_STATE_COUNT] = {
        [JOB_QUEUED] = "running failed cancelled",
        [JOB_RUNNING] = "retrying completed failed cancelled skipped",
        [JOB_RETRYING] = "running failed cancelled",
        [JOB_COMPLETED] = "",
        [JOB_FAILED] = "",
        [JOB_CANCELLED] = "",
        [JOB_SKIPPED] = ""};
    for (unsigned from = 0; from < JOB_STATE_COUNT; from++) {
        for (unsigned to = 0; to < JOB_STATE_COUNT; to++) {
            bool wanted = strstr(moves[from], job_state_name((enum job_state)to)) != NULL;
            EXPECT(job_state_may_move((enum job_state)from, (enum job_state)to) == wanted);
        }
        EXPECT(job_state_is_final((enum job_state)from) == (moves[from][0] == '\0'));
    }
}
