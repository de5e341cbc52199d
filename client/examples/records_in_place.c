/* records_in_place.c - records with fields: written, read where they lie, and grown by a field.
 *
 * A record is in the Compact form that clients of the same protocol in other languages read and
 * write as well. Its schema travels beside it, so whoever reads it needs to know no more than the
 * names of the fields it asks for.
 */
#include <millrace/millrace.h>

/* What a person was when the program was young. */
static mr_schema_t *person_v1(mr_err_t *err)
{
    mr_schema_t *s = mr_schema_new("person", err);

    mr_schema_field(s, "name", MR_KIND_STR, err);
    mr_schema_field(s, "born", MR_KIND_I32, err);
    return s;
}

/* What a person has become: same name, other fields, hence another schema. Records of both live
 * in one map. */
static mr_schema_t *person_v2(mr_err_t *err)
{
    mr_schema_t *s = mr_schema_new("person", err);

    mr_schema_field(s, "name", MR_KIND_STR, err);
    mr_schema_field(s, "born", MR_KIND_I32, err);
    mr_schema_field(s, "languages", MR_KIND_STR | MR_KIND_ARRAY, err);
    return s;
}

static void put_ada(mr_map_t *people, mr_err_t *err)
{
    mr_schema_t *schema = person_v1(err);
    mr_rec_t *rec = mr_rec_new(schema, err);

    mr_rec_set(rec, "name", MR_STR("Ada Lovelace"), err);
    mr_rec_set(rec, "born", MR_I32(1815), err);
    mr_map_put(people, MR_I64(1), MR_REC(rec), NULL, err);
    mr_rec_free(rec);
    mr_schema_free(schema);
}

static void put_dennis(mr_map_t *people, mr_err_t *err)
{
    static const char *const languages[] = {"BCPL", "B", "C"};
    mr_schema_t *schema = person_v2(err);
    mr_rec_t *rec = mr_rec_new(schema, err);

    mr_rec_set(rec, "name", MR_STR("Dennis Ritchie"), err);
    mr_rec_set(rec, "born", MR_I32(1941), err);
    mr_rec_set(rec, "languages", MR_STRS(languages, 3), err);
    mr_map_put(people, MR_I64(2), MR_REC(rec), NULL, err);
    mr_rec_free(rec);
    mr_schema_free(schema);
}

static void print_languages(mr_ref_t languages, mr_err_t *err)
{
    for (uint32_t i = 0; i < languages.len; i++) {
        mr_ref_t item = MR_NULL;

        mr_ref_item(&languages, i, &item, err);
        printf("%s%.*s", i ? ", " : " and wrote ", (int)item.len, item.as.str);
    }
}

/* Nothing is copied: the fields are views of the entry where it lies, good until mr_read_end. */
static void print_person(mr_map_t *people, int64_t id, mr_err_t *err)
{
    mr_ref_t person, name = MR_STR("?"), born = MR_I32(0);
    mr_ref_t languages = MR_STRS(NULL, 0); /* stays so when the record is older than the field */

    if (mr_map_borrow(people, MR_I64(id), &person, err) != MR_OK)
        return;
    mr_rec_get(person, "name", &name, err);
    mr_rec_get(person, "born", &born, err);
    mr_rec_get(person, "languages", &languages, err);
    printf("%.*s was born in %d", (int)name.len, name.as.str, (int)born.as.i64);
    print_languages(languages, err);
    printf("\n");
}

int main(void)
{
    mr_err_t err = MR_ERR_INIT;
    mr_t *g = mr_member_start(NULL, &err);
    mr_map_t *people = mr_map(g, "people", &err);

    put_ada(people, &err);
    put_dennis(people, &err);

    if (mr_read_begin(g, &err) == MR_OK) {
        print_person(people, 1, &err);
        print_person(people, 2, &err);
        mr_read_end(g);
    }
    mr_close(g, MR_NOW, &err);
    return mr_err_report(stderr, &err);
}
