#include "grid/data/topic.h"

#include "net/base/mem.h"

mr_rc_t topic_new(struct partitions *ps, enum object_kind kind, const char *name,
                  struct object **ret_o)
{
    struct object *o = mem_alloc_zero(sizeof *o);

    if (!o)
        return MR_ERR_MEMORY;
    if (object_init(o, kind, name, ps) != MR_OK) {
        topic_free(o);
        return MR_ERR_MEMORY;
    }
    *ret_o = o;
    return MR_OK;
}

void topic_free(struct object *o)
{
    object_deinit(o);
    mem_free(o);
}

mr_rc_t topic_publish(struct object *o, const struct data *messages, uint32_t n)
{
    mr_rc_t rc = object_lock(o, NULL);

    if (rc != MR_OK)
        return rc;
    for (uint32_t i = 0; i < n; i++)
        object_tell(o, OBJECT_MESSAGE, &messages[i]);
    object_unlock(o);
    return MR_OK;
}
