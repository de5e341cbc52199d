#include "grid/peers/teach.h"

#include "grid/member.h"
#include "net/base/mem.h"
#include "net/wire/schema.h"

/* Whose answer nobody waits for. */
#define NO_CALL INT64_MAX

/* To whom, with the share of nothing. */
struct lesson {
    struct fellow *fellow;
    struct wire_bytes share;
    struct sink message, schemas;
    uint32_t schema_count;
};

/* What does not get through is taught when the connection opens anew. */
static void say(struct lesson *l, enum wire_id id, const void *request)
{
    struct wire_bytes inner;
    struct sink out = {.grows = true};

    l->message.size = 0;
    wire_encode(id, &(struct wire_head){.partition = -1}, request, &l->message);
    inner = (struct wire_bytes){l->message.at, (uint32_t)l->message.size};
    if (sink_state(&l->message) == MR_OK)
        wire_encode(WIRE_member_gather, &(struct wire_head){.partition = -1},
                    &(struct member_gather){NO_CALL, {0}, l->share, inner}, &out);
    if (sink_state(&l->message) == MR_OK && sink_state(&out) == MR_OK)
        (void)fellow_send(l->fellow, out.at, out.size);
    sink_free(&out);
}

/* ---- schemas -------------------------------------------------------------------------------- */

enum { SCHEMAS_AT_ONCE = 256 };

static void say_schemas(struct lesson *l)
{
    if (l->schema_count > 0 && sink_state(&l->schemas) == MR_OK)
        say(l, WIRE_client_send_all_schemas_req,
            &(struct client_send_all_schemas_req){wire_list_of(&l->schemas, l->schema_count)});
    l->schemas.size = 0;
    l->schema_count = 0;
}

static void add_schema(void *context, const struct schema *s)
{
    struct lesson *l = context;
    struct sink fields = {.grows = true};

    for (uint32_t i = 0; i < s->fields; i++) {
        const struct schema_field *f = &s->field[i];

        wire_put(&fields, WIRE_schema_field,
                 &(struct wire_schema_field){
                     .kind = f->kind, .field_name = {(const uint8_t *)f->name, f->name_size}});
    }
    if (sink_state(&fields) == MR_OK) {
        wire_put(
            &l->schemas, WIRE_schema,
            &(struct wire_schema){.type_name = {(const uint8_t *)s->type_name, s->type_name_size},
                                  .fields = wire_list_of(&fields, s->fields)});
        l->schema_count++;
    }
    sink_free(&fields);
    if (l->schema_count == SCHEMAS_AT_ONCE)
        say_schemas(l);
}

/* ---- indexes -------------------------------------------------------------------------------- */

static void say_index(struct lesson *l, const struct map *m, const struct map_index *ix)
{
    struct sink attributes = {.grows = true};

    for (uint32_t i = 0; i < ix->count; i++) {
        const struct wire_bytes text = wire_text(ix->attribute[i]->text);

        wire_put(&attributes, WIRE_str, &text);
    }
    if (sink_state(&attributes) == MR_OK)
        say(l, WIRE_map_add_index_req,
            &(struct map_add_index_req){
                .name = wire_text(m->name),
                .index_config = {.name = wire_text(ix->name),
                                 .type = (int32_t)ix->type,
                                 .attributes = wire_list_of(&attributes, ix->count),
                                 .bitmap_index_options.null = true,
                                 .b_tree_index_config.null = true}});
    sink_free(&attributes);
}

static void say_indexes(struct lesson *l, struct map *m)
{
    uint32_t count = load_acquire_32(&m->indexes.count);

    for (uint32_t i = 0; i < count; i++)
        say_index(l, m, m->indexes.at[i]);
}

void teach(struct member *m, struct fellow *f)
{
    uint32_t size = (m->partitions.count + 7) / 8;
    uint8_t *nothing = mem_alloc_zero(size);
    struct lesson l = {
        .fellow = f, .share = {nothing, size}, .message.grows = true, .schemas.grows = true};

    if (!nothing)
        return;
    schema_registry_each(schema_registry_shared(), add_schema, &l);
    say_schemas(&l);
    for (struct map *map = maps_first(&m->maps); map; map = map->next)
        if (map->object_kind == OBJECT_MAP)
            say_indexes(&l, map);
    sink_free(&l.message);
    sink_free(&l.schemas);
    mem_free(nothing);
}
