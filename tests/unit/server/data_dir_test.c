/* tests/unit/server/data_dir_test.c -- Goal: one holder at a time, no newer format, one secret per
 * folder. Method: a folder under the temporary one. */
#include "test.h"

#include "base/fs.h"
#include "server/data_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char base[256];
static char path[300];

static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(base, sizeof base, "%s/data-dir-XXXXXX", tmp != NULL ? tmp : "/tmp");
    EXPECT(mkdtemp(base) != NULL);
    (void)snprintf(path, sizeof path, "%s/a/data", base);
}

static void remove_folder(void)
{
    struct error err;
    EXPECT_OK(fs_remove_tree(base, &err), &err);
}

TEST(data_dir_open_of_a_new_folder_makes_and_marks_it)
{
    struct data_dir *dir = NULL;
    struct error err;
    struct arena arena;
    str format;
    struct stat folder;
    make_folder();
    arena_init(&arena);
    EXPECT_OK(data_dir_open(path, &dir, &err), &err);
    EXPECT_OK(fs_read(data_dir_join(dir, "FORMAT"), 100, &arena, &format, &err), &err);
    EXPECT_STR(format, "{\"format\":1,\"features\":[]}\n");
    EXPECT(data_dir_path(dir)[0] == '/');
    EXPECT(stat(path, &folder) == 0 && (folder.st_mode & 0777) == 0700);
    data_dir_close(dir);
    arena_release(&arena);
    remove_folder();
}

TEST(data_dir_open_of_a_held_folder_is_a_conflict_until_it_is_closed)
{
    struct data_dir *first = NULL;
    struct data_dir *second = NULL;
    struct error err;
    make_folder();
    EXPECT_OK(data_dir_open(path, &first, &err), &err);
    EXPECT_STATUS(data_dir_open(path, &second, &err), CONFLICT);
    data_dir_close(first);
    EXPECT_OK(data_dir_open(path, &second, &err), &err);
    data_dir_close(second);
    remove_folder();
}

TEST(data_dir_open_of_another_format_is_refused)
{
    static const struct {
        const char *text;
        enum status_code wanted;
    } cases[] = {
        {"{\"format\":2,\"features\":[]}", STATUS_UNSUPPORTED},
        {"{\"format\":1,\"features\":[\"x\"]}", STATUS_UNSUPPORTED},
        {"{\"format\":0}", STATUS_CORRUPT},
        {"{\"format\":\"1\"}", STATUS_CORRUPT},
        {"", STATUS_CORRUPT},
        {"{\"format\":1,\"features\":[]}", STATUS_OK},
        {"{\"format\":1}", STATUS_OK},
    };
    struct data_dir *dir = NULL;
    struct error err;
    char file[320];
    make_folder();
    EXPECT_OK(fs_make_dirs(path, &err), &err);
    (void)snprintf(file, sizeof file, "%s/FORMAT", path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT_OK(fs_write_durable(file, str_from(cases[i].text), 0600, &err), &err);
        status result = data_dir_open(path, &dir, &err);
        EXPECT_INT(result.code, cases[i].wanted);
        if (status_ok(result)) {
            data_dir_close(dir);
        }
    }
    remove_folder();
}

TEST(data_dir_secret_is_made_once_and_kept)
{
    struct data_dir *dir = NULL;
    struct error err;
    struct arena arena;
    str first;
    str second;
    make_folder();
    arena_init(&arena);
    EXPECT_OK(data_dir_open(path, &dir, &err), &err);
    EXPECT_OK(data_dir_secret(dir, &arena, &first, &err), &err);
    EXPECT_OK(data_dir_secret(dir, &arena, &second, &err), &err);
    EXPECT_UINT(first.n, DATA_DIR_SECRET_BYTES);
    EXPECT_STR_EQ(first, second);
    EXPECT_OK(fs_write_durable(data_dir_join(dir, "jwt_secret"), STR_LIT("short"), 0600, &err),
              &err);
    EXPECT_STATUS(data_dir_secret(dir, &arena, &second, &err), CORRUPT);
    data_dir_close(dir);
    arena_release(&arena);
    remove_folder();
}
