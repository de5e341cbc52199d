/* value.h - between the public views and the bytes that maps hold.
 *
 *     mr_ref_t ──ref_to_data──▶ struct data ──▶ the wire, or the store
 *     mr_val_t ◀──val_assign─── struct data ◀──
 *
 * Both are on the path of every get and put: ref_to_data neither allocates nor copies text and
 * bytes, a number takes a few bytes of scratch; val_assign copies once, into the value's own room
 * when it fits. The common kinds are decided here, inline; the rest in value.c.
 *
 * Invariant: what a mr_val_t holds can be opened by scalar_read, or is a whole Data, kept
 * verbatim. A NUL stands behind its bytes.
 *
 * Threads: as value.h of the public API says.
 */
#ifndef CLIENT_VALUE_H
#define CLIENT_VALUE_H

#include <millrace/value.h>

#include "net/base/error.h"
#include "net/wire/bigend.h"
#include "net/wire/data.h"
#include "net/wire/scalar.h"
#include "net/wire/utf8.h"

/* Room for an offset date-time, or a decimal of 57 digits. */
enum { REF_SCRATCH = 32 };

/* The kind of a view of a record that failed; as.ptr is the record, or NULL. */
enum { REF_BROKEN = -1 };

mr_rc_t ref_to_data_slow(const mr_ref_t *ref, struct data *ret_d, uint8_t scratch[REF_SCRATCH],
                         mr_err_t *err);

/* Gives ref as a Data, which borrows from ref and scratch.
 * MR_ERR_ARGUMENT: text that is not UTF-8, a date that does not exist, an unknown kind, a NULL
 * record. MR_ERR_TYPE: an array, which stands in records only. MR_ERR_TOO_LARGE: more bytes than
 * a length can say, or a number of more bytes than scratch has. MR_ERR_MALFORMED: MR_DATA without
 * a header. And the error of a record that failed. */
static inline mr_rc_t ref_to_data(const mr_ref_t *ref, struct data *ret_d,
                                  uint8_t scratch[REF_SCRATCH], mr_err_t *err)
{
    int64_t n = ref->as.i64;

    if (ref->kind == MR_KIND_STR && ref->len <= SINK_SIZE_MAX &&
        utf8_valid(ref->as.str, ref->len)) {
        *ret_d = (struct data){(const uint8_t *)ref->as.str, ref->len, DATA_STRING};
        return MR_OK;
    }
    if (ref->kind == MR_KIND_I64) {
        put_be64(scratch, (uint64_t)n);
        *ret_d = (struct data){scratch, 8, DATA_LONG};
        return MR_OK;
    }
    if (ref->kind == MR_KIND_I32 && n == (int32_t)n) {
        put_be32(scratch, (uint32_t)n);
        *ret_d = (struct data){scratch, 4, DATA_INT};
        return MR_OK;
    }
    if (ref->kind == MR_KIND_BYTES && ref->len <= SINK_SIZE_MAX) {
        *ret_d = (struct data){(const uint8_t *)ref->as.ptr, ref->len, DATA_BYTES};
        return MR_OK;
    }
    if (ref->kind == MR_KIND_REC && ref->len <= SINK_SIZE_MAX) {
        *ret_d = (struct data){(const uint8_t *)ref->as.ptr, ref->len, DATA_COMPACT};
        return MR_OK;
    }
    return ref_to_data_slow(ref, ret_d, scratch, err);
}

mr_rc_t val_assign_slow(mr_val_t *v, const struct data *d, mr_err_t *err);

/* Makes v hold a copy of d, of any type. MR_ERR_MEMORY: v is as it was. */
static inline mr_rc_t val_assign(mr_val_t *v, const struct data *d, mr_err_t *err)
{
    bool openable = d->kind == DATA_STRING || d->kind == DATA_JSON || d->kind == DATA_BYTES ||
                    (d->size && d->size == scalar_width(d->kind));
    uint32_t room = v->heap ? v->heap_size : MR_VAL_ROOM;

    if (d->size >= room || !openable)
        return val_assign_slow(v, d, err);

    char *to = v->heap ? v->heap : v->room;

    if (d->size)
        memcpy(to, d->at, d->size);
    to[d->size] = '\0';
    v->len = d->size;
    v->kind = d->kind;
    return MR_OK;
}

/* Opens a view, and checks that a program may store it. Not for MR_REFS, whose items are views
 * themselves. The errors of ref_to_data. */
mr_rc_t ref_to_scalar(const mr_ref_t *ref, struct scalar *ret_v, mr_err_t *err);

mr_ref_t ref_of_scalar(const struct scalar *v);

/* The data kind of an mr_kind_t without its flags, DATA_NULL when there is none. */
uint8_t ref_data_kind(int kind);

/* Is it an array of mr_ref_t, made by MR_REFS? */
static inline bool ref_is_refs(const mr_ref_t *ref)
{
    return ref->kind == MR_KIND_ARRAY;
}

/* The words and code of a record that failed; rec may be NULL. */
mr_rc_t rec_failure(const mr_rec_t *rec, mr_err_t *err);

/* A filled err makes a call do nothing. */
static inline bool err_is_filled(const mr_err_t *err)
{
    return err && err->code != MR_OK;
}

#endif
