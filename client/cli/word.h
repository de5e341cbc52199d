/* word.h - keys and values as they are typed and printed. */
#ifndef CLIENT_CLI_WORD_H
#define CLIENT_CLI_WORD_H

#include <millrace/value.h>

#define WORDS_HELP                                                                                 \
    "A key or value is a number when it looks like one, true or false, JSON when it begins with\n" \
    "{ or [, else text. A type in front says otherwise: str:42, i32:42, i64:42, f64:42, "          \
    "json:42.\n"

enum { WORD_ROOM = 96 };

/* A view of what was typed. 0: it is not what its type in front says. */
int word_parse(const char *word, mr_ref_t *ret_v);

/* A value in words, in room or where the value lies; *ret_bare: JSON has it without quotes. */
const char *word_of(mr_ref_t v, char room[WORD_ROOM], size_t *ret_size, int *ret_bare);

#endif
