/* compact_records.c - records with fields, written from C for a client in any language.
 *
 *     millrace serve &
 *     ./compact_records                            or: ./compact_records millrace://10.0.0.1/prod
 *     node compact_records.js                      reads what this has written
 *
 * A record is in the Compact form. Its schema (the type's name, the fields' names and kinds) is
 * told to the cluster once, by the first put; so members can look into records, and others read
 * them by the names of the fields.
 */
#include <millrace/millrace.h>

/* The publisher of a book: a record within a record. */
static mr_schema_t *publisher_schema(mr_err_t *err)
{
    mr_schema_t *s = mr_schema_new("publisher", err);

    mr_schema_field(s, "name", MR_KIND_STR, err);
    mr_schema_field(s, "city", MR_KIND_STR, err);
    return s;
}

/* Texts, arrays, dates and records may be null as they are; a number only if its kind says so. */
static mr_schema_t *book_schema(mr_err_t *err)
{
    mr_schema_t *s = mr_schema_new("book", err);

    mr_schema_field(s, "title", MR_KIND_STR, err);
    mr_schema_field(s, "authors", MR_KIND_STR | MR_KIND_ARRAY, err);
    mr_schema_field(s, "pages", MR_KIND_I32, err);
    mr_schema_field(s, "rating", MR_KIND_F64 | MR_KIND_NULLABLE, err);
    mr_schema_field(s, "published", MR_KIND_DATE, err);
    mr_schema_field(s, "publisher", MR_KIND_REC, err);
    return s;
}

/* All fields are set, and null is one of the things to be set. The calls need no look at each: the
 * first error stays in err, and what follows does nothing. */
static void put_c(mr_map_t *books, mr_schema_t *book, mr_schema_t *publisher, mr_err_t *err)
{
    static const char *const authors[] = {"Brian W. Kernighan", "Dennis M. Ritchie"};
    static const mr_time_t published = {.year = 1978, .month = 2, .day = 22};
    mr_rec_t *house = mr_rec_new(publisher, err);
    mr_rec_t *rec = mr_rec_new(book, err);

    mr_rec_set(house, "name", MR_STR("Prentice-Hall"), err);
    mr_rec_set(house, "city", MR_STR("Englewood Cliffs"), err);

    mr_rec_set(rec, "title", MR_STR("The C Programming Language"), err);
    mr_rec_set(rec, "authors", MR_STRS(authors, 2), err);
    mr_rec_set(rec, "pages", MR_I32(228), err);
    mr_rec_set(rec, "rating", MR_F64(4.5), err);
    mr_rec_set(rec, "published", MR_DATE(published), err);
    mr_rec_set(rec, "publisher", MR_REC(house), err);
    mr_map_put(books, MR_I64(1), MR_REC(rec), NULL, err);

    mr_rec_free(rec);
    mr_rec_free(house);
}

/* What is not set is 0 or null. */
static void put_notes(mr_map_t *books, mr_schema_t *book, mr_err_t *err)
{
    static const char *const authors[] = {"Ada Lovelace"};
    mr_rec_t *rec = mr_rec_new(book, err);

    mr_rec_set(rec, "title", MR_STR("Notes on the Analytical Engine"), err);
    mr_rec_set(rec, "authors", MR_STRS(authors, 1), err);
    mr_rec_set(rec, "pages", MR_I32(66), err);
    mr_map_put(books, MR_I64(2), MR_REC(rec), NULL, err);
    mr_rec_free(rec);
}

/* Fields are read one by one, by their names. What is read borrows from v, until v changes. */
static void print_book(mr_map_t *books, int64_t id, mr_err_t *err)
{
    mr_val_t v = MR_VAL_INIT;
    mr_ref_t title = MR_NULL, pages = MR_NULL;

    if (mr_map_get(books, MR_I64(id), &v, NULL, err) == MR_OK) {
        mr_rec_get(mr_val_ref(&v), "title", &title, err);
        mr_rec_get(mr_val_ref(&v), "pages", &pages, err);
        printf("wrote %d: %.*s, %d pages\n", (int)id, (int)title.len, title.as.str,
               (int)pages.as.i64);
    }
    mr_val_clear(&v);
}

int main(int argc, char **argv)
{
    mr_err_t err = MR_ERR_INIT;
    mr_t *g = mr_connect(argc > 1 ? argv[1] : "millrace://127.0.0.1:5701/dev", NULL, &err);
    mr_map_t *books = mr_map(g, "books", &err);
    mr_schema_t *publisher = publisher_schema(&err);
    mr_schema_t *book = book_schema(&err);

    put_c(books, book, publisher, &err);
    put_notes(books, book, &err);
    print_book(books, 1, &err);
    print_book(books, 2, &err);

    /* Members know the schemas as well, and find records by their fields. */
    printf("%llu from Englewood Cliffs\n",
           (unsigned long long)mr_map_count(books, "publisher.city = 'Englewood Cliffs'", &err));

    mr_schema_free(book);
    mr_schema_free(publisher);
    mr_close(g, MR_NOW, &err);
    return mr_err_report(stderr, &err); /* 0 when nothing went wrong */
}
