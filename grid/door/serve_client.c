/* serve_client.c - who comes in, what the cluster looks like, and what schemas it knows. */
#include <stdio.h>
#include <string.h>

#include "grid/door/listing.h"
#include "grid/door/serve.h"
#include "grid/door/view.h"
#include "grid/member.h"
#include "net/base/log.h"
#include "net/base/mem.h"
#include "net/wire/schema.h"

/* The version whose protocol is spoken; clients look at it to know what they may ask. */
#define SPOKEN_VERSION "5.5.0"

enum { SERIALIZATION = 1 };

/* ---- authentication ------------------------------------------------------------------------- */

enum status { AUTHENTICATED, CREDENTIALS_FAILED, SERIALIZATION_MISMATCH };

/* Takes as long whatever the bytes are. */
static bool is_same(struct wire_bytes given, const char *wanted)
{
    size_t size = strlen(wanted);
    uint8_t differ = given.size != size;

    for (size_t i = 0; i < given.size; i++)
        differ |= given.at[i] ^ (uint8_t)wanted[size ? i % size : 0];
    return differ == 0;
}

static enum status judge(const struct call *c, const struct client_authentication_req *q)
{
    const mr_config_t *config = c->member->config;
    const char *user = config_text(config, "clients.user");
    bool known = true;

    if (user[0]) {
        bool user_is = is_same(q->username, user); /* both are compared, whatever one says */
        bool password_is = is_same(q->password, config_text(config, "clients.password"));

        known = q->username.at && q->password.at && user_is && password_is;
    }
    if (!is_same(q->cluster_name, config_text(config, "cluster.name")) || !known)
        return CREDENTIALS_FAILED;
    return q->serialization_version == SERIALIZATION ? AUTHENTICATED : SERIALIZATION_MISMATCH;
}

static const char *text_of(struct wire_bytes b, char out[DOOR_TEXT])
{
    snprintf(out, DOOR_TEXT, "%.*s", (int)b.size, (const char *)b.at);
    return out;
}

static mr_rc_t enter(struct call *c, const struct client_authentication_req *q)
{
    char type[DOOR_TEXT], version[DOOR_TEXT], name[DOOR_TEXT], peer[ADDRESS_TEXT];
    struct client *client = door_enter(
        c->session->at->door, q->uuid.null ? door_uuid() : q->uuid, text_of(q->client_type, type),
        text_of(q->client_hazelcast_version, version), text_of(q->client_name, name));

    if (!client)
        return MR_ERR_MEMORY;
    session_open(c->session, client);
    log_event(LOG_INFO, "client.connected", F_STR("client", name), F_STR("type", type),
              F_STR("version", version),
              F_STR("peer", address_text(&c->session->conn.link->peer, peer)));
    return MR_OK;
}

static struct wire_list no_items(void)
{
    static const struct sink none;

    return wire_list_of(&none, 0);
}

static struct wire_address address_of(const struct address *a, char host[ADDRESS_TEXT])
{
    return (struct wire_address){.port = a->port, .host = wire_text(address_host(a, host))};
}

/* What is left out at a failure is what a stranger need not know. */
static struct client_authentication_rsp refusal(enum status status)
{
    return (struct client_authentication_rsp){
        .status = (int8_t)status,
        .member_uuid.null = true,
        .serialization_version = -1,
        .partition_count = -1,
        .cluster_id.null = true,
        .member_list_version = -1,
        .partition_list_version = -1,
        .address.null = true,
        .server_hazelcast_version = wire_text(""),
        .member_infos = no_items(),
        .partitions = {no_items(), wire_text("")},
        .key_value_pairs = no_items(),
    };
}

static void admit(struct call *c, const struct view *v)
{
    const struct door *d = c->session->at->door;
    struct wire_bytes key = wire_text("clusterVersion"), value = wire_text("5.5");
    struct sink *pairs = call_items(c);
    char host[ADDRESS_TEXT];

    wire_put(pairs, WIRE_str, &key);
    wire_put(pairs, WIRE_str, &value);
    reply(c, &(struct client_authentication_rsp){
                 .status = AUTHENTICATED,
                 .member_uuid = c->member->uuid,
                 .serialization_version = SERIALIZATION,
                 .partition_count = (int32_t)c->member->partitions.count,
                 .cluster_id = v->cluster,
                 .member_list_version = v->version,
                 .partition_list_version = v->version,
                 .address = address_of(&d->address, host),
                 .server_hazelcast_version = wire_text(SPOKEN_VERSION),
                 .member_infos = view_members(v),
                 .partitions = view_partitions(v),
                 .key_value_pairs = wire_list_of(pairs, 1),
             });
}

/* Newer clients take the view from the response, and do not get far when it is not there; older
 * ones wait for that of the cluster view listener. */
static mr_rc_t authenticate(struct call *c, const struct client_authentication_req *q)
{
    enum status status = judge(c, q);
    struct client_authentication_rsp refused = refusal(status);
    char host[ADDRESS_TEXT], cluster[DOOR_TEXT];
    struct view v;
    mr_rc_t rc;

    if (c->session->state != SESSION_NEW)
        return fail(c->err, MR_ERR_ARGUMENT, NULL, "this connection is authenticated already");
    if (status != AUTHENTICATED) {
        log_event(LOG_WARN, "client.not_admitted",
                  F_STR("why", status == CREDENTIALS_FAILED ? "cluster name, user or password"
                                                            : "serialization version"),
                  F_STR("cluster", text_of(q->cluster_name, cluster)),
                  F_STR("peer", address_text(&c->session->conn.link->peer, host)));
        reply(c, &refused);
        return MR_OK;
    }
    if ((rc = view_make(c->member, &v)) != MR_OK)
        return rc;
    c->session->cluster = v.cluster;
    if ((rc = enter(c, q)) == MR_OK)
        admit(c, &v);
    view_free(&v);
    return rc;
}

mr_rc_t serve_client_authentication(struct call *c, const struct client_authentication_req *q)
{
    return authenticate(c, q);
}

/* Credentials of a client's own making are compared with the password. */
mr_rc_t serve_client_authentication_custom(struct call *c,
                                           const struct client_authentication_custom_req *q)
{
    const struct client_authentication_req plain = {
        .uuid = q->uuid,
        .serialization_version = q->serialization_version,
        .cluster_name = q->cluster_name,
        .username = wire_text(config_text(c->member->config, "clients.user")),
        .password = q->credentials,
        .client_type = q->client_type,
        .client_hazelcast_version = q->client_hazelcast_version,
        .client_name = q->client_name,
        .labels = q->labels,
    };

    return authenticate(c, &plain);
}

/* ---- the cluster ---------------------------------------------------------------------------- */

mr_rc_t serve_client_add_cluster_view_listener(struct call *c,
                                               const struct client_add_cluster_view_listener_req *q)
{
    struct view v;
    mr_rc_t rc = view_make(c->member, &v);

    (void)q;
    if (rc != MR_OK)
        return rc;
    reply(c, &(struct client_add_cluster_view_listener_rsp){0});
    c->session->has_view = true;
    c->session->view_correlation = c->head.correlation;
    view_tell(c->session, &v);
    view_free(&v);
    return MR_OK;
}

mr_rc_t serve_client_ping(struct call *c, const struct client_ping_req *q)
{
    (void)q;
    reply(c, &(struct client_ping_rsp){0});
    return MR_OK;
}

mr_rc_t serve_cluster_look(struct call *c, const struct cluster_look_req *q)
{
    struct outlook o;
    mr_rc_t rc = outlook_make(c->member, &o);

    (void)q;
    if (rc != MR_OK)
        return rc;
    reply(c, &o.answer);
    outlook_free(&o);
    return MR_OK;
}

mr_rc_t serve_cluster_take_over(struct call *c, const struct cluster_take_over_req *q)
{
    struct wire_bytes why = wire_text(control_take_over(c->member->control));

    (void)q;
    reply(c, &why);
    return MR_OK;
}

/* Whoever keeps this member in its cluster answers. */
mr_rc_t serve_client_open_session(struct call *c, const struct client_open_session_req *q)
{
    (void)q;
    if (!c->member->control) {
        reply(c, &(struct client_open_session_rsp){.cluster.null = true});
        return MR_OK;
    }
    if (c->forwarded || c->is_away)
        return MR_ERR_MOVED;
    call_drop_held(c);
    return control_open_session(c->member->control, c->session, c->client, c->head.correlation);
}

/* What clients say about themselves is their own affair until there is a place to look at it. */
mr_rc_t serve_client_statistics(struct call *c, const struct client_statistics_req *q)
{
    (void)q;
    reply(c, &(struct client_statistics_rsp){0});
    return MR_OK;
}

/* ---- listeners that one member never has to tell -------------------------------------------- */

static void stop_quiet(struct watch *w)
{
    mem_free(w);
}

/* One member has no backups to acknowledge, no partition to lose that outlives it, and none to
 * move. The registration is kept, so that removing it is answered rightly. */
mr_rc_t watch_nothing(struct call *c)
{
    mr_rc_t rc = call_watch(c);
    struct watch *w = rc == MR_OK ? mem_alloc_zero(sizeof *w) : NULL;

    if (!w)
        return rc == MR_OK ? MR_ERR_MEMORY : rc;
    watch_start(w, c->session, c->head.correlation, stop_quiet);
    reply(c, &w->id);
    return MR_OK;
}

#define QUIET(name)                                                                                \
    mr_rc_t serve_##name(struct call *c, const struct name##_req *q)                               \
    {                                                                                              \
        (void)q;                                                                                   \
        return watch_nothing(c);                                                                   \
    }

#define UNWATCH(name)                                                                              \
    mr_rc_t serve_##name(struct call *c, const struct name##_req *q)                               \
    {                                                                                              \
        return unwatch(c, q->registration_id);                                                     \
    }

QUIET(client_local_backup_listener)
QUIET(client_add_partition_lost_listener)
UNWATCH(client_remove_partition_lost_listener)
QUIET(client_add_migration_listener)
UNWATCH(client_remove_migration_listener)

/* ---- proxies -------------------------------------------------------------------------------- */

static mr_rc_t kind_of(struct call *c, struct wire_bytes service, enum object_kind *ret_kind)
{
    char text[DOOR_TEXT];

    if (objects_kind(text_of(service, text), ret_kind))
        return MR_OK;
    return call_error(c, CODE_SERVICE_NOT_FOUND,
                      "com.hazelcast.spi.exception.ServiceNotFoundException",
                      "there is no service %s", text);
}

static mr_rc_t create(struct call *c, struct wire_bytes name, struct wire_bytes service)
{
    enum object_kind kind;
    struct object *o;
    mr_rc_t rc = kind_of(c, service, &kind);

    return rc == MR_OK ? call_object(c, kind, name, &o) : rc;
}

mr_rc_t serve_client_create_proxy(struct call *c, const struct client_create_proxy_req *q)
{
    mr_rc_t rc = create(c, q->name, q->service_name);

    if (rc == MR_OK)
        reply(c, &(struct client_create_proxy_rsp){0});
    return rc;
}

/* Of a client that comes back: what it cannot have again it hears when it uses it. */
mr_rc_t serve_client_create_proxies(struct call *c, const struct client_create_proxies_req *q)
{
    struct wire_list proxies = q->proxies;
    struct wire_bytes name, service;

    while (wire_next(&proxies, WIRE_str_pairs, &name, &service)) {
        if (create(c, name, service) == MR_ERR_MEMORY)
            return MR_ERR_MEMORY;
    }
    reply(c, &(struct client_create_proxies_rsp){0});
    return MR_OK;
}

mr_rc_t serve_client_destroy_proxy(struct call *c, const struct client_destroy_proxy_req *q)
{
    char name[MAP_NAME_MAX + 1];
    enum object_kind kind;
    mr_rc_t rc = kind_of(c, q->service_name, &kind);

    if (rc == MR_OK)
        rc = call_name(c, q->name, name);
    if (rc == MR_OK)
        rc = objects_destroy(&c->member->objects, kind, name);
    if (rc != MR_OK && rc != MR_NOT_FOUND)
        return rc;
    reply(c, NULL);
    return MR_OK;
}

static void list_object(void *context, const struct object *o)
{
    const struct wire_distributed_object item = {
        .service_name = wire_text(objects_service(o->kind)), .name = wire_text(o->name)};
    struct listing *l = context;

    if (listing_has_room(l))
        wire_put(l->items, WIRE_distributed_object, &item);
    l->count++;
}

mr_rc_t serve_client_get_distributed_objects(struct call *c,
                                             const struct client_get_distributed_objects_req *q)
{
    struct listing l = listing_new(c);

    (void)q;
    objects_list(&c->member->objects, list_object, &l);
    return listing_reply(c, &l);
}

struct life_watch {
    struct watch watch;
    struct life_watcher watcher;
};

static void on_life(struct life_watcher *w, const struct object *o, bool created)
{
    const struct life_watch *lw = list_owner(w, struct life_watch, watcher);

    session_event(lw->watch.session, WIRE_client_add_distributed_object_listener_event,
                  lw->watch.correlation,
                  &(struct client_add_distributed_object_listener_event){
                      .source = lw->watch.session->at->door->member->uuid,
                      .name = wire_text(o->name),
                      .service_name = wire_text(objects_service(o->kind)),
                      .event_type = wire_text(created ? "CREATED" : "DESTROYED")});
}

static void stop_life(struct watch *w)
{
    struct life_watch *lw = list_owner(w, struct life_watch, watch);

    objects_unwatch(&w->session->at->door->member->objects, &lw->watcher);
    mem_free(lw);
}

mr_rc_t serve_client_add_distributed_object_listener(
    struct call *c, const struct client_add_distributed_object_listener_req *q)
{
    mr_rc_t rc = call_watch(c);
    struct life_watch *lw = rc == MR_OK ? mem_alloc_zero(sizeof *lw) : NULL;

    (void)q;
    if (!lw)
        return rc == MR_OK ? MR_ERR_MEMORY : rc;
    lw->watcher.on_life = on_life;
    watch_start(&lw->watch, c->session, c->head.correlation, stop_life);
    objects_watch(&c->member->objects, &lw->watcher);
    reply(c, &lw->watch.id);
    return MR_OK;
}

UNWATCH(client_remove_distributed_object_listener)

/* ---- schemas -------------------------------------------------------------------------------- */

static mr_rc_t learn(struct call *c, const struct wire_schema *s)
{
    struct schema_field_spec *specs;
    struct wire_schema_field field;
    struct wire_list fields = s->fields;
    struct schema *made;
    const struct schema *known;
    uint32_t n = 0;
    mr_rc_t rc;

    if (fields.count > SCHEMA_FIELDS_MAX)
        return fail(c->err, MR_ERR_SCHEMA, NULL, "a schema of %u fields, where %d are allowed",
                    fields.count, SCHEMA_FIELDS_MAX);
    if (!(specs = mem_alloc((fields.count + 1) * sizeof *specs)))
        return MR_ERR_MEMORY;
    for (; wire_next(&fields, WIRE_schema_fields, &field, NULL); n++)
        specs[n] = (struct schema_field_spec){(const char *)field.field_name.at,
                                              field.field_name.size, field.kind};
    rc = schema_new((const char *)s->type_name.at, s->type_name.size, specs, n, &made, c->err);
    mem_free(specs);
    if (rc != MR_OK)
        return rc;
    if ((rc = schema_registry_add(schema_registry_shared(), made, &known)) != MR_OK)
        schema_free(made);
    return rc;
}

mr_rc_t serve_client_send_schema(struct call *c, const struct client_send_schema_req *q)
{
    struct sink *items = call_items(c);
    mr_rc_t rc = learn(c, &q->schema);

    if (rc != MR_OK)
        return rc;
    wire_put_uuid(items, c->member->uuid);
    reply(c, &(struct client_send_schema_rsp){{items->at, (uint32_t)items->size}});
    return MR_OK;
}

mr_rc_t serve_client_send_all_schemas(struct call *c, const struct client_send_all_schemas_req *q)
{
    struct wire_list schemas = q->schemas;
    struct wire_schema s;

    while (wire_next(&schemas, WIRE_schemas, &s, NULL)) {
        mr_rc_t rc = learn(c, &s);

        if (rc != MR_OK)
            return rc;
    }
    reply(c, &(struct client_send_all_schemas_rsp){0});
    return MR_OK;
}

mr_rc_t serve_client_fetch_schema(struct call *c, const struct client_fetch_schema_req *q)
{
    const struct schema *s = schema_registry_find(schema_registry_shared(), (uint64_t)q->schema_id);
    struct client_fetch_schema_rsp r = {.schema.null = !s};
    struct sink *items = call_items(c);

    for (uint32_t i = 0; s && i < s->fields; i++) {
        const struct schema_field *f = &s->field[i];

        wire_put(items, WIRE_schema_field,
                 &(struct wire_schema_field){
                     .kind = f->kind, .field_name = {(const uint8_t *)f->name, f->name_size}});
    }
    if (s)
        r.schema =
            (struct wire_schema){.type_name = {(const uint8_t *)s->type_name, s->type_name_size},
                                 .fields = wire_list_of(items, s->fields)};
    reply(c, &r);
    return MR_OK;
}
