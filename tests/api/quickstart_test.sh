#!/usr/bin/env bash
# Goal: the quickstart, by the command line, as a new user types it (requirement T227): 32 checks over namespaces, USER, SHARED and
# STREAM tables, DML, queries, system tables, flush policies, data types, cleaning up.
# Method: a server of its own on a free port; every check is one `kalam -c` and what it must print. Exit status 1 if one fails.
set -uo pipefail
server=${KALAM_SERVER:?} kalam=${KALAM_CLI:?}
dir=$(mktemp -d)
export HOME=$dir LC_ALL=C.UTF-8 KALAM_USER=root KALAM_PASSWORD=root-password-1
KALAMDB_ROOT_PASSWORD=$KALAM_PASSWORD KALAMDB_SERVER_HOST=127.0.0.1 KALAMDB_SERVER_PORT=0 \
    KALAMDB_DATA_DIR=$dir/data KALAMDB_LOGS_DIR=$dir/logs "$server" >"$dir/server.out" 2>&1 &
server_pid=$!
trap 'kill -TERM $server_pid 2>/dev/null; wait $server_pid 2>/dev/null; rm -rf "$dir"' EXIT
address=
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

checks=0
failures=0
# ask <SQL>: rows as CSV, messages as they are
ask() {
    local form=()
    case "$1" in SELECT*) form=(--csv) ;; esac
    "$kalam" --url "http://$address" "${form[@]}" -c "$1" 2>&1 </dev/null
}
# check <name> <wanted part of the output> <SQL>
check() {
    local name=$1 wanted=$2 out
    checks=$((checks + 1))
    out=$(ask "$3")
    case "$out" in
    *"$wanted"*) printf 'ok %2d - %s\n' "$checks" "$name" ;;
    *)
        printf 'not ok %2d - %s\n  wanted: %s\n  got: %s\n' "$checks" "$name" "$wanted" "$out"
        failures=$((failures + 1))
        ;;
    esac
}
# The same, again and again until it holds or 20 s are over: what happens in the background.
check_soon() {
    local until=$((SECONDS + 20))
    while [ $SECONDS -lt $until ]; do
        case "$(ask "$3")" in *"$2"*) break ;; esac
        sleep 0.2
    done
    check "$@"
}

# namespaces
check "create a namespace" "created" "CREATE NAMESPACE shop"
check "creating it again says so" "already exists" "CREATE NAMESPACE shop"
check "IF NOT EXISTS does not mind" "exists" "CREATE NAMESPACE IF NOT EXISTS shop"
check "it is listed" "shop" "SHOW NAMESPACES"
# tables of three kinds
check "create a USER table" "created" "CREATE USER TABLE shop.notes (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), body TEXT NOT NULL, done BOOLEAN DEFAULT false, at TIMESTAMP DEFAULT NOW())"
check "create a SHARED table" "created" "CREATE SHARED TABLE shop.products (sku TEXT PRIMARY KEY, name TEXT NOT NULL, price DECIMAL(10,2), stock INT) WITH (ACCESS_LEVEL = 'PUBLIC', FLUSH_POLICY = 'rows:5')"
check "create a STREAM table" "created" "CREATE STREAM TABLE shop.clicks (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), page TEXT) WITH (TTL_SECONDS = 3600)"
check "all three are listed" "clicks" "SHOW TABLES IN shop"
check "a table is described" "price" "DESCRIBE TABLE shop.products"
# DML
check "insert rows into the SHARED table" "Inserted 4 row(s)" "INSERT INTO shop.products (sku, name, price, stock) VALUES ('a1', 'apple', 0.50, 100), ('b1', 'bread', 2.20, 20), ('c1', 'cheese', 7.95, 5), ('d1', 'dates', 3.10, 0)"
check "insert into the USER table with defaults" "Inserted 2 row(s)" "INSERT INTO shop.notes (body) VALUES ('buy bread'), ('sell apples')"
check "insert into the STREAM table" "Inserted 1 row(s)" "INSERT INTO shop.clicks (page) VALUES ('/home')"
check "a second row with the same key is refused" "Primary key violation" "INSERT INTO shop.products (sku, name) VALUES ('a1', 'another')"
check "update by key" "Updated 1 row(s)" "UPDATE shop.products SET stock = stock - 1 WHERE sku = 'a1'"
check "update by a condition" "Updated 2 row(s)" "UPDATE shop.notes SET done = true WHERE body LIKE '%e%'"
check "delete by key" "Deleted 1 row(s)" "DELETE FROM shop.products WHERE sku = 'd1'"
check "a deleted key may come again" "Inserted 1 row(s)" "INSERT INTO shop.products (sku, name, price, stock) VALUES ('d1', 'dates', 3.30, 8)"
# queries
check "select by key" "99" "SELECT stock FROM shop.products WHERE sku = 'a1'"
check "filter and order" "cheese,7.95" "SELECT name, price FROM shop.products WHERE price > 3 ORDER BY price DESC LIMIT 1"
check "aggregate" "4,13.95" "SELECT count(*), sum(price) FROM shop.products"
check "join USER with SHARED" "buy bread,2.2" "SELECT n.body, p.price FROM shop.notes n JOIN shop.products p ON n.body = 'buy ' || p.name"
check "a user sees its own rows only" "created" "CREATE USER 'ann' WITH PASSWORD 'ann-password-1' ROLE 'user'"
KALAM_USER=ann KALAM_PASSWORD=ann-password-1 check "another user has none of these notes" "0" "SELECT count(*) FROM shop.notes"
KALAM_USER=ann KALAM_PASSWORD=ann-password-1 check "and reads the public SHARED table" "4" "SELECT count(*) FROM shop.products"
# flush policies, both tiers as one
check "more rows than the policy keeps hot" "Inserted 3 row(s)" "INSERT INTO shop.products (sku, name, price, stock) VALUES ('e1', 'eggs', 2.80, 30), ('f1', 'figs', 4.40, 3), ('g1', 'grapes', 3.60, 12)"
check_soon "they are flushed in the background" "completed" "SELECT status FROM system.jobs WHERE job_type = 'flush' AND status = 'completed'"
check "a query sees both tiers as one" "7,24.75" "SELECT count(*), sum(price) FROM shop.products"
check "a cold row is updated" "Updated 1 row(s)" "UPDATE shop.products SET price = 0.55 WHERE sku = 'a1'"
# data types
check "every type comes back" "true,7,1.5,12.34,2026-11-22" "SELECT CAST('true' AS BOOLEAN), CAST(7 AS SMALLINT), CAST(1.5 AS DOUBLE), CAST('12.34' AS DECIMAL(6,2)), CAST('2026-11-22' AS DATE)"
# system tables
check "system.tables knows them" "products" "SELECT table_name FROM system.tables WHERE namespace_id = 'shop' ORDER BY table_name"
# cleaning up
check "drop a table" "dropped" "DROP TABLE shop.clicks"
check "drop the namespace with the rest" "dropped" "DROP NAMESPACE shop CASCADE"

printf '%d checks, %d failed\n' "$checks" "$failures"
[ "$failures" -eq 0 ] && [ "$checks" -eq 32 ]
