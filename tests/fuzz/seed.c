/* seed.c - writes what the fuzzers begin with: seed FOLDER, which has a folder for each of them.
 *
 * A message of each kind that is worth a beginning, made by the encoder; for the session, requests
 * one behind the other. The seeds of texts are kept as files, since people write them. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/cluster/metadata.h"
#include "grid/op/transfer.h"
#include "net/wire/bigend.h"
#include "net/wire/scalar.h"
#include "net/wire/wire.h"

static const char *folder;

static void write_seed(const char *fuzzer, const char *name, const void *bytes, size_t size)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s/%s", folder, fuzzer, name);
    FILE *f = fopen(path, "we");

    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static struct data text(const char *words)
{
    return (struct data){(const uint8_t *)words, (uint32_t)strlen(words), DATA_STRING};
}

/* ---- messages ------------------------------------------------------------------------------- */

/* To all three that read messages. */
static void message(enum wire_id id, const void *request)
{
    struct sink out = {.grows = true};

    sink_put8(&out, 7); /* the size of pieces */
    wire_encode(id, &(struct wire_head){.correlation = 1, .partition = -1}, request, &out);
    write_seed("message", wire_name(id), out.at + 1, out.size - 1);
    write_seed("session", wire_name(id), out.at + 1, out.size - 1);
    write_seed("frames", wire_name(id), out.at, out.size);
    sink_free(&out);
}

static void messages(void)
{
    const struct wire_bytes name = wire_text("m"), queue = wire_text("q");
    const struct data key = text("a"), value = text("1");
    const struct wire_uuid uuid = {1, 2, false};
    struct sink items = {.grows = true};

    message(WIRE_client_ping_req, &(struct client_ping_req){0});
    message(WIRE_client_create_proxy_req,
            &(struct client_create_proxy_req){.name = name,
                                              .service_name = wire_text("hz:impl:mapService")});
    message(WIRE_map_get_req, &(struct map_get_req){.name = name, .key = key});
    message(WIRE_map_put_req,
            &(struct map_put_req){.ttl = -1, .name = name, .key = key, .value = value});
    message(WIRE_map_set_req,
            &(struct map_set_req){.ttl = 50, .name = name, .key = key, .value = value});
    message(WIRE_map_lock_req,
            &(struct map_lock_req){.ttl = -1, .reference_id = 1, .name = name, .key = key});
    message(WIRE_map_unlock_req,
            &(struct map_unlock_req){.reference_id = 2, .name = name, .key = key});
    message(WIRE_map_key_set_req, &(struct map_key_set_req){.name = name});
    message(WIRE_map_add_entry_listener_req,
            &(struct map_add_entry_listener_req){
                .include_value = true, .listener_flags = 255, .name = name});
    message(WIRE_map_remove_entry_listener_req,
            &(struct map_remove_entry_listener_req){.registration_id = uuid, .name = name});
    message(WIRE_queue_offer_req, &(struct queue_offer_req){.name = queue, .value = value});
    message(WIRE_queue_take_req, &(struct queue_take_req){.name = queue});
    message(WIRE_multimap_put_req,
            &(struct multimap_put_req){.name = name, .key = key, .value = value});
    wire_put(&items, WIRE_data, &key);
    wire_put(&items, WIRE_data, &value);
    message(WIRE_map_get_all_req,
            &(struct map_get_all_req){.name = name, .keys = wire_list_of(&items, 2)});
    message(WIRE_map_put_all_req,
            &(struct map_put_all_req){.name = name, .entries = wire_list_of(&items, 1)});
    sink_free(&items);
}

/* Between members; no client sends it. */
static void member_message(enum wire_id id, const void *m)
{
    struct sink out = {.grows = true};

    wire_encode(id, &(struct wire_head){0}, m, &out);
    write_seed("message", wire_name(id), out.at, out.size);
    sink_free(&out);
}

static void member_messages(void)
{
    const wire_raft_entry e = {.term = 3, .kind = 1, .bytes = wire_text("command")};
    struct sink items = {.grows = true};

    wire_put(&items, WIRE_raft_entry, &e);
    wire_put(&items, WIRE_raft_entry, &e);
    member_message(WIRE_raft_append, &(struct raft_append){.term = 3,
                                                           .previous_index = 7,
                                                           .previous_term = 2,
                                                           .commit = 6,
                                                           .stamp = 1000,
                                                           .entries = wire_list_of(&items, 2)});
    member_message(WIRE_raft_install,
                   &(struct raft_install){.term = 3,
                                          .last_index = 7,
                                          .last_term = 2,
                                          .voters_index = 4,
                                          .voters = {(const uint8_t *)"\1\0\0\0\0\0\0\0\1", 9},
                                          .state = wire_text("state")});
    sink_free(&items);
}

/* A cluster of two with a backup, and the commands that made it so. */
static void metadata(void)
{
    const struct command commands[] = {
        {.kind = COMMAND_ADMIT, .member = 2, .card = {.uuid_low = 7, .name = "two"}},
        {.kind = COMMAND_LEARN, .member = 2, .partition = 1, .epoch = 1},
        {.kind = COMMAND_ADD, .member = 2, .partition = 1, .epoch = 2, .primary = 1},
        {.kind = COMMAND_OPEN, .member = 1, .cluster_high = 4, .cluster_low = 5},
        {.kind = COMMAND_OPEN, .member = 2, .cluster_high = 6, .cluster_low = 7},
        {.kind = COMMAND_EXPIRE, .member = 1, .epoch = 4}};
    struct sink all = {.grows = true}, out = {.grows = true};
    struct metadata m;

    if (metadata_init(&m, 4, 1) != MR_OK)
        abort();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        size_t before = all.size;

        sink_put8(&all, 0);
        command_encode(&commands[i], &all);
        all.at[before] = (uint8_t)(all.size - before - 1);
        if (metadata_apply(&m, &commands[i]) != MR_OK)
            abort();
    }
    metadata_encode(&m, &out);
    write_seed("metadata", "commands", all.at, all.size);
    write_seed("metadata", "of_two", out.at, out.size);
    metadata_free(&m);
    sink_free(&all);
    sink_free(&out);
}

/* A message of transfer.h without its head, as the target wants it. */
static void whole(struct sink *all, uint8_t what, struct sink *message)
{
    const size_t head = FRAME_HEADER + 16;
    uint8_t *at = sink_more(all, 3);

    at[0] = what;
    at[1] = (uint8_t)(message->size - head);
    at[2] = (uint8_t)((message->size - head) >> 8);
    sink_put(all, message->at + head, message->size - head);
    message->size = 0;
}

/* An append that puts and two that take out, one of them once; a session that is over; a chunk; an
 * acknowledgement. */
static void transfer(void)
{
    struct map m = {.name = "m"};
    struct effect e = {.map = &m,
                       .kind = EFFECT_PUT,
                       .key = {(const uint8_t *)"key", 3, DATA_STRING},
                       .value = {(const uint8_t *)"value", 5, DATA_STRING}};
    struct once once = {.call = {7, 9, 8}, .size = 3, .answer = (uint8_t *)"\0\0a"};
    struct effect over = {.kind = EFFECT_EXPIRE,
                          .value = {(const uint8_t *)"\7\0\0\0\0\0\0", 8, DATA_BYTES}};
    struct replica_op op = {.seq = 1, .epoch = 1, .effect = &e};
    struct sink all = {.grows = true}, out = {.grows = true}, entry = {.grows = true};
    const struct replica_chunk chunk = {
        .epoch = 1, .walk = 1, .number = 1, .commit_seq = 1, .first = true, .last = true};

    transfer_append(0, &(struct replica_append){1, 0, 0, 0, 1, &op}, &out);
    whole(&all, 0, &out);
    e.kind = EFFECT_ERASE;
    e.value = (struct data){0};
    op.seq = 2;
    transfer_append(0, &(struct replica_append){1, 1, 1, 1, 1, &op}, &out);
    whole(&all, 0, &out);
    e.once = &once;
    op.seq = 3;
    transfer_append(0, &(struct replica_append){1, 2, 1, 2, 1, &op}, &out);
    whole(&all, 0, &out);
    op.effect = &over;
    op.seq = 4;
    transfer_append(0, &(struct replica_append){1, 3, 1, 3, 1, &op}, &out);
    whole(&all, 0, &out);
    transfer_chunk(1, &(struct copies_chunk){&chunk, &entry}, &out);
    whole(&all, 2 | 1 << 2, &out);
    transfer_ack(2, &(struct replica_ack){.epoch = 1, .whole = true}, &out);
    whole(&all, 1 | 2 << 2, &out);
    write_seed("transfer", "each", all.at, all.size);
    sink_free(&all);
    sink_free(&out);
    sink_free(&entry);
}

/* A founder that adds and promotes another, who answers; and a joiner that is sent a log. */
static void consensus(void)
{
    static const uint8_t founder[] = {1, 8, 0, 1, 9, 0, 1, 0, 2, 1, 2, 5, 1, 0, 3, 1,
                                      9, 0, 1, 1, 2, 1, 2, 5, 1, 0, 4, 1, 8, 0, 1};
    static const uint8_t joiner[] = {0, 0, 2, 5, 1, 0, 0, 0, 9, 1, 1, 3,  4, 0,  2,
                                     5, 1, 1, 1, 1, 9, 2, 1, 1, 1, 1, 14, 0, 99, 15};

    write_seed("consensus", "founder", founder, sizeof founder);
    write_seed("consensus", "joiner", joiner, sizeof joiner);
}

static void error(void)
{
    struct sink out = {.grows = true};

    wire_put_error(5, &(struct wire_error){21, wire_text("java.lang.Error"), wire_text("words")},
                   &out);
    write_seed("message", "error", out.at, out.size);
    sink_free(&out);
}

/* ---- values --------------------------------------------------------------------------------- */

static void value(const char *name, struct scalar v)
{
    struct sink payload = {.grows = true};
    struct data d;
    uint8_t bytes[256];

    if (scalar_write(&v, &payload, &d) != MR_OK || data_wire_size(&d) > sizeof bytes)
        abort();
    data_write(&d, bytes);
    write_seed("value", name, bytes, data_wire_size(&d));
    sink_free(&payload);
}

static void values(void)
{
    static const uint8_t digits[] = {1, 2, 3};

    value("int", (struct scalar){.kind = DATA_INT, .integer = 7});
    value("double", (struct scalar){.kind = DATA_DOUBLE, .f64 = 2.5});
    value("string", (struct scalar){.kind = DATA_STRING, .bytes = {(const uint8_t *)"text", 4, 0}});
    value("decimal", (struct scalar){.kind = DATA_DECIMAL, .bytes = {digits, 3, 2}});
    value("uuid", (struct scalar){.kind = DATA_UUID, .uuid = {1, 2}});
    value("moment", (struct scalar){.kind = DATA_OFFSET_DATE_TIME,
                                    .moment = {2024, 2, 29, 12, 30, 15, 1000, 3600}});
}

int main(int count, char **words)
{
    if (count != 2) {
        fprintf(stderr, "seed FOLDER\n");
        return 2;
    }
    folder = words[1];
    messages();
    member_messages();
    metadata();
    consensus();
    transfer();
    error();
    values();
    return 0;
}
