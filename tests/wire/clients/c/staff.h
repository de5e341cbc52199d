/* staff.h - the records that all languages write the same: the staff that is queried, and one with
 * a field of every kind.
 *
 * Records are the caller's, to be freed with mr_rec_free. The schemas are kept until the end. One
 * thread.
 */
#ifndef TESTS_WIRE_CLIENTS_C_STAFF_H
#define TESTS_WIRE_CLIENTS_C_STAFF_H

#include <millrace/millrace.h>

enum { STAFF = 8 };

/* Employee i, whose key is "e" and i + 1. */
mr_rec_t *staff_record(int i, mr_err_t *err);

/* The same as JSON, without the day of hiring. */
const char *staff_json(int i);

mr_rec_t *kinds_record(mr_err_t *err);

/* A decimal number of many digits: -12345678901234567890.125. */
mr_ref_t long_decimal(void);

/* Frees the schemas. */
void staff_forget(void);

#endif
