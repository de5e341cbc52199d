#include "grid/door/away.h"

#include <string.h>

#include "grid/door/dispatch.h"
#include "grid/member.h"
#include "net/base/mem.h"

struct away {
    struct work work;
    struct session *session;
    struct wire_uuid client; /* the session forgets it when it ends */
    size_t size;
    uint8_t bytes[]; /* the message */
};

static void end(struct away *a)
{
    session_unref(a->session);
    mem_free(a);
}

static void run(struct work *w)
{
    struct away *a = list_owner(w, struct away, work);

    dispatch_away(a->session, a->client, a->bytes, a->size);
    end(a);
}

static void drop(struct work *w)
{
    end(list_owner(w, struct away, work));
}

static mr_rc_t give(struct session *s, struct wire_uuid client, const uint8_t *bytes, size_t size)
{
    struct away *a = mem_alloc(sizeof *a + size);

    if (!a)
        return MR_ERR_MEMORY;
    *a = (struct away){
        .work = {.run = run, .drop = drop}, .session = s, .client = client, .size = size};
    memcpy(a->bytes, bytes, size);
    session_ref(s);
    mr_rc_t rc = pool_give(&s->at->door->member->pool, &a->work);

    if (rc != MR_OK)
        end(a);
    return rc;
}

mr_rc_t away_give(struct session *s, struct wire_uuid client, const uint8_t *bytes, size_t size)
{
    mr_rc_t rc = give(s, client, bytes, size);

    s->away += rc == MR_OK; /* its answer comes by way of this loop, so not before */
    return rc;
}

mr_rc_t away_give_share(struct session *s, const uint8_t *bytes, size_t size)
{
    return give(s, (struct wire_uuid){0}, bytes, size);
}
