"""Queue, list, set, multi map, replicated map, ring buffer, topics, counter, ids."""

import time

from hazelcast.predicate import equal
from hazelcast.proxy.ringbuffer import OVERFLOW_POLICY_FAIL

from harness import failure, gathered, state, until
from maps import recorder
from text import Said, as_set, pairs, text


def queue(check, items=("a", "b", "c"), kind=""):
    """A check over a queue that has the items; one whose kind is "bounded." holds 2."""

    def run(t):
        q = t.client.get_queue(t.unique(kind)).blocking()
        if items:
            q.add_all(list(items))
        return check(q)

    return run


def bounded(check, items=("a", "b")):
    return queue(check, items, "bounded.")


def waits(kind, start, release, items=()):
    """Whether what `start` begins waits for `release`, and what both return."""

    def check(t):
        q = t.client.get_queue(t.unique(kind))
        q.add_all(list(items)).result()
        future = start(q)
        before = state(future, 0.3)
        released = release(t.other.get_queue(t.unique(kind)).blocking())
        return [before, released, future.result(), q.iterator().result()]

    return check


def drain(q):
    some, rest = [], []
    return [q.drain_to(some, 2), some, q.drain_to(rest), rest, q.drain_to(rest)]


def listened(collection, include_value=True):
    """What an item listener hears of an item that comes and goes, twice over."""
    heard = []
    registration = collection.add_listener(
        include_value,
        lambda event: heard.append(f"added {text(event.item)}"),
        lambda event: heard.append(f"removed {text(event.item)}"),
    )
    collection.add("a")
    collection.add("b")
    collection.remove("a")
    told = gathered(heard, 3)
    removed = [collection.remove_listener(registration), collection.remove_listener(registration)]
    collection.add("c")
    time.sleep(0.2)
    return [told, *removed, len(heard)]


QUEUES = {
    "queue.offer_poll_in_order": queue(
        lambda q: [q.offer("a"), q.offer("b"), q.peek(), q.poll(), q.poll(), q.poll(), q.peek()],
        (),
    ),
    "queue.add_when_full": bounded(
        lambda q: [q.add("a"), q.add("b"), failure(q.add, "c"), q.size()], ()
    ),
    "queue.offer_when_full": bounded(
        lambda q: [q.offer("c"), q.offer("c", 0.1), q.remaining_capacity()]
    ),
    "queue.offer_waits_for_room": waits(
        "bounded.", lambda q: q.offer("c", 20), lambda other: other.take(), ("a", "b")
    ),
    "queue.put_waits_for_room": lambda t: waits(
        "bounded.", lambda q: q.put("c"), lambda other: other.poll(), ("a", "b")
    )(t)[0::3],
    "queue.add_all_when_full": bounded(lambda q: q.add_all(["a", "b", "c"]), ()),
    "queue.poll_times_out": queue(lambda q: q.poll(0.1), ()),
    "queue.poll_waits": lambda t: waits("", lambda q: q.poll(20), lambda other: other.offer("a"))(
        t
    )[2],
    "queue.take_waits": lambda t: waits("", lambda q: q.take(), lambda other: other.offer("a"))(t)[
        0:3:2
    ],
    "queue.drain": queue(drain),
    "queue.contains": queue(
        lambda q: [q.contains("b"), q.contains("x")]
        + [q.contains_all(items) for items in (["a", "c"], ["a", "x"], [])]
    ),
    "queue.remove": queue(lambda q: [q.remove("a"), q.remove("x"), q.iterator()], ("a", "b", "a")),
    "queue.remove_all_and_retain_all": queue(
        lambda q: [
            q.remove_all(["a", "x"]),
            q.iterator(),
            q.retain_all(["c"]),
            q.retain_all(["c"]),
            q.iterator(),
        ],
        ("a", "b", "a", "c"),
    ),
    "queue.size_clear": queue(
        lambda q: [q.size(), q.is_empty(), q.clear(), q.size(), q.is_empty()]
    ),
    "queue.remaining_capacity": queue(lambda q: q.remaining_capacity()),
    "queue.null_item": queue(lambda q: q.offer(None)),
    "queue.listener": queue(listened, ()),
    "queue.listener_without_values": queue(lambda q: listened(q, False), ()),
}


def emptied(x):
    """Asks for a future where this client's blocking list forgets to wait for one."""
    before = [x.size(), x.is_empty().result()]
    x.clear()
    return before + [None, x.size(), x.is_empty().result()]


def a_list(check, items=("a", "b", "c", "b")):
    def run(t):
        x = t.client.get_list(t.unique()).blocking()
        if items:
            x.add_all(list(items))
        return check(x)

    return run


LISTS = {
    "list.add": a_list(lambda x: [x.add("a"), x.add("a"), x.get_all()], ()),
    "list.add_at": a_list(
        lambda x: [x.add_at(1, "x"), x.add_at(5, "y"), failure(x.add_at, 9, "z"), x.get_all()]
    ),
    "list.add_all_at": a_list(
        lambda x: [x.add_all_at(1, ["x", "y"]), x.add_all_at(0, []), x.get_all()]
    ),
    "list.get": a_list(lambda x: [x.get(0), x.get(3), failure(x.get, 4), failure(x.get, -1)]),
    "list.set": a_list(lambda x: [x.set_at(1, "x"), failure(x.set_at, 4, "x"), x.get_all()]),
    "list.index_of": a_list(
        lambda x: [x.index_of("b"), x.last_index_of("b"), x.index_of("x"), x.last_index_of("x")]
    ),
    "list.contains": a_list(
        lambda x: [x.contains("a"), x.contains("x")]
        + [x.contains_all(items) for items in (["a", "c"], ["a", "x"])]
    ),
    "list.remove": a_list(lambda x: [x.remove("b"), x.remove("x"), x.get_all()]),
    "list.remove_at": a_list(lambda x: [x.remove_at(0), failure(x.remove_at, 9), x.get_all()]),
    "list.remove_all_and_retain_all": a_list(
        lambda x: [
            x.remove_all(["b", "x"]),
            x.remove_all(["x"]),
            x.get_all(),
            x.retain_all(["c"]),
            x.get_all(),
        ]
    ),
    "list.sub_list": a_list(
        lambda x: [
            x.sub_list(1, 3),
            x.sub_list(2, 2),
            failure(x.sub_list, 0, 9),
            failure(x.sub_list, 3, 1),
        ]
    ),
    "list.iterator": a_list(
        lambda x: [x.iterator(), x.list_iterator(2), failure(x.list_iterator, 9)]
    ),
    "list.size_clear": a_list(emptied),
    "list.null_item": a_list(lambda x: x.add(None)),
    "list.listener": a_list(listened, ()),
}


def a_set(check, items=("a", "b", "c")):
    def run(t):
        s = t.client.get_set(t.unique()).blocking()
        if items:
            s.add_all(list(items))
        return check(s)

    return run


def members(s):
    return as_set(s.get_all())


SETS = {
    "set.add": a_set(lambda s: [s.add("a"), s.add("a"), s.add("b"), s.size()], ()),
    "set.add_all": a_set(lambda s: [s.add_all(["a", "d"]), s.add_all(["a"]), members(s)]),
    "set.contains": a_set(
        lambda s: [s.contains("a"), s.contains("x")]
        + [s.contains_all(items) for items in (["a", "b"], ["a", "x"])]
    ),
    "set.remove": a_set(lambda s: [s.remove("a"), s.remove("a"), members(s)]),
    "set.remove_all_and_retain_all": a_set(
        lambda s: [
            s.remove_all(["a", "x"]),
            s.remove_all(["x"]),
            members(s),
            s.retain_all(["c"]),
            members(s),
        ]
    ),
    "set.size_clear": a_set(lambda s: [s.size(), s.is_empty(), s.clear(), s.size(), s.is_empty()]),
    "set.listener": a_set(listened, ()),
}


def multi(check, kind=""):
    """A check over a multi map of three pairs; one whose kind is "listed." keeps lists."""

    def run(t):
        m = t.client.get_multi_map(t.unique(kind)).blocking()
        for key, value in (("a", "one"), ("a", "two"), ("b", "one")):
            m.put(key, value)
        return check(m)

    return run


def multi_put_all(m):
    m.put_all({"a": ["three", "four"], "c": ["five"]})
    return as_set(m.entry_set())


def multi_lock(t):
    m = t.client.get_multi_map(t.unique()).blocking()
    other = t.other.get_multi_map(t.unique()).blocking()
    m.lock("a")
    locked = [
        m.is_locked("a"),
        other.try_lock("a"),
        other.try_lock("a", None, 0.1),
        failure(other.unlock, "a"),
    ]
    m.unlock("a")
    free = [other.try_lock("a"), m.is_locked("a")]
    m.force_unlock("a")
    return locked + free + [m.is_locked("a")]


def multi_lease(m):
    m.lock("a", 1)
    return until(lambda: not m.is_locked("a"))


def multi_listener(t):
    heard = []
    m = t.client.get_multi_map(t.unique()).blocking()
    registration = m.add_entry_listener(True, **recorder(heard, ["added", "removed", "clear_all"]))
    m.put("a", "one")
    m.put("a", "two")
    m.remove("a", "one")
    m.clear()
    return [gathered(heard, 4), m.remove_entry_listener(registration)]


def multi_listener_of_a_key(t):
    heard = []
    m = t.client.get_multi_map(t.unique()).blocking()
    m.add_entry_listener(False, "b", added_func=lambda event: heard.append(text(event.key)))
    m.put("a", "one")
    m.put("b", "two")
    return gathered(heard, 1)


MULTI_MAPS = {
    "multimap.put": multi(
        lambda m: [
            m.put("a", "one"),
            m.put("a", "three"),
            m.value_count("a"),
            m.value_count("x"),
            m.size(),
        ]
    ),
    "multimap.put_to_lists": multi(lambda m: [m.put("a", "one"), m.get("a"), m.size()], "listed."),
    "multimap.get": multi(lambda m: [as_set(m.get("a")), as_set(m.get("x"))]),
    "multimap.remove": multi(
        lambda m: [m.remove("a", "one"), m.remove("a", "one"), as_set(m.get("a"))]
    ),
    "multimap.remove_all": multi(
        lambda m: [
            as_set(m.remove_all("a")),
            as_set(m.remove_all("a")),
            m.contains_key("a"),
            m.size(),
        ]
    ),
    "multimap.contains": multi(
        lambda m: [
            m.contains_key("a"),
            m.contains_key("x"),
            m.contains_value("two"),
            m.contains_value("x"),
            m.contains_entry("b", "one"),
            m.contains_entry("b", "two"),
        ]
    ),
    "multimap.all": multi(
        lambda m: [as_set(m.key_set()), as_set(m.values()), as_set(m.entry_set())]
    ),
    "multimap.put_all": multi(multi_put_all),
    "multimap.clear": multi(lambda m: [m.clear(), m.size()]),
    "multimap.lock": multi_lock,
    "multimap.lock_with_lease": multi(multi_lease),
    "multimap.listener": multi_listener,
    "multimap.listener_of_a_key": multi_listener_of_a_key,
}


def replicated(check, entries=(("a", "one"), ("b", "two"))):
    def run(t):
        m = t.client.get_replicated_map(t.unique()).blocking()
        if entries:
            m.put_all(dict(entries))
            until(lambda: m.size() == len(entries))
        return check(m)

    return run


def replicated_listener(m):
    heard = []
    registration = m.add_entry_listener(
        **recorder(heard, ["added", "updated", "removed", "clear_all"])
    )
    m.put("a", "one")
    m.put("a", "two")
    m.remove("a")
    m.put("b", "one")
    m.clear()
    return [gathered(heard, 5), m.remove_entry_listener(registration)]


def replicated_hears(**options):
    def check(m):
        heard = []
        m.add_entry_listener(added_func=lambda event: heard.append(text(event.key)), **options)
        m.put("a", "one")
        m.put("b", "two")
        return gathered(heard, 1)

    return replicated(check, ())


REPLICATED = {
    "replicated.put": replicated(
        lambda m: [m.put("a", "one"), m.put("a", "two"), m.get("a"), m.get("x")], ()
    ),
    "replicated.remove": replicated(lambda m: [m.remove("a"), m.remove("a"), m.size()]),
    "replicated.contains": replicated(
        lambda m: [
            m.contains_key("a"),
            m.contains_key("x"),
            m.contains_value("two"),
            m.contains_value("x"),
        ]
    ),
    "replicated.all": replicated(
        lambda m: [as_set(m.key_set()), as_set(m.values()), pairs(m.entry_set())]
    ),
    "replicated.size_clear": replicated(
        lambda m: [m.size(), m.is_empty(), m.clear(), m.size(), m.is_empty()]
    ),
    "replicated.ttl": replicated(
        lambda m: [m.put("a", "one", 1), m.get("a"), until(lambda: m.get("a") is None)][1:], ()
    ),
    "replicated.listener": replicated(replicated_listener, ()),
    "replicated.listener_of_a_key": replicated_hears(key="b"),
    "replicated.listener_with_predicate": replicated_hears(predicate=equal("this", "two")),
    "replicated.listener_with_predicate_of_a_key": replicated_hears(
        predicate=equal("this", "two"), key="b"
    ),
}


def ring(check, items=(), kind=""):
    """A check over a ring buffer; of the kinds "small." and "kept." it holds 3, 10000 otherwise."""

    def run(t):
        r = t.client.get_ringbuffer(t.unique(kind)).blocking()
        if items:
            r.add_all(list(items))
        return check(r)

    return run


def read(result):
    items = [f"{result.get_sequence(i)} {text(result[i])}" for i in range(result.size)]
    return Said(
        f"[{', '.join(items)}] read {result.read_count} next {result.next_sequence_to_read_from}"
    )


def ring_waits(start, show):
    def check(t):
        r = t.client.get_ringbuffer(t.unique())
        r.add("a").result()
        future = start(r)
        before = state(future, 0.3)
        r.add("b").result()
        return [before, show(future.result())]

    return check


RINGS = {
    "ringbuffer.empty": ring(
        lambda r: [
            r.capacity(),
            r.size(),
            r.head_sequence(),
            r.tail_sequence(),
            r.remaining_capacity(),
        ]
    ),
    "ringbuffer.add": ring(
        lambda r: [
            r.add("a"),
            r.add("b"),
            r.read_one(0),
            r.read_one(1),
            r.size(),
            r.tail_sequence(),
        ]
    ),
    "ringbuffer.add_all": ring(lambda r: r.add_all(["a", "b", "c"])),
    "ringbuffer.overwrites_the_oldest": ring(
        lambda r: [
            r.head_sequence(),
            r.tail_sequence(),
            r.size(),
            failure(r.read_one, 0),
            r.read_one(1),
        ],
        "abcd",
        "small.",
    ),
    "ringbuffer.fail_policy_without_ttl": ring(
        lambda r: [
            r.remaining_capacity(),
            r.add("d", OVERFLOW_POLICY_FAIL),
            r.add_all(["e", "f"], OVERFLOW_POLICY_FAIL),
        ],
        "abc",
        "small.",
    ),
    "ringbuffer.fail_policy_when_full": ring(
        lambda r: [
            r.remaining_capacity(),
            r.add_all(["c", "d"], OVERFLOW_POLICY_FAIL),
            r.add("c", OVERFLOW_POLICY_FAIL),
            r.add("d", OVERFLOW_POLICY_FAIL),
            r.size(),
            r.remaining_capacity(),
        ],
        "ab",
        "kept.",
    ),
    "ringbuffer.read_one_waits": ring_waits(lambda r: r.read_one(1), lambda item: item),
    "ringbuffer.read_one_beyond_next": ring(lambda r: r.read_one(5), "a"),
    "ringbuffer.read_many": ring(
        lambda r: [
            read(r.read_many(0, 1, 2)),
            read(r.read_many(1, 0, 10)),
            read(r.read_many(3, 0, 10)),
        ],
        "abc",
    ),
    "ringbuffer.read_many_waits": ring_waits(lambda r: r.read_many(0, 2, 5), read),
    "ringbuffer.read_many_from_the_overwritten": ring(
        lambda r: read(r.read_many(0, 1, 3)), "abcde", "small."
    ),
    "ringbuffer.read_many_more_than_capacity": ring(lambda r: r.read_many(0, 4, 5), "a", "small."),
}


def topic_checks(name, get):
    """The same checks for the plain and for the reliable kind; `get` finds the topic in a client."""

    def hears(t):
        topic, heard = get(t.client, t.unique()), []
        topic.add_listener(lambda message: heard.append(text(message.message)))
        topic.publish("one")
        get(t.other, t.unique()).publish("two")
        return gathered(heard, 2)

    def two_listeners(t):
        topic, heard = get(t.client, t.unique()), []
        registration = topic.add_listener(lambda _: heard.append("first"))
        topic.add_listener(lambda _: heard.append("second"))
        topic.publish("one")
        until(lambda: len(heard) == 2)
        removed = [topic.remove_listener(registration), topic.remove_listener(registration)]
        topic.publish("two")
        return [gathered(heard, 3), *removed]

    def publish_all(t):
        topic, heard = get(t.client, t.unique()), []
        topic.add_listener(lambda message: heard.append(text(message.message)))
        topic.publish_all(["one", "two", "three"])
        return gathered(heard, 3)

    return {
        f"{name}.hears_what_is_said": hears,
        f"{name}.two_listeners_and_one_removed": two_listeners,
        f"{name}.publish_all": publish_all,
        f"{name}.nobody_listens": lambda t: get(t.client, t.unique()).publish("one"),
    }


def counted(t):
    c = t.client.get_pn_counter(t.unique()).blocking()
    return [
        c.get(),
        c.add_and_get(5),
        c.get_and_add(2),
        c.subtract_and_get(3),
        c.get_and_subtract(1),
        c.increment_and_get(),
        c.get_and_increment(),
        c.decrement_and_get(),
        c.get_and_decrement(),
        c.get(),
    ]


def counted_by_two(t):
    t.client.get_pn_counter(t.unique()).blocking().add_and_get(5)
    return t.other.get_pn_counter(t.unique()).blocking().add_and_get(1)


def ids_rise(t):
    generator = t.client.get_flake_id_generator(t.unique()).blocking()
    ids = [generator.new_id() for _ in range(250)]
    return [len(set(ids)), ids == sorted(ids), ids[0] > 0]


def ids_differ(t):
    first, second = (
        client.get_flake_id_generator(t.unique()).blocking().new_id()
        for client in (t.client, t.other)
    )
    return first != second


CHECKS = {
    **QUEUES,
    **LISTS,
    **SETS,
    **MULTI_MAPS,
    **REPLICATED,
    **RINGS,
    **topic_checks("topic", lambda client, name: client.get_topic(name).blocking()),
    **topic_checks(
        "reliable_topic", lambda client, name: client.get_reliable_topic(name).blocking()
    ),
    "pn_counter.all": counted,
    "pn_counter.negative": lambda t: t.client.get_pn_counter(t.unique()).blocking().add_and_get(-7),
    "pn_counter.two_clients": counted_by_two,
    "flake_id.unique_and_rising": ids_rise,
    "flake_id.differs_between_clients": ids_differ,
}
