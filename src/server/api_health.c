/* server/api_health.c -- answers that ask nobody. */
#include "server/api_health.h"

#include "server/api_common.h"
#include "server/server.h"

static void refuse(struct http_call *call, const char *text)
{
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    json_write_key(&w, "error");
    json_write_text_c(&w, text);
    json_write_object_end(&w);
    api_answer_json(call, 403);
}

void api_health(struct http_call *call)
{
    if (!call->is_local) {
        refuse(call, "Access denied. Health endpoint is localhost-only.");
        return;
    }
    buf_append_str(&call->out,
                   STR_LIT("{\"status\":\"healthy\",\"version\":\"" SERVER_VERSION
                           "\",\"api_version\":\"v1\",\"build_date\":\"" SERVER_BUILD_DATE "\"}"));
    api_answer_json(call, 200);
}

str api_human_time(struct arena *arena, uint64_t s)
{
    unsigned long long days = s / 86400;
    unsigned long long hours = s / 3600 % 24;
    unsigned long long minutes = s / 60 % 60;
    if (days > 0) {
        return arena_format(arena, "%llud %lluh %llum", days, hours, minutes);
    }
    if (hours > 0) {
        return arena_format(arena, "%lluh %llum", hours, minutes);
    }
    return minutes > 0 ? arena_format(arena, "%llum %llus", minutes, (unsigned long long)s % 60)
                       : arena_format(arena, "%llus", (unsigned long long)s);
}

static void write_node(struct json_writer *w, struct http_call *call, const struct server *server)
{
    uint64_t uptime_s = (api_took_us(call) + call->started_us - server->started_mono_us) / 1000000;
    json_write_object_begin(w);
    json_write_key(w, "node_id");
    json_write_u64(w, 1);
    json_write_key(w, "role");
    json_write_text_c(w, "leader");
    json_write_key(w, "status");
    json_write_text_c(w, "active");
    json_write_key(w, "api_addr");
    json_write_text(w, arena_format(&call->arena, STR_FMT ":%u", STR(server->config->server_host),
                                    server->port));
    json_write_key(w, "is_self");
    json_write_bool(w, true);
    json_write_key(w, "is_leader");
    json_write_bool(w, true);
    json_write_key(w, "memory_usage_mb");
    json_write_u64(w, mem_resident_bytes() >> 20);
    json_write_key(w, "uptime_seconds");
    json_write_u64(w, uptime_s);
    json_write_key(w, "uptime_human");
    json_write_text(w, api_human_time(&call->arena, uptime_s));
    json_write_object_end(w);
}

void api_cluster_health(struct http_call *call)
{
    const struct server *server = call->server;
    if (!call->is_local) {
        refuse(call, "Access denied. Cluster health is localhost-only.");
        return;
    }
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    json_write_key(&w, "status");
    json_write_text_c(&w, "healthy");
    json_write_key(&w, "version");
    json_write_text_c(&w, SERVER_VERSION);
    json_write_key(&w, "build_date");
    json_write_text_c(&w, SERVER_BUILD_DATE);
    json_write_key(&w, "is_cluster_mode");
    json_write_bool(&w, false);
    json_write_key(&w, "cluster_id");
    json_write_text_c(&w, "standalone");
    json_write_key(&w, "node_id");
    json_write_u64(&w, 1);
    json_write_key(&w, "is_leader");
    json_write_bool(&w, true);
    json_write_key(&w, "total_groups");
    json_write_u64(&w, 1);
    json_write_key(&w, "groups_leading");
    json_write_u64(&w, 1);
    json_write_key(&w, "current_term");
    json_write_u64(&w, 1);
    json_write_key(&w, "last_applied");
    json_write_null(&w);
    json_write_key(&w, "millis_since_quorum_ack");
    json_write_null(&w);
    json_write_key(&w, "nodes");
    json_write_array_begin(&w);
    write_node(&w, call, server);
    json_write_array_end(&w);
    json_write_object_end(&w);
    api_answer_json(call, 200);
}
