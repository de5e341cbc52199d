"""What is not one object: the objects there are, the members, the ways to connect."""

import time

from hazelcast.proxy import MAP_SERVICE

from harness import failure, gathered, until
from text import text


def objects(client, part):
    """The objects whose name has `part`, as "service name"."""
    every = client.get_distributed_objects()
    lines = [f"{proxy.service_name.split(':')[-1]} {proxy.name}" for proxy in every]
    return sorted(line for line in lines if part in line)


def objects_list(t):
    name = t.unique()
    t.client.get_map(name)
    t.client.get_queue(name)
    t.client.get_pn_counter(name)
    return objects(t.other, name)


def objects_listener(t):
    heard = []

    def hear(event):
        if event.name == t.unique():
            heard.append(f"{event.event_type.lower()} {event.service_name.split(':')[-1]}")

    registration = t.client.add_distributed_object_listener(hear).result()
    t.other.get_map(t.unique()).destroy()
    t.other.get_queue(t.unique()).destroy()
    told = gathered(heard, 4)
    return [told, t.client.remove_distributed_object_listener(registration).result()]


def destroy_empties(t):
    m = t.map()
    m.set("a", "one")
    m.destroy()
    return [t.map().size(), t.map().get("a")]


def one_member(t):
    members = t.client.cluster_service.get_members()
    port = int(t.bench.address.split(":")[1])
    return [len(members), members[0].lite_member, members[0].address.port == port]


def membership_listener(t):
    service = t.client.cluster_service
    registration = service.add_listener(lambda member: None, lambda member: None)
    return [service.remove_listener(registration), service.remove_listener(registration)]


def partitions(t):
    service = t.client.partition_service
    until(lambda: service.get_partition_count() > 0)
    found = [service.get_partition_id(key) for key in ("a", "b", "key", "")]
    return [service.get_partition_count(), found, MAP_SERVICE]


def lifecycle(t):
    heard = []
    client = t.bench.connect(lifecycle_listeners=[heard.append])
    running = client.lifecycle_service.is_running()
    client.shutdown()
    after = failure(lambda: client.get_map("any").blocking().size())
    return [running, client.lifecycle_service.is_running(), heard, after]


def statistics(t):
    client = t.bench.connect(statistics_enabled=True, statistics_period=1)
    m = client.get_map(t.unique()).blocking()
    m.set("a", "one")
    time.sleep(2.5)
    return m.get("a")


def unisocket(t):
    return t.bench.connect(smart_routing=False)


def unisocket_map(t):
    m = unisocket(t).get_map(t.unique()).blocking()
    m.put_all({f"k{i}": i for i in range(50)})
    found = [m.get(f"k{i}") for i in range(50)] == list(range(50))
    return [m.size(), found, m.contains_key("k7"), m.remove("k7")]


def unisocket_listener(t):
    heard = []
    m = unisocket(t).get_map(t.unique()).blocking()
    m.add_entry_listener(
        True, added_func=lambda event: heard.append(f"{text(event.key)} {text(event.value)}")
    )
    t.map().put_all({"a": "one", "b": "two"})
    return gathered(heard, 2)


def unisocket_queue_and_lock(t):
    client = unisocket(t)
    queue = client.get_queue(t.unique()).blocking()
    queue.offer("a")
    client.get_map(t.unique()).blocking().lock("a")
    return [queue.poll(), t.same_map().try_lock("a")]


CHECKS = {
    "objects.list": objects_list,
    "objects.listener": objects_listener,
    "objects.destroy_empties": destroy_empties,
    "objects.name_and_service": lambda t: [t.map().name == t.unique(), t.map().service_name],
    "cluster.one_member": one_member,
    "cluster.membership_listener": membership_listener,
    "cluster.partitions": partitions,
    "cluster.wrong_name_is_refused": lambda t: t.bench.connect(
        cluster_name="another", cluster_connect_timeout=1
    ),
    "cluster.lifecycle": lifecycle,
    "cluster.client_has_a_name": lambda t: t.bench.connect(
        client_name="named", labels=["red", "blue"]
    ).name,
    "cluster.statistics": statistics,
    "unisocket.map": unisocket_map,
    "unisocket.listener": unisocket_listener,
    "unisocket.queue_and_lock": unisocket_queue_and_lock,
}
