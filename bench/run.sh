#!/usr/bin/env bash
# bench/run.sh [--quick] [--only GROUP] -- starts a release server of its own with bench/settings.toml
# on a fresh data folder, measures it with kalam-bench, prints a table, and keeps the figures in
# bench/results/<date>-<cores>cores[-quick].json. BIN (default build/bin) holds the programs;
# BENCH_DATA chooses the disk: a folder in which the data folder is made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=${BIN:-build/bin}
bench=${KALAM_BENCH:-$bin/kalam-bench}
[ -x "$bin/kalamdb-server" ] && [ -x "$bench" ] || {
    echo "bench: no release build in $bin; run make build" >&2
    exit 1
}

suffix="" only=""
for argument in "$@"; do
    [ "$argument" = --quick ] && suffix=-quick
    [ "$argument" = --only ] && only=yes
    [ "$only" = yes ] && [ "$argument" = caches ] && only="" suffix=-caches
done

work=$(mktemp -d "${BENCH_DATA:-${TMPDIR:-/tmp}}/kalam-bench.XXXXXX")
server=""
finish() {
    if [ -n "$server" ]; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT

mkdir "$work/data"
: >"$work/out"
echo "Settings (bench/settings.toml):"
grep -v '^#' bench/settings.toml | sed '/^$/d; s/^/    /'
KALAMDB_DATA_DIR=$work/data KALAMDB_LOGS_DIR=$work/logs KALAMDB_SERVER_PORT=0 \
    "$bin/kalamdb-server" bench/settings.toml >"$work/out" 2>&1 &
server=$!
until port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/out") && [ -n "$port" ]; do
    kill -0 "$server" 2>/dev/null || {
        cat "$work/out" >&2
        exit 1
    }
    sleep 0.05
done

json="$work/result.json"
"$bench" --port "$port" --pid "$server" --data "$work/data" --settings bench/settings.toml \
    --json "$json" "$@" || {
    tail -5 "$work/out" >&2
    exit 1
}
if [ -z "$only" ]; then # a part is no result to compare with
    mkdir -p bench/results
    kept=bench/results/$(date -u +%Y-%m-%d)-$(nproc)cores$suffix.json
    cp "$json" "$kept"
    echo "Kept in $kept"
fi
