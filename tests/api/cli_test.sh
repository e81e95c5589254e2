#!/usr/bin/env bash
# Goal: kalam does what its manual (docs/reference/cli.md) says: forms of output, exit statuses, first
# set-up, statements one by one, the prompt and its history.
# Method: a server of its own on a free port; each claim compares stdout, stderr or the exit status.
set -uo pipefail
server=${KALAM_SERVER:?} kalam=${KALAM_CLI:?}
dir=$(mktemp -d)
export HOME=$dir LC_ALL=C.UTF-8
unset KALAM_URL KALAM_USER KALAM_PASSWORD KALAM_TOKEN
failures=0

KALAMDB_SERVER_HOST=127.0.0.1 KALAMDB_SERVER_PORT=0 KALAMDB_DATA_DIR=$dir/data KALAMDB_LOGS_DIR=$dir/logs \
    "$server" >"$dir/server.out" 2>&1 &
server_pid=$!
trap 'kill -TERM $server_pid 2>/dev/null; wait $server_pid 2>/dev/null; rm -rf "$dir"' EXIT
for _ in $(seq 300); do
    address=$(sed -n 's/^listening on //p' "$dir/server.out")
    [ -n "$address" ] && break
    kill -0 $server_pid 2>/dev/null || break
    sleep 0.1
done
[ -n "$address" ] || {
    cat "$dir/server.out"
    exit 1
}
url=http://$address

# run <wanted exit status> <argument>...: leaves stdout and stderr in $out and $err.
run() {
    local wanted=$1 status=0
    shift
    out=$("$kalam" --url "$url" "$@" 2>"$dir/err" </dev/null) || status=$?
    err=$(cat "$dir/err")
    [ "$status" = "$wanted" ] || fail "exit status $status, not $wanted: kalam $*" "$out$err"
}
fail() {
    printf 'FAILED: %s\n%s\n' "$1" "${2:-}"
    failures=$((failures + 1))
}
is() { [ "$1" = "$2" ] || fail "${3:-output differs}" "$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$1"))"; }
has() { case "$1" in *"$2"*) ;; *) fail "no \"$2\" in the output" "$1" ;; esac; }

# --- before the first set-up
run 4 -c "SELECT 1"
has "$err" "SETUP_REQUIRED"
has "$err" "/v1/api/auth/setup"
is "$out" ""

# The talk on a terminal: name, password twice, root's password twice; one that is too short first.
printf 'admin\nshort\npw-admin-1\npw-admin-1\npw-root-1\npw-root-1\n\\q\n' |
    script -qec "$kalam --url $url" /dev/null >"$dir/setup.out" 2>&1
has "$(cat "$dir/setup.out")" "At least 8 characters"
has "$(cat "$dir/setup.out")" "Done; logged in as admin."

# --- who asks
run 4 -c "SELECT 1"
has "$err" "NO_USER"
run 4 --user admin --password wrong-password -c "SELECT 1"
has "$err" "Invalid credentials"
export KALAM_USER=admin KALAM_PASSWORD=pw-admin-1
run 0 -c "SELECT 1 AS one"
run 4 --token not-a-token -c "SELECT 1"
has "$err" "INVALID_CREDENTIALS"
has "$err" "hint: log in again"
run 1 -c "CREATE TABLE nowhere.t (id BIGINT PRIMARY KEY)"
has "$err" "hint: SHOW NAMESPACES lists them; CREATE NAMESPACE makes one"
run 1 --subscribe "SELECT * FROM nowhere.t"
has "$err" "hint: check the name and the namespace with SHOW TABLES; CREATE TABLE makes a table"

# --- wrong use, nobody there
run 2 --nonsense
run 2 --timeout soon -c "SELECT 1"
run 2 --count 1 -c "SELECT 1"
run 2 --consume app.topic
has "$err" "not available yet"
run 2 --file "$dir/missing.sql"
run 0 --version
run 0 --help
status=0
"$kalam" --port 1 -c "SELECT 1" 2>"$dir/err" || status=$?
is "$status" 3 "exit status without a server"
has "$(cat "$dir/err")" "CANNOT_CONNECT"

# --- statements from a file, each answered
cat >"$dir/a.sql" <<'SQL'
-- a comment; with a semicolon
CREATE NAMESPACE app; USE app;
CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT, sent TIMESTAMP, amount DECIMAL(10,2)) WITH (TYPE = 'SHARED');
INSERT INTO t (id, name, sent, amount) VALUES
    (1, 'a;b', '2026-01-02T03:04:05.678Z', '12.50'), (2, '日本"x", y', NULL, NULL), (3, '', NULL, '-0.25');
SQL
run 0 --file "$dir/a.sql"
is "$out" "Namespace 'app' created successfully
Namespace switched to 'app'
CREATE TABLE via Raft consensus: shared table app.t created successfully
Inserted 3 row(s)"
is "$err" ""

# --- forms of output
query="SELECT id, name, sent, amount FROM app.t ORDER BY id"
run 0 -c "$query"
is "$out" ' id | name       | sent                    | amount
----+------------+-------------------------+--------
  1 | a;b        | 2026-01-02 03:04:05.678 |  12.50
  2 | 日本"x", y | NULL                    |   NULL
  3 |            | NULL                    |  -0.25
(3 rows)'
run 0 --csv -c "$query"
is "$out" 'id,name,sent,amount
1,a;b,2026-01-02 03:04:05.678,12.50
2,"日本""x"", y",,
3,"",,-0.25'
run 0 --json -c "$query; DELETE FROM app.t WHERE id = 99"
is "$out" '[
{"id":"1","name":"a;b","sent":1767323045678000,"amount":"12.50"},
{"id":"2","name":"日本\"x\", y","sent":null,"amount":null},
{"id":"3","name":"","sent":null,"amount":"-0.25"}
]
{"message":"Deleted 0 row(s)","row_count":0}'
run 0 --quiet --expanded --namespace app -c "SELECT id, name FROM t WHERE id = 1"
is "$out" '-[ row 1 ]-
id   | 1
name | a;b'
run 0 --json -c "SELECT id, id FROM app.t WHERE id = 1; SELECT id FROM app.t WHERE id = 99"
is "$out" '[
{"id":"1","id_2":"1"}
]
[]'
run 0 --timing -q -c "SELECT 1"
has "$err" "Time: "

# --- a failure ends the run, says where, and leaves what was done
printf 'SELECT 1;\n\nSELECT nothing\nFROM app.t;\nINSERT INTO app.t (id) VALUES (7);\n' >"$dir/b.sql"
run 1 --file "$dir/b.sql"
has "$err" "b.sql:3: "
run 0 --quiet --csv -c "SELECT count(*) AS n FROM app.t"
is "$out" "n
3"
out=$(printf 'SELECT 5 AS five' | "$kalam" --url "$url" --csv)
is "$out" "five
5" "stdin"
run 1 -c "SELEC 1"
has "$err" "INVALID_SQL"

# --- the prompt
printf '%s\n' 'select' "  ';' as x;" '\d app.t' 'use app;' '\nothing' 'select id' 'from t where id = 1;' \
    "CREATE USER bob WITH PASSWORD 'pw-secret-1' ROLE user;" '\as bob SELECT 1 AS by_bob' '\q' |
    script -qec "stty cols 100; $kalam --url $url" /dev/null >"$dir/prompt.out" 2>&1
prompt=$(tr -d '\r' <"$dir/prompt.out")
has "$prompt" "   -> "
has "$prompt" " ;"
has "$prompt" " column_name | data_type "
has "$prompt" "no command \\nothing"
has "$prompt" "kalam:app> "
has "$prompt" "User 'bob' created"
has "$prompt" " by_bob"
[ "$(stat -c %a "$dir/.kalam_history")" = 600 ] || fail "the history is not private"
has "$(cat "$dir/.kalam_history")" "app.t"
grep -q secret "$dir/.kalam_history" && fail "a password went into the history"

# --- a user that is no administrator
run 0 --user bob --password pw-secret-1 -c "SELECT CURRENT_USER() AS me"
has "$out" "bob"
run 1 --user bob --password pw-secret-1 -c "SELECT * FROM system.users"
has "$err" "PERMISSION_DENIED"

[ $failures = 0 ] && echo "cli: all claims hold"
exit $((failures > 0))
