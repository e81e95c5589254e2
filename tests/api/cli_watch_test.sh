#!/usr/bin/env bash
# Goal: kalam --subscribe prints the rows there are and each change once, in every form, also across
# a restart of the server, and says why when a subscription is refused.
# Method: a server of its own; kalam in the background writes to files that are waited for; the
# server is ended and started again on the same port while a subscription is open.
set -uo pipefail
server=${KALAM_SERVER:?} kalam=${KALAM_CLI:?}
dir=$(mktemp -d)
export HOME=$dir LC_ALL=C.UTF-8 KALAM_USER=admin KALAM_PASSWORD=pw-admin-1
unset KALAM_TOKEN
failures=0 server_pid="" address=""

start_server() { # [address]
    : >"$dir/server.out"
    KALAMDB_SERVER_HOST=127.0.0.1 KALAMDB_SERVER_PORT=${1:-0} KALAMDB_DATA_DIR=$dir/data \
        KALAMDB_LOGS_DIR=$dir/logs "$server" >"$dir/server.out" 2>&1 &
    server_pid=$!
    wait_for "$dir/server.out" '^listening on ' || {
        cat "$dir/server.out"
        exit 1
    }
    address=$(sed -n 's/^listening on //p' "$dir/server.out")
    export KALAM_URL=http://$address
}
stop_server() {
    kill -TERM "$server_pid" 2>/dev/null
    wait "$server_pid" 2>/dev/null
}
trap 'stop_server; rm -rf "$dir"' EXIT

# wait_for <file> <pattern> [count]: until that many lines of the file fit; at most 30 s.
wait_for() {
    for _ in $(seq 300); do
        [ "$(grep -c -- "$2" "$1" 2>/dev/null)" -ge "${3:-1}" ] && return 0
        sleep 0.1
    done
    return 1
}
fail() {
    printf 'FAILED: %s\n%s\n' "$1" "${2:-}"
    failures=$((failures + 1))
}
is() { [ "$1" = "$2" ] || fail "$3" "$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$1"))"; }
sql() { "$kalam" --quiet --csv -c "$1" || fail "failed: $1"; }
# _seq and _updated differ from run to run.
plain() { sed 's/"_seq":"[0-9]*"/"_seq":"S"/g; s/"_updated":[0-9]*/"_updated":U/g; s/ | _seq: [0-9]*//; s/ | _updated: [-0-9:. ]*[0-9]//' "$1"; }

# watch <name> <argument>...: kalam in the background; its pid in $watch_pid.
watch() {
    local name=$1
    shift
    "$kalam" "$@" >"$dir/$name.out" 2>"$dir/$name.err" </dev/null &
    watch_pid=$!
    wait_for "$dir/$name.err" '^-- subscribed' || fail "no subscription: $name" "$(cat "$dir/$name.err")"
}
# ends <name> <exit status>
ends() {
    local status=0
    timeout 60 tail --pid="$watch_pid" -f /dev/null || kill "$watch_pid"
    wait "$watch_pid" || status=$?
    is "$status" "$2" "exit status of $1"
}

start_server
curl -fsS -o /dev/null "$KALAM_URL/v1/api/auth/setup" -H 'Content-Type: application/json' \
    -d '{"user":"admin","password":"pw-admin-1","root_password":"pw-root-1"}' || exit 1
sql "CREATE NAMESPACE app;
     CREATE TABLE app.t (id INT PRIMARY KEY, room TEXT, sent TIMESTAMP) WITH (TYPE = 'SHARED');
     INSERT INTO app.t (id, room, sent) VALUES (1, 'a', '2026-01-02T03:04:05Z'), (2, 'b', NULL), (3, 'a', NULL)" >/dev/null

# --- rows, then changes, as JSON; others' rooms are not told
watch json --json --count 3 --subscribe "SELECT * FROM app.t WHERE room = 'a'"
wait_for "$dir/json.out" initial 2 || fail "no initial rows"
sql "INSERT INTO app.t (id, room) VALUES (4, 'b'); INSERT INTO app.t (id, room) VALUES (5, 'a');
     UPDATE app.t SET sent = '2026-01-02T00:00:00Z' WHERE id = 5; DELETE FROM app.t WHERE id = 1" >/dev/null
ends json 0
is "$(plain "$dir/json.out" | sed -n 1,3p)" '{"change_type":"initial","row":{"id":1,"room":"a","sent":1767323045000000,"_seq":"S","_updated":U,"_deleted":false}}
{"change_type":"initial","row":{"id":3,"room":"a","sent":null,"_seq":"S","_updated":U,"_deleted":false}}
{"change_type":"insert","row":{"id":5,"room":"a","sent":null,"_seq":"S","_updated":U,"_deleted":false}}' "rows and an insert"
case "$(sed -n 4p "$dir/json.out")" in
'{"change_type":"update","row":{"id":5,"room":"a","sent":1767312000000000,'*'"old_row":{'*) ;;
*) fail "an update" "$(sed -n 4p "$dir/json.out")" ;;
esac
case "$(sed -n 5p "$dir/json.out")" in
'{"change_type":"delete","row":{"id":1,"room":"a",'*'"_deleted":true}}') ;;
*) fail "a delete" "$(sed -n 5p "$dir/json.out")" ;;
esac

# --- tables and CSV; only the newest rows first
watch table --last-rows 1 --count 1 --subscribe "SELECT id, room FROM app.t"
wait_for "$dir/table.out" initial || fail "no initial row"
sql "UPDATE app.t SET room = 'c' WHERE id = 3" >/dev/null
ends table 0
is "$(plain "$dir/table.out")" 'initial  id: 5 | room: a
update   id: 3 | room: c  (was room: a)' "lines for people"
watch csv --csv --last-rows 0 --count 1 --subscribe "SELECT id, room, sent FROM app.t"
sql "INSERT INTO app.t (id, room, sent) VALUES (6, 'x,y', '2026-01-02T03:04:05Z')" >/dev/null
ends csv 0
is "$(cat "$dir/csv.out")" 'change_type,id,room,sent
insert,6,"x,y",2026-01-02 03:04:05' "CSV"

# --- a message that the server compresses
watch long --json --last-rows 0 --count 1 --subscribe "SELECT id, room FROM app.t"
long=$(printf 'long %.0s' $(seq 1000))
sql "INSERT INTO app.t (id, room) VALUES (7, '$long')" >/dev/null
ends long 0
grep -qF "$long" "$dir/long.out" || fail "a compressed message" "$(cat "$dir/long.out")"

# --- many rows come in batches
sql "CREATE TABLE app.many (id INT PRIMARY KEY) WITH (TYPE = 'SHARED')" >/dev/null
sql "INSERT INTO app.many (id) VALUES $(seq -s, 1 2500 | sed 's/[0-9]*/(&)/g')" >/dev/null
watch many --csv --count 1 --subscribe "SELECT id FROM app.many"
wait_for "$dir/many.out" ^initial 2500 || fail "2500 rows" "$(wc -l <"$dir/many.out")"
sql "INSERT INTO app.many (id) VALUES (2501)" >/dev/null
ends many 0
is "$(grep -c ^initial "$dir/many.out")" 2500 "each row once"
is "$(tail -n 1 "$dir/many.out")" insert,2501 "the change behind them"

# --- the server goes and comes back: nothing twice, nothing missing
watch again --csv --count 2 --subscribe "SELECT id, room FROM app.t WHERE room = 'r'"
sql "INSERT INTO app.t (id, room) VALUES (10, 'r')" >/dev/null
wait_for "$dir/again.out" 'insert,10' || fail "the change before the restart"
stop_server
start_server "${address##*:}"
sql "INSERT INTO app.t (id, room) VALUES (11, 'r')" >/dev/null
wait_for "$dir/again.err" '^-- connected again' || fail "not connected again" "$(cat "$dir/again.err")"
wait_for "$dir/again.out" ',11,r' || fail "the row written meanwhile" "$(cat "$dir/again.out")"
sql "INSERT INTO app.t (id, room) VALUES (12, 'r')" >/dev/null
if ! grep -q 'insert,11' "$dir/again.out"; then # it came as a row of the new beginning
    is "$(sed -n '2,$p' "$dir/again.out" | sort)" 'initial,11,r
insert,10,r
insert,12,r' "changes across a restart"
else
    is "$(sed -n '2,$p' "$dir/again.out")" 'insert,10,r
insert,11,r' "changes across a restart"
fi
ends again 0

# --- nobody reads any more
status=0
timeout 60 "$kalam" --subscribe "SELECT id FROM app.t" 2>/dev/null | head -n 1 >"$dir/head.out" || status=$?
[ "$status" -le 1 ] || fail "no end when the reader has gone: status $status" # 1: in the middle of a row

# --- refusals
status=0
timeout 60 "$kalam" --subscribe "SELECT count(*) FROM app.t" >"$dir/no.out" 2>"$dir/no.err" || status=$?
is "$status" 1 "exit status of a refused subscription"
grep -q 'INVALID_SQL' "$dir/no.err" || fail "no reason" "$(cat "$dir/no.err")"
status=0
timeout 60 "$kalam" --token wrong --subscribe "SELECT * FROM app.t" >"$dir/no.out" 2>"$dir/no.err" || status=$?
is "$status" 4 "exit status with a bad token"
status=0
KALAM_URL=http://127.0.0.1:1 timeout 60 "$kalam" --user u --password p --subscribe "SELECT * FROM app.t" >"$dir/no.out" 2>"$dir/no.err" || status=$?
is "$status" 3 "exit status without a server"

[ $failures = 0 ] && echo "kalam --subscribe: all claims hold"
exit $((failures > 0))
