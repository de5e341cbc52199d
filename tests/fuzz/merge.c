/* Any bytes as the answers of other members to a call about a whole map: which call the first byte
 * says, of an aggregate which one the second. */
#include "grid/peers/merge.h"
#include "grid/query/aggregate.h"
#include "net/wire/bigend.h"
#include "tests/fuzz/query.h"

enum { BYTES_MAX = 1 << 16 };

static const enum wire_id calls[] = {
    WIRE_map_aggregate_req,      WIRE_map_entries_with_paging_predicate_req,
    WIRE_map_size_req,           WIRE_map_is_empty_req,
    WIRE_map_key_set_req,        WIRE_client_get_distributed_objects_req,
    WIRE_client_send_schema_req, WIRE_map_clear_req,
    WIRE_map_contains_value_req, WIRE_map_values_with_paging_predicate_req};

static const struct sink none;

static void put_aggregate(uint8_t class, struct sink *out)
{
    uint8_t bytes[] = {1, 0xff, 0xff, 0xff, 0xe3, 0, 0, 0, class % 19, 0, 0, 0, 1, 'a'};

    wire_encode(WIRE_map_aggregate_req, &(struct wire_head){.partition = -1},
                &(struct map_aggregate_req){wire_text("m"), {bytes, sizeof bytes, DATA_IDENTIFIED}},
                out);
}

static void put_page(enum wire_id call, struct sink *out)
{
    wire_encode(call, &(struct wire_head){.partition = -1},
                &(struct map_entries_with_paging_predicate_req){
                    wire_text("m"),
                    {.page = 1,
                     .page_size = 3,
                     .iteration_type_id = call == calls[1] ? 2 : 1,
                     .anchor_data_list_holder = {.anchor_page_list = {(const uint8_t *)"", 0},
                                                 .anchor_data_list = wire_list_of(&none, 0)}}},
                out);
}

static void put_request(enum wire_id call, uint8_t class, struct sink *out)
{
    if (call == calls[0])
        put_aggregate(class, out);
    else if (merge_of(call) == MERGE_PAGE)
        put_page(call, out);
    else
        wire_encode(WIRE_map_clear_req, &(struct wire_head){.partition = -1},
                    &(struct map_clear_req){wire_text("m")}, out);
}

/* The bytes as a partial, as its message would have them. */
static void take_partial(struct merge_of_answers *m, const uint8_t *bytes, size_t size)
{
    struct sink out = {.grows = true};
    const struct data d = {bytes, (uint32_t)size, DATA_BYTES};

    wire_encode(WIRE_map_aggregate_rsp, &(struct wire_head){.partition = -1}, &d, &out);
    (void)!merge_take(m, out.at, out.size);
    sink_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sink request = {.grows = true}, answer = {.grows = true};
    struct merge_of_answers *m;
    mr_err_t err = MR_ERR_INIT;

    if (size < 2)
        return 0;
    enum wire_id call = calls[bytes[0] % (sizeof calls / sizeof *calls)];

    put_request(call, bytes[1], &request);
    if (merge_new(call, request.at, request.size, BYTES_MAX, &m, &err) != MR_OK)
        abort();
    for (int i = 0; i < 2; i++) {
        if (call == calls[0])
            take_partial(m, bytes + 2, size - 2);
        else
            (void)!merge_take(m, bytes + 2, size - 2);
    }
    (void)!merge_answer(m, 1, &answer);
    merge_free(m);
    sink_free(&request);
    sink_free(&answer);
    return 0;
}
