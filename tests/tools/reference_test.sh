#!/usr/bin/env bash
# Goal: docs/reference/{sql,http,errors,websocket,dialect}.md say what the code says, and the check sees when they do not.
# Method: the files themselves; then copies with one thing wrong each, and the complaint.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

node "$root/tools/reference.mjs"

# expect <file> <complaint> <sed script>
expect() {
    cp "$root"/docs/reference/*.md "$scratch"
    sed -i "$3" "$scratch/$1"
    if output=$(KALAM_REFERENCE_DIR="$scratch" node "$root/tools/reference.mjs" 2>&1); then
        echo "not seen: $2" >&2
        exit 1
    fi
    grep -qF "$2" <<<"$output" || {
        printf 'wanted: %s\nfound: %s\n' "$2" "$output" >&2
        exit 1
    }
}
expect errors.md 'errors.md differs from the code' 's/| `STORAGE_FULL` | 507 |/| `STORAGE_FULL` | 500 |/'
expect sql.md 'sql.md differs from the code' '/^| `DROP VIEW` |/d'
expect sql.md 'no table is called kinds' 's/<!-- table types -->/<!-- table kinds -->/'
expect http.md 'no file has the table routes' '/<!-- table routes -->/d'
expect errors.md 'errors.md differs from the code' 's/wait for the seconds of Retry-After/wait/'
expect errors.md 'errors.md differs from the code' '/^| `RESYNC` |/d'
expect websocket.md 'does not name the error code RESYNC' 's/`RESYNC`/RESYNC/g'
expect websocket.md 'names the error code UNKNOWN, which is not there' 's/`NOT_FOUND`, `INVALID_SQL`/&, `UNKNOWN`/'
expect websocket.md 'does not name the message next_batch' 's/^| `next_batch` |/| next |/; s/`next_batch` is not/it is not/'
expect websocket.md 'names the message resume, which is not there' 's/^| `ping` |/| `resume` | |\n&/'
expect websocket.md 'says that websocket.auth_timeout_secs is 4' 's/`websocket.auth_timeout_secs` (3)/`websocket.auth_timeout_secs` (4)/'
expect sql.md 'names the setting limits.default_query_limits, which nothing reads' 's/`limits.default_query_limit`/`limits.default_query_limits`/'
expect dialect.md 'names the test duck_never_written, which is not there' 's/| duck_execute_constants_come_as_their_types |/| duck_never_written |/'
expect dialect.md 'names the test tests/sql/selects.test, which is not there' 's/tests\/sql\/select.test/tests\/sql\/selects.test/'
