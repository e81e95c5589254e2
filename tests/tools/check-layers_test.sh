#!/usr/bin/env bash
# Goal: check-layers names each kind of wrong include, with its place, and nothing else.
# Method: a small tree that is right; then one wrong line at a time, and its complaint.
set -euo pipefail
check=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../tools" && pwd)/check-layers
rules=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../docs" && pwd)/layers.txt
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/docs "$tree"/src/{base,model,wire,sql,net,engine,store,server,cli}
cp "$rules" "$tree/docs/layers.txt"

# plant <file> <line>...: writes the file of src/ with these lines.
plant() {
    printf '%s\n' "${@:2}" >"$tree/src/$1"
}

right_tree() {
    rm -f "$tree"/src/*/*
    plant base/lock.c '#include "base/lock.h"' '#include <pthread.h>' '#include <stdatomic.h>'
    plant base/lock.h '#include <stdint.h>' '# include "base/lock.def"'
    plant engine/kv_rocksdb.c '#include <rocksdb/c.h>' '#include "model/row.h"'
    plant engine/toml.cpp '#include <toml++/toml.h>' '#include <string>'
    plant net/tls.c '#include <openssl/ssl.h>' '/* #include "server/routes.h" */'
    plant store/scan.c '#include "engine/kv.h"' '  #include "sql/ast.h"'
    plant sql/grammar.y '%include {' '#include "grammar_state.h"' '}'
    plant cli/main.c '#include "net/loop.h"' '#include <locale.h>'
    plant server/main.c '#include "store/scan.h"'
}

# expect <file> <wrong line> <what the complaint has to contain>
expect() {
    right_tree
    plant "$1" '' "$2"
    local out
    if out=$("$check" "$tree"); then
        echo "accepted in $1: $2"
        exit 1
    fi
    case "$out" in
    *"src/$1:2: "*"$3"*"1 violations"*) ;;
    *)
        echo "wrong complaint for $1: $2"
        echo "$out"
        exit 1
        ;;
    esac
}

right_tree
"$check" "$tree" >/dev/null || {
    "$check" "$tree"
    exit 1
}

expect base/str.c '#include "model/row.h"' 'points up'
expect sql/parse.c '#include "engine/kv.h"' 'points sideways'
expect sql/grammar2.y '#include "net/loop.h"' 'points sideways'
expect engine/kv.def '#include "store/scan.h"' 'points up'
expect cli/shell.c '#include "engine/kv.h"' 'may use only'
expect server/main.c '#include "rocksdb/c.h"' 'no folder of src/'
expect store/scan.c '#include <rocksdb/c.h>' 'is only for engine/*'
expect store/scan.c '#  include <pthread.h>' 'is only for base/*'
expect wire/json.h '#include <stdatomic.h>' 'is only for base/*'
expect net/loop.c '#include <openssl/ssl.h>' 'is only for net/tls.c'
expect engine/crypto_jwt.c '#include <openssl/ssl.h>' 'is only for net/tls.c'
expect engine/kv_mem.c '#include <string>' 'is only for engine/toml.cpp'
expect wire/json.c '#include <sys/socket.h>' 'is only for net/*'
expect wire/json.c '#include <jansson.h>' 'has no row'
expect wire/json.c '#include HEADER' 'cannot be read'

right_tree
mkdir "$tree/src/misc"
plant misc/x.c '#include "base/lock.h"'
if "$check" "$tree" >/dev/null; then
    echo "accepted a folder without a rank"
    exit 1
fi
echo "ok"
