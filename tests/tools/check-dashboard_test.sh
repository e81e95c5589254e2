#!/usr/bin/env bash
# Goal: the Grafana dashboard asks for metrics and labels that the server has, in queries that parse, on panels that
# Grafana can place; and the check sees when it does not.
# Method: the dashboard itself; then copies with one thing wrong each, and the complaint.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
check=$root/tools/check-dashboard
board=$root/deploy/grafana/kalamdb.json
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$check"

# expect <complaint> <sed script>
expect() {
    sed "$2" "$board" >"$scratch/board.json"
    if output=$("$check" "$scratch/board.json"); then
        echo "not seen: $1" >&2
        exit 1
    fi
    grep -qF "$1" <<<"$output" || {
        printf 'wanted: %s\nfound: %s\n' "$1" "$output" >&2
        exit 1
    }
}
expect 'the server has no metric kalamdb_hot_row' 's/"kalamdb_hot_rows"/"kalamdb_hot_row"/'
expect 'the server has no metric kalamdb_fsync_duration_seconds' 's/kalamdb_fsync_duration_seconds_bucket/kalamdb_fsync_duration_seconds/'
expect 'kalamdb_statements_total has no label result' 's/{outcome=/{result=/'
expect 'no metric of the query has a label kind' 's/by (query_type)/by (kind)/'
expect 'no metric of the query has a label statement' 's/{{query_type}}/{{statement}}/'
expect 'kalamdb_live_subscriptions is a gauge, read as another kind' 's/"kalamdb_live_subscriptions"/"rate(kalamdb_live_subscriptions[$__rate_interval])"/'
expect 'kalamdb_live_events_total is a counter, read as another kind' 's/rate(kalamdb_live_events_total\[[^]]*\])/kalamdb_live_events_total/'
expect 'no type of panel: graph' '0,/"timeseries"/s//"graph"/'
expect 'two panels have the id 2' 's/"id": 3,/"id": 2,/'
expect 'lie upon each other' '0,/"x": 16,/s//"x": 15,/'
expect 'it is beyond the 24 columns of the grid' 's/"x": 18,/"x": 19,/'
expect 'its data source is not the variable' '0,/"uid": "${datasource}"/s//"uid": "prometheus-1"/'
expect 'one variable that is a Prometheus data source' 's/"query": "prometheus"/"query": "loki"/'
expect 'it wants queries with a refId each' '0,/"refId": "B"/s//"refId": "A"/'
expect 'no JSON' '$d'
if command -v promtool >/dev/null; then
    expect 'parse error' 's/sum by (limit) (rate/sum by (limit) rate(/'
fi
