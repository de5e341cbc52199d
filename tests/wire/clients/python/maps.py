"""A map, entry by entry: writes, lives that end, locks, listeners."""

import time

from hazelcast import predicate
from hazelcast.proxy.base import EntryEventType

from harness import failure, gathered, state, until
from staff import UnknownProcessor
from text import as_set, pairs, text


def filled(check, entries=(("a", "one"), ("b", "two"), ("c", "three"))):
    """A check over a map that has entries."""
    return lambda t: check(t.filled(entries))


def empty(check):
    return lambda t: check(t.map())


def two(check):
    """A check over a filled map, and the same as another client sees it."""
    return lambda t: check(t.filled(), t.same_map())


def gone(m, key):
    return until(lambda: not m.contains_key(key))


def content(m):
    return pairs(m.entry_set())


def many_entries(m):
    m.put_all({f"k{i}": i for i in range(2000)})
    values = m.values()
    return [m.size(), len(values), sum(values)]


def hundred_at_once(t):
    m = t.client.get_map(t.unique())
    for future in [m.put(f"k{i}", i) for i in range(100)]:
        future.result()
    got = [future.result() for future in [m.get(f"k{i}") for i in range(100)]]
    return [m.size().result(), got == list(range(100))]


def idle_is_put_off(m):
    m.put("a", "one", None, 3)
    for _ in range(12):
        m.get("a")
        time.sleep(0.5)
    return m.get("a")


def entry_view(m):
    m.put("a", "one", 60, 30)
    m.get("a")
    m.put("a", "two", 60, 30)
    view = m.get_entry_view("a")
    later = view.expiration_time > view.creation_time
    return [view.key, view.value, view.hits, view.version, view.ttl, view.max_idle, later]


def entry_view_without_end(m):
    view = m.get_entry_view("a")
    return [
        view.key,
        view.value,
        view.hits,
        view.version,
        view.ttl,
        view.max_idle,
        view.expiration_time,
    ]


def then(wait, *results):
    """The results so far, after a wait that was written before them."""
    time.sleep(wait)
    return list(results)


WRITES = {
    "map.get_missing": empty(lambda m: m.get("nobody")),
    "map.put_returns_old": empty(lambda m: [m.put("a", "one"), m.put("a", "two"), m.get("a")]),
    "map.put_null_key": empty(lambda m: m.put(None, "x")),
    "map.put_null_value": empty(lambda m: m.put("a", None)),
    "map.set_overwrites": filled(lambda m: [m.set("a", "new"), m.get("a")]),
    "map.empty_key_and_value": empty(lambda m: [m.put("", ""), m.get(""), m.size()][1:]),
    "map.remove_returns_old": filled(lambda m: [m.remove("a"), m.remove("a"), m.size()]),
    "map.remove_if_same": filled(
        lambda m: [m.remove_if_same("a", value) for value in ("two", "one", "one")]
    ),
    "map.delete": filled(lambda m: [m.delete("a"), m.delete("nobody"), m.size()]),
    "map.replace": filled(
        lambda m: [m.replace("a", "new"), m.replace("nobody", "x"), m.get("a"), m.get("nobody")]
    ),
    "map.replace_if_same": filled(
        lambda m: [
            m.replace_if_same("a", "two", "x"),
            m.replace_if_same("a", "one", "new"),
            m.replace_if_same("nobody", "one", "x"),
            m.get("a"),
        ]
    ),
    "map.put_if_absent": filled(
        lambda m: [m.put_if_absent("a", "x"), m.put_if_absent("d", "four"), m.get("a"), m.get("d")]
    ),
    "map.put_transient": filled(lambda m: [m.put_transient("a", "new"), m.get("a")]),
    "map.try_put": filled(lambda m: [m.try_put("a", "new", 1), m.get("a")]),
    "map.try_put_locked": two(
        lambda m, other: [other.lock("a"), m.try_put("a", "new", 0.1), m.get("a")][1:]
    ),
    "map.try_remove": filled(lambda m: [m.try_remove("a", 1), m.try_remove("nobody", 1), m.size()]),
    "map.try_remove_locked": two(
        lambda m, other: [other.lock("a"), m.try_remove("a", 0.1), m.get("a")][1:]
    ),
    "map.contains_key": filled(lambda m: [m.contains_key("a"), m.contains_key("nobody")]),
    "map.contains_value": filled(lambda m: [m.contains_value("one"), m.contains_value("nothing")]),
    "map.key_types_are_different_keys": empty(
        lambda m: [m.set("1", "text"), m.set(1, "number"), m.set(True, "truth")]
        and [m.get("1"), m.get(1), m.get(True), m.size()]
    ),
    "map.get_all": filled(lambda m: m.get_all(["a", "c", "nobody"])),
    "map.get_all_of_none": filled(lambda m: m.get_all([])),
    "map.put_all": filled(lambda m: [m.put_all({"a": "new", "d": "four"})] and content(m)),
    "map.put_all_of_none": empty(lambda m: [m.put_all({})] and m.size()),
    "map.size_and_empty": empty(
        lambda m: [m.size(), m.is_empty()] + [m.set("a", 1), m.size(), m.is_empty()][1:]
    ),
    "map.clear": filled(lambda m: [m.clear(), m.size(), m.get("a")]),
    "map.evict": filled(lambda m: [m.evict("a"), m.evict("nobody"), m.get("a"), m.size()]),
    "map.evict_locked": filled(lambda m: [m.lock("a"), m.evict("a"), m.get("a")][1:]),
    "map.evict_all_spares_locked": filled(lambda m: [m.lock("a"), m.evict_all()] and content(m)),
    "map.flush": filled(lambda m: m.flush()),
    "map.load_all_without_store": filled(lambda m: failure(m.load_all)),
    "map.key_set": filled(lambda m: as_set(m.key_set())),
    "map.values": filled(lambda m: as_set(m.values())),
    "map.entry_set": filled(content),
    "map.all_of_an_empty_map": empty(lambda m: [m.key_set(), m.values(), m.entry_set()]),
    "map.remove_all": filled(lambda m: [m.remove_all(predicate.like("this", "t%"))] and content(m)),
    "map.large_value": empty(lambda m: [m.set("a", "x" * 1000000)] and len(m.get("a"))),
    "map.many_entries": empty(many_entries),
    "map.hundred_at_once": hundred_at_once,
}

LIVES = {
    "map.put_with_ttl": empty(
        lambda m: [m.put("a", "one", 1), m.get("a"), gone(m, "a"), m.get("a"), m.size()][1:]
    ),
    "map.set_with_ttl": empty(lambda m: [m.set("a", "one", 1), m.get("a"), gone(m, "a")][1:]),
    "map.put_if_absent_with_ttl": empty(
        lambda m: [
            m.put_if_absent("a", "one", 1),
            m.get("a"),
            gone(m, "a"),
            m.put_if_absent("a", "two"),
        ]
    ),
    "map.put_transient_with_ttl": empty(
        lambda m: [m.put_transient("a", "one", 1)] and gone(m, "a")
    ),
    "map.max_idle": empty(lambda m: then(4, m.put("a", "one", None, 1.5)) and m.get("a")),
    "map.max_idle_is_put_off_by_reading": empty(idle_is_put_off),
    "map.set_ttl": filled(
        lambda m: [m.set_ttl("a", 1), gone(m, "a"), m.set_ttl("nobody", 1), m.size()]
    ),
    "map.set_ttl_for_ever": empty(
        lambda m: then(3.5, m.put("a", "one", 2), m.set_ttl("a", 0))[1:] + [m.get("a")]
    ),
    "map.ttl_is_renewed_by_a_put": empty(
        lambda m: then(3.5, m.put("a", "one", 2), m.put("a", "two")) and m.get("a")
    ),
    "map.entry_view": empty(entry_view),
    "map.entry_view_without_end": filled(entry_view_without_end),
    "map.entry_view_missing": empty(lambda m: m.get_entry_view("nobody")),
}


def waits_for_unlock(m, start):
    """What `start` does before and after the lock on "a" is given back."""
    m.lock("a")
    future = start()
    before = state(future, 0.5)
    m.unlock("a")
    return [before, future.result()]


def is_reentrant(m):
    m.lock("a")
    m.lock("a")
    m.unlock("a")
    once = m.is_locked("a")
    m.unlock("a")
    return [once, m.is_locked("a")]


def freed_when_owner_leaves(t):
    owner = t.bench.connect()
    owner.get_map(t.unique()).blocking().lock("a")
    m = t.map()
    before = m.is_locked("a")
    owner.shutdown()
    return [before, until(lambda: not m.is_locked("a"))]


LOCKS = {
    "lock.is_reentrant": filled(is_reentrant),
    "lock.of_a_missing_key": empty(
        lambda m: [m.lock("nobody"), m.is_locked("nobody"), m.contains_key("nobody"), m.size()][1:]
    ),
    "lock.unlock_unlocked": empty(lambda m: m.unlock("a")),
    "lock.unlock_by_non_owner": two(lambda m, other: [m.lock("a")] and other.unlock("a")),
    "lock.force_unlock_by_non_owner": two(
        lambda m, other: [m.lock("a"), m.lock("a"), other.force_unlock("a")] and m.is_locked("a")
    ),
    "lock.try_lock": two(
        lambda m, other: [
            m.try_lock("a"),
            other.try_lock("a"),
            other.try_lock("a", None, 0.1),
            m.try_lock("a"),
        ]
    ),
    "lock.lease_ends": empty(
        lambda m: [
            m.lock("a", 1),
            m.is_locked("a"),
            until(lambda: not m.is_locked("a")),
            failure(m.unlock, "a"),
        ][1:]
    ),
    "lock.try_lock_with_lease": two(
        lambda m, other: [m.try_lock("a", 1, 1), other.try_lock("a", None, 20)]
    ),
    "lock.try_lock_waits": lambda t: waits_for_unlock(
        t.filled(), lambda: t.other.get_map(t.unique()).try_lock("a", None, 20)
    )[1],
    "lock.blocks_a_put": lambda t: waits_for_unlock(
        t.filled(), lambda: t.other.get_map(t.unique()).put("a", "new")
    )
    + [t.map().get("a")],
    "lock.does_not_block_a_get": two(lambda m, other: [m.lock("a")] and other.get("a")),
    "lock.owner_may_put": filled(
        lambda m: [m.lock("a"), m.put("a", "new"), m.remove("a"), m.is_locked("a")][1:]
    ),
    "lock.freed_when_its_owner_leaves": freed_when_owner_leaves,
    "lock.waits_in_line": lambda t: waits_for_unlock(
        t.map(), lambda: t.other.get_map(t.unique()).lock("a")
    )[:1]
    + [failure(t.map().unlock, "a")],
}

NAMES = {
    EntryEventType.ADDED: "added",
    EntryEventType.REMOVED: "removed",
    EntryEventType.UPDATED: "updated",
    EntryEventType.EVICTED: "evicted",
    EntryEventType.EXPIRED: "expired",
    EntryEventType.EVICT_ALL: "mapEvicted",
    EntryEventType.CLEAR_ALL: "mapCleared",
}
KINDS = ["added", "removed", "updated", "evicted", "evict_all", "clear_all", "expired"]


def recorder(heard, kinds):
    """Functions that write down what they hear, as the arguments of add_entry_listener."""

    def write_down(event):
        name = NAMES[event.event_type]
        if name.startswith("map"):
            heard.append(f"{name} {event.number_of_affected_entries}")
        else:
            heard.append(f"{name} {text(event.key)} {text(event.old_value)} {text(event.value)}")

    return {f"{kind}_func": write_down for kind in kinds}


def changed(m):
    m.put("a", "one")
    m.put("a", "two")
    m.put("b", "xyz")
    m.remove("a")
    m.evict("b")


def hears(change, count, kinds=tuple(KINDS), entries=(), **options):
    """A check of what a listener hears while the map is changed."""

    def check(t):
        heard = []
        m = t.filled(entries) if entries else t.map()
        m.add_entry_listener(**{"include_value": True, **options}, **recorder(heard, kinds))
        change(m)
        return gathered(heard, count)

    return check


def bulk(m):
    m.put_all({"a": "one", "b": "two"})
    m.remove_all(predicate.equal("this", "two"))


def in_and_out(m):
    for value in ("one", "two", "one"):
        m.put("a", value)


def hears_another_client(t):
    heard = []
    t.map().add_entry_listener(include_value=True, **recorder(heard, KINDS))
    t.same_map().set("a", "one")
    return gathered(heard, 1)


def removed_hears_nothing(t):
    heard = []
    m = t.map()
    registration = m.add_entry_listener(include_value=True, **recorder(heard, KINDS))
    removed = [m.remove_entry_listener(registration), m.remove_entry_listener(registration)]
    m.put("a", "one")
    time.sleep(0.3)
    return removed + [len(heard)]


ABC = (("a", "one"), ("b", "two"), ("c", "three"))
LISTENERS = {
    "listener.all_events": hears(changed, 5),
    "listener.without_values": hears(changed, 5, include_value=False),
    "listener.of_a_key": hears(changed, 2, key="b"),
    "listener.with_predicate": hears(changed, 2, predicate=predicate.equal("this", "two")),
    "listener.with_predicate_leaving_it": hears(
        in_and_out, 3, predicate=predicate.equal("this", "one")
    ),
    "listener.with_predicate_of_a_key": hears(changed, 3, predicate=predicate.true(), key="a"),
    "listener.some_kinds_only": hears(changed, 1, kinds=["removed"]),
    "listener.hears_another_client": hears_another_client,
    "listener.expired": hears(lambda m: [m.set("a", "one", 1), gone(m, "a")], 2),
    "listener.clear": hears(lambda m: m.clear(), 1, entries=ABC),
    "listener.evict_all": hears(lambda m: m.evict_all(), 1, entries=ABC),
    "listener.bulk_puts": hears(bulk, 3),
    "listener.set_tells_no_old_value": hears(
        lambda m: [m.set("a", "two"), m.delete("a")], 2, entries=(("a", "one"),)
    ),
    "listener.removed_hears_nothing": removed_hears_nothing,
}


def near_cache(t):
    return (
        t.bench.connect(near_caches={"python.near*": {"invalidate_on_change": True}})
        .get_map(t.unique())
        .blocking()
    )


def near_cache_is_invalidated(t):
    near, writer = near_cache(t), t.map()
    writer.set("a", "one")
    first = [near.get("a"), near.get("a")]
    writer.set("a", "two")
    until(lambda: near.get("a") == "two")
    second = near.get("a")
    writer.clear()
    until(lambda: near.get("a") is None)
    return first + [second, near.get("a")]


def near_cache_own_writes(t):
    near = near_cache(t)
    near.set("a", "one")
    first = near.get("a")
    near.set("a", "two")
    second = near.get("a")
    near.remove("a")
    return [first, second, near.get("a")]


OTHERS = {
    "processor.unknown_on_key": filled(lambda m: m.execute_on_key("a", UnknownProcessor())),
    "processor.unknown_on_entries": filled(lambda m: m.execute_on_entries(UnknownProcessor())),
    "near_cache.serves_and_is_invalidated": near_cache_is_invalidated,
    "near_cache.own_writes_are_seen": near_cache_own_writes,
}

CHECKS = {**WRITES, **LIVES, **LOCKS, **LISTENERS, **OTHERS}
