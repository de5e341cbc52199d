#include "grid/data/topic.h"

#include "tests/unit/grid/data/world.h"

Test(topic, tells_everybody_who_listens_every_message_in_order, .init = open_world,
     .fini = close_world)
{
    struct watcher deaf = {OBJECT_ADDED, hear_event}, other = ear;
    struct data words[] = {text("a"), text("b")};
    struct object *o;

    cr_assert(topic_new(&w.partitions, OBJECT_TOPIC, "news", &o) == MR_OK);
    cr_assert(topic_publish(o, words, 2) == MR_OK);
    cr_assert(was_told(""));
    cr_assert(watchers_add(&o->watchers, &w.partitions, &ear) == MR_OK);
    cr_assert(watchers_add(&o->watchers, &w.partitions, &deaf) == MR_OK);
    cr_assert(watchers_add(&o->watchers, &w.partitions, &other) == MR_OK);
    cr_assert(topic_publish(o, words, 2) == MR_OK);
    cr_assert(was_told("!a !a !b !b "));
    watchers_remove(&o->watchers, &w.partitions, &ear);
    cr_assert(topic_publish(o, words, 1) == MR_OK);
    cr_assert(was_told("!a "));
    topic_free(o);
}
