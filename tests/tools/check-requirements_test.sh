#!/usr/bin/env bash
# Goal: the table of requirements is whole, and the check sees when it is not.
# Method: the table itself; then copies with one thing wrong each, and the complaint.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
check=$root/tools/check-requirements
table=$root/docs/requirements.md
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$check"

# expect <complaint> <sed script>
expect() {
    sed "$2" "$table" >"$scratch/table.md"
    if output=$("$check" "$scratch/table.md"); then
        echo "not seen: $1" >&2
        exit 1
    fi
    grep -qF "$1" <<<"$output" || {
        printf 'wanted: %s\nfound: %s\n' "$1" "$output" >&2
        exit 1
    }
}
expect 'T209 has 0 lines' '/^| T209 /d'
expect 'T229 has 2 lines' '/^| T229 /p'
expect 'T209 names src/base/metric.deff, which is not there' '/^| T209 /s/metric\.def`/metric.deff`/'
expect "T200 has no state" '/^| T200 /s/| done |/| perhaps |/'
expect 'T201 is done, and nothing shows it' '/^| T201 /s/| `tests[^|]*|$/| |/'
