/* record.c - schemas and records of the public API, on net/wire/schema and net/wire/compact. */
#include <millrace/value.h>

#include "client/value.h"
#include "net/base/atomic.h"
#include "net/base/mem.h"
#include "net/wire/compact.h"

/* ---- schemas --------------------------------------------------------------------------------- */

/* Told field by field until `known` is set, fixed from then on. */
struct mr_schema {
    char *type_name;
    struct schema_field_spec *fields;
    uint32_t count, room;
    void *known; /* const struct schema of the registry, NULL before the first record */
};

mr_schema_t *mr_schema_new(const char *type_name, mr_err_t *err)
{
    if (err_is_filled(err))
        return NULL;
    if (!type_name || strlen(type_name) > SCHEMA_NAME_MAX ||
        !utf8_valid(type_name, strlen(type_name))) {
        (void)fail(err, MR_ERR_ARGUMENT, NULL, "a type name is at most %d bytes of UTF-8",
                   SCHEMA_NAME_MAX);
        return NULL;
    }

    mr_schema_t *s = mem_alloc_zero(sizeof *s);

    if (s)
        s->type_name = mem_strdup(type_name);
    if (!s || !s->type_name) {
        mem_free(s);
        (void)fail(err, MR_ERR_MEMORY, NULL, "no memory for schema %s", type_name);
        return NULL;
    }
    return s;
}

/* The kind on the wire of a public kind with its flags, 0 when records have it not. */
static int field_kind(int kind)
{
    bool array = kind & MR_KIND_ARRAY, nullable = kind & MR_KIND_NULLABLE;
    uint8_t data = ref_data_kind(kind & ~(MR_KIND_ARRAY | MR_KIND_NULLABLE));

    if (data == DATA_BYTES && !array) {
        data = DATA_BYTE;
        array = true;
        nullable = false; /* an array can be null by itself */
    }
    for (int i = 1; i < SCHEMA_KINDS; i++) {
        const struct schema_kind_info *k = &schema_kinds[i];
        bool always_nullable = i >= SCHEMA_STRING && i <= SCHEMA_ARRAY_OF_COMPACT;

        if (k->name && k->data == data && k->array == array &&
            (k->nullable == nullable || always_nullable))
            return i;
    }
    return 0;
}

static bool grow(mr_schema_t *s)
{
    uint32_t room = s->room ? s->room * 2 : 16;
    struct schema_field_spec *fields;

    if (s->count < s->room)
        return true;
    fields = mem_realloc(s->fields, room * sizeof *fields);
    if (!fields)
        return false;
    s->fields = fields;
    s->room = room;
    return true;
}

mr_rc_t mr_schema_field(mr_schema_t *s, const char *name, int kind, mr_err_t *err)
{
    size_t size = name ? strlen(name) : 0;

    if (err_is_filled(err))
        return err->code;
    if (!s || !name)
        return fail(err, MR_ERR_ARGUMENT, NULL, "a field needs a schema and a name");
    if (size > SCHEMA_NAME_MAX || !utf8_valid(name, size))
        return fail(err, MR_ERR_ARGUMENT, NULL, "a field name is at most %d bytes of UTF-8",
                    SCHEMA_NAME_MAX);
    if (!field_kind(kind))
        return fail(err, MR_ERR_ARGUMENT, "keep a UUID as BYTES, JSON as STR, an instant as I64",
                    "field %s is of kind %d, which records have not", name, kind);
    if (load_acquire_ptr(&s->known))
        return fail(err, MR_ERR_ARGUMENT, "tell all fields before the first record",
                    "schema %s is complete and cannot get field %s", s->type_name, name);
    if (s->count == SCHEMA_FIELDS_MAX)
        return fail(err, MR_ERR_SCHEMA, "group fields into nested records",
                    "schema %s has %d fields already", s->type_name, SCHEMA_FIELDS_MAX);

    char *copy = grow(s) ? mem_strdup(name) : NULL;

    if (!copy)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for field %s", name);
    s->fields[s->count++] = (struct schema_field_spec){copy, (uint32_t)size, field_kind(kind)};
    return MR_OK;
}

/* The registry's schema for s. Threads that come here at once all find the same one. */
static const struct schema *complete(mr_schema_t *s, mr_err_t *err)
{
    const struct schema *known = NULL;
    struct schema *built = NULL;
    mr_rc_t rc;

    if (!s) {
        (void)fail(err, MR_ERR_ARGUMENT, NULL, "there is no schema");
        return NULL;
    }
    known = load_acquire_ptr(&s->known);
    if (known)
        return known;
    if (schema_new(s->type_name, (uint32_t)strlen(s->type_name), s->fields, s->count, &built,
                   err) != MR_OK)
        return NULL;
    rc = schema_registry_add(schema_registry_shared(), built, &known);
    if (rc != MR_OK) {
        (void)fail(err, rc, rc == MR_ERR_SCHEMA ? "rename the type or a field" : NULL,
                   "schema %s cannot be made known: %s", s->type_name, mr_rc_text(rc));
        schema_free(built);
        return NULL;
    }
    store_release_ptr(&s->known, (void *)known);
    return known;
}

uint64_t mr_schema_id(mr_schema_t *s, mr_err_t *err)
{
    const struct schema *known = err_is_filled(err) ? NULL : complete(s, err);

    return known ? known->id : 0;
}

void mr_schema_free(mr_schema_t *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        mem_free((void *)s->fields[i].name);
    mem_free(s->fields);
    mem_free(s->type_name);
    mem_free(s);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct mr_rec {
    struct compact_writer *writer;
    mr_err_t first; /* the failure that is kept */
};

mr_rec_t *mr_rec_new(mr_schema_t *s, mr_err_t *err)
{
    const struct schema *known = err_is_filled(err) ? NULL : complete(s, err);

    if (!known)
        return NULL;

    mr_rec_t *rec = mem_alloc_zero(sizeof *rec);

    if (rec)
        rec->writer = compact_writer_new(known, NULL, 0);
    if (!rec || !rec->writer) {
        mem_free(rec);
        (void)fail(err, MR_ERR_MEMORY, NULL, "no memory for a record of %s", known->type_name);
        return NULL;
    }
    return rec;
}

mr_rc_t rec_failure(const mr_rec_t *rec, mr_err_t *err)
{
    if (!rec)
        return fail(err, MR_ERR_ARGUMENT, "look at the error of mr_rec_new", "there is no record");
    if (err && err->code == MR_OK)
        *err = rec->first;
    return rec->first.code;
}

/* Views one by one into scalars, which live as long as the call. */
static mr_rc_t set_refs(mr_rec_t *rec, const char *name, const mr_ref_t *array, mr_err_t *err)
{
    const mr_ref_t *refs = array->as.array.at;
    struct scalar *items;
    struct scalar v;
    mr_rc_t rc = MR_OK;

    if (array->len > SINK_SIZE_MAX)
        return fail(err, MR_ERR_TOO_LARGE, NULL, "the array for field %s has too many items", name);
    items = mem_alloc(array->len * sizeof *items);
    if (!items)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for the items of field %s", name);
    for (uint32_t i = 0; i < array->len && rc == MR_OK; i++)
        rc = ref_to_scalar(&refs[i], &items[i], err);
    if (rc == MR_OK) {
        v = (struct scalar){
            .kind = SCALAR_ARRAY,
            .array = {.at = (const uint8_t *)items, .count = array->len, .layout = SCALAR_SCALARS}};
        rc = compact_set(rec->writer, name, (uint32_t)strlen(name), &v, err);
    }
    mem_free(items);
    return rc;
}

static mr_rc_t set(mr_rec_t *rec, const char *name, const mr_ref_t *ref, mr_err_t *err)
{
    struct scalar v;
    mr_rc_t rc;

    if (ref_is_refs(ref))
        return set_refs(rec, name, ref, err);
    rc = ref_to_scalar(ref, &v, err);
    if (rc != MR_OK)
        return rc;
    return compact_set(rec->writer, name, (uint32_t)strlen(name), &v, err);
}

mr_rc_t mr_rec_set(mr_rec_t *rec, const char *name, mr_ref_t v, mr_err_t *err)
{
    if (err_is_filled(err))
        return err->code;
    if (!rec)
        return rec_failure(rec, err);
    if (rec->first.code == MR_OK && (!name || strlen(name) > SCHEMA_NAME_MAX))
        (void)fail(&rec->first, MR_ERR_SCHEMA, NULL, "a field name is at most %d bytes",
                   SCHEMA_NAME_MAX);
    if (rec->first.code == MR_OK && set(rec, name, &v, &rec->first) == MR_OK)
        return MR_OK;
    return rec_failure(rec, err);
}

mr_rc_t mr_rec_finish(mr_rec_t *rec, mr_err_t *err)
{
    struct data d;

    if (err_is_filled(err))
        return err->code;
    if (rec && rec->first.code == MR_OK && compact_finish(rec->writer, &d, &rec->first) == MR_OK)
        return MR_OK;
    return rec_failure(rec, err);
}

mr_ref_t mr_rec_ref(mr_rec_t *rec)
{
    mr_ref_t r = mr_ref_make(REF_BROKEN);
    struct data d;

    r.as.ptr = rec;
    if (rec && rec->first.code == MR_OK && compact_finish(rec->writer, &d, &rec->first) == MR_OK) {
        r.kind = MR_KIND_REC;
        r.as.ptr = d.at;
        r.len = d.size;
    }
    return r;
}

void mr_rec_clear(mr_rec_t *rec)
{
    if (!rec)
        return;
    mr_err_clear(&rec->first);
    compact_reset(rec->writer);
}

void mr_rec_free(mr_rec_t *rec)
{
    if (!rec)
        return;
    compact_writer_free(rec->writer);
    mem_free(rec);
}

/* ---- reading --------------------------------------------------------------------------------- */

static mr_rc_t open_record(const mr_ref_t *rec, struct compact *ret_r, mr_err_t *err)
{
    const struct schema *s;
    uint64_t id = 0;
    mr_rc_t rc;

    if (rec->kind == REF_BROKEN)
        return rec_failure(rec->as.ptr, err);
    if (rec->kind != MR_KIND_REC)
        return fail(err, MR_ERR_TYPE, "mr_val_type tells what a value is",
                    "the value is no record");
    rc = compact_id(rec->as.ptr, rec->len, &id);
    if (rc != MR_OK)
        return fail(err, rc, NULL, "a record of %u bytes has no schema id", rec->len);
    s = schema_registry_find(schema_registry_shared(), id);
    if (!s)
        return fail(err, MR_ERR_SCHEMA, "the member that stores the record knows its schema",
                    "schema %016llx of a record is not known", (unsigned long long)id);
    rc = compact_open(s, rec->as.ptr, rec->len, ret_r);
    return rc == MR_OK ? MR_OK
                       : fail(err, rc, NULL, "a record of %s does not fit its bytes", s->type_name);
}

mr_rc_t mr_rec_get(mr_ref_t rec, const char *name, mr_ref_t *ret, mr_err_t *err)
{
    struct compact r;
    struct scalar v;
    size_t size = name ? strlen(name) : 0;
    mr_rc_t rc;

    if (err_is_filled(err))
        return err->code;
    rc = open_record(&rec, &r, err);
    if (rc != MR_OK)
        return rc;
    if (!name || size > SCHEMA_NAME_MAX)
        return MR_NOT_FOUND;
    rc = compact_get(&r, schema_find(r.schema, name, (uint32_t)size), &v);
    if (rc == MR_NOT_FOUND)
        return rc;
    if (rc != MR_OK)
        return fail(err, rc, NULL, "field %s of a record of %s cannot be read: %s", name,
                    r.schema->type_name, mr_rc_text(rc));
    *ret = ref_of_scalar(&v);
    return MR_OK;
}
