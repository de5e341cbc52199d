package clients;

import static clients.Bench.begin;
import static clients.Bench.done;
import static clients.Bench.failure;
import static clients.Bench.gathered;
import static clients.Bench.list;
import static clients.Bench.state;
import static clients.Bench.until;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import com.hazelcast.collection.ICollection;
import com.hazelcast.collection.IList;
import com.hazelcast.collection.IQueue;
import com.hazelcast.collection.ISet;
import com.hazelcast.collection.ItemEvent;
import com.hazelcast.collection.ItemListener;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.crdt.pncounter.PNCounter;
import com.hazelcast.flakeidgen.FlakeIdGenerator;
import com.hazelcast.multimap.MultiMap;
import com.hazelcast.query.Predicates;
import com.hazelcast.replicatedmap.ReplicatedMap;
import com.hazelcast.ringbuffer.OverflowPolicy;
import com.hazelcast.ringbuffer.ReadResultSet;
import com.hazelcast.ringbuffer.Ringbuffer;
import com.hazelcast.topic.ITopic;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.function.BiFunction;

/** Queue, list, set, multi map, replicated map, ring buffer, topics, counter, ids. */
final class StructureChecks {
    private StructureChecks() { }

    static void add(Checks.Table table) {
        addQueues(table);
        addBlockingQueues(table);
        addLists(table);
        addSets(table);
        addMultiMaps(table);
        addMultiMapLocksAndListeners(table);
        addReplicatedMaps(table);
        addRings(table);
        addTopics(table, "topic", HazelcastInstance::getTopic);
        addTopics(table, "reliable_topic", HazelcastInstance::getReliableTopic);
        addCounters(table);
    }

    private interface On<T> {
        Object run(T object) throws Exception;
    }

    private static <T extends ICollection<String>> Object with(T collection, List<String> items, On<T> check)
            throws Exception {
        collection.addAll(items);
        return check.run(collection);
    }

    // ---- queue ----

    private static Checks.Check aQueue(List<String> items, On<IQueue<String>> check) {
        return t -> with(t.client.<String>getQueue(t.unique()), items, check);
    }

    /** A queue that holds 2. */
    private static IQueue<String> bounded(Bench t, String... items) {
        IQueue<String> queue = t.client.getQueue(t.unique("bounded."));
        queue.addAll(List.of(items));
        return queue;
    }

    private static void addQueues(Checks.Table table) {
        List<String> abc = List.of("a", "b", "c");
        table.add("queue.offer_poll_in_order", aQueue(List.of(), q -> list(q.offer("a"), q.offer("b"), q.peek(),
                q.poll(), q.poll(), q.poll(), q.peek())));
        table.add("queue.element_and_remove_of_none",
                aQueue(List.of(), q -> list(failure(q::element), failure(q::remove))));
        table.add("queue.drain", aQueue(abc, q -> {
            List<String> some = new ArrayList<>();
            List<String> rest = new ArrayList<>();
            return list(q.drainTo(some, 2), some, q.drainTo(rest), rest, q.drainTo(rest));
        }));
        table.add("queue.contains", aQueue(abc, q -> list(q.contains("b"), q.contains("x"),
                q.containsAll(List.of("a", "c")), q.containsAll(List.of("a", "x")), q.containsAll(List.of()))));
        table.add("queue.remove", aQueue(List.of("a", "b", "a"),
                q -> list(q.remove("a"), q.remove("x"), q.toArray())));
        table.add("queue.remove_all_and_retain_all", aQueue(List.of("a", "b", "a", "c"),
                q -> list(q.removeAll(List.of("a", "x")), q.toArray(), q.retainAll(List.of("c")),
                        q.retainAll(List.of("c")), q.toArray())));
        table.add("queue.iterator", aQueue(abc, q -> {
            List<String> seen = new ArrayList<>();
            q.iterator().forEachRemaining(seen::add);
            return seen;
        }));
        table.add("queue.size_clear",
                aQueue(abc, q -> list(q.size(), q.isEmpty(), done(q::clear), q.size(), q.isEmpty())));
        table.add("queue.remaining_capacity", aQueue(abc, IQueue::remainingCapacity));
        table.add("queue.null_item", aQueue(abc, q -> q.offer(null)));
        table.add("queue.listener", aQueue(List.of(), q -> listened(q, true)));
        table.add("queue.listener_without_values", aQueue(List.of(), q -> listened(q, false)));
    }

    private static void addBlockingQueues(Checks.Table table) {
        table.add("queue.add_when_full", t -> {
            IQueue<String> queue = bounded(t);
            return list(queue.add("a"), queue.add("b"), failure(() -> queue.add("c")), queue.size());
        });
        table.add("queue.offer_when_full", t -> {
            IQueue<String> queue = bounded(t, "a", "b");
            return list(queue.offer("c"), queue.offer("c", 100, MILLISECONDS), queue.remainingCapacity());
        });
        table.add("queue.offer_waits_for_room", t -> {
            IQueue<String> queue = bounded(t, "a", "b");
            Future<Boolean> offer = begin(() -> queue.offer("c", 20, SECONDS));
            String before = state(offer, 300);
            String taken = queue.take();
            return list(before, taken, offer.get(), queue.toArray());
        });
        table.add("queue.put_waits_for_room", t -> {
            IQueue<String> queue = bounded(t, "a", "b");
            Future<?> put = begin(() -> done(() -> queue.put("c")));
            String before = state(put, 300);
            queue.poll();
            put.get();
            return list(before, queue.toArray());
        });
        table.add("queue.add_all_when_full", t -> bounded(t).addAll(List.of("a", "b", "c")));
        table.add("queue.poll_times_out", t -> t.client.getQueue(t.unique()).poll(100, MILLISECONDS));
        table.add("queue.poll_waits", t -> {
            Future<Object> poll = begin(() -> t.client.getQueue(t.unique()).poll(20, SECONDS));
            state(poll, 300);
            t.other.getQueue(t.unique()).offer("a");
            return poll.get();
        });
        table.add("queue.take_waits", t -> {
            Future<Object> take = begin(() -> t.client.getQueue(t.unique()).take());
            String before = state(take, 300);
            t.other.getQueue(t.unique()).offer("a");
            return list(before, take.get());
        });
    }

    /** What an item listener hears of an item that comes and goes, twice over. */
    private static Object listened(ICollection<String> collection, boolean includeValue) throws Exception {
        List<String> heard = new CopyOnWriteArrayList<>();
        UUID id = collection.addItemListener(new ItemListener<>() {
            public void itemAdded(ItemEvent<String> event) {
                heard.add("added " + Text.of(event.getItem()));
            }

            public void itemRemoved(ItemEvent<String> event) {
                heard.add("removed " + Text.of(event.getItem()));
            }
        }, includeValue);
        collection.add("a");
        collection.add("b");
        collection.remove("a");
        Object told = gathered(heard, 3);
        boolean first = collection.removeItemListener(id);
        boolean second = collection.removeItemListener(id);
        collection.add("c");
        Thread.sleep(200);
        return list(told, first, second, heard.size());
    }

    // ---- list and set ----

    private static Checks.Check aList(List<String> items, On<IList<String>> check) {
        return t -> with(t.client.<String>getList(t.unique()), items, check);
    }

    private static void addLists(Checks.Table table) {
        List<String> abcb = List.of("a", "b", "c", "b");
        table.add("list.add", aList(List.of(), x -> list(x.add("a"), x.add("a"), x.toArray())));
        table.add("list.add_at", aList(abcb, x -> list(done(() -> x.add(1, "x")), done(() -> x.add(5, "y")),
                failure(() -> done(() -> x.add(9, "z"))), x.toArray())));
        table.add("list.add_all_at",
                aList(abcb, x -> list(x.addAll(1, List.of("x", "y")), x.addAll(0, List.of()), x.toArray())));
        table.add("list.get",
                aList(abcb, x -> list(x.get(0), x.get(3), failure(() -> x.get(4)), failure(() -> x.get(-1)))));
        table.add("list.set", aList(abcb, x -> list(x.set(1, "x"), failure(() -> x.set(4, "x")), x.toArray())));
        table.add("list.index_of",
                aList(abcb, x -> list(x.indexOf("b"), x.lastIndexOf("b"), x.indexOf("x"), x.lastIndexOf("x"))));
        table.add("list.contains", aList(abcb, x -> list(x.contains("a"), x.contains("x"),
                x.containsAll(List.of("a", "c")), x.containsAll(List.of("a", "x")))));
        table.add("list.remove", aList(abcb, x -> list(x.remove("b"), x.remove("x"), x.toArray())));
        table.add("list.remove_at", aList(abcb, x -> list(x.remove(0), failure(() -> x.remove(9)), x.toArray())));
        table.add("list.remove_all_and_retain_all",
                aList(abcb, x -> list(x.removeAll(List.of("b", "x")), x.removeAll(List.of("x")), x.toArray(),
                        x.retainAll(List.of("c")), x.toArray())));
        table.add("list.sub_list", aList(abcb, x -> list(x.subList(1, 3), x.subList(2, 2),
                failure(() -> x.subList(0, 9)), failure(() -> x.subList(3, 1)))));
        table.add("list.iterator", aList(abcb, x -> {
            List<String> tail = new ArrayList<>();
            x.listIterator(2).forEachRemaining(tail::add);
            return list(new ArrayList<>(x), tail, failure(() -> x.listIterator(9)));
        }));
        table.add("list.size_clear",
                aList(abcb, x -> list(x.size(), x.isEmpty(), done(x::clear), x.size(), x.isEmpty())));
        table.add("list.null_item", aList(abcb, x -> x.add(null)));
        table.add("list.listener", aList(List.of(), x -> listened(x, true)));
    }

    private static Checks.Check aSet(List<String> items, On<ISet<String>> check) {
        return t -> with(t.client.<String>getSet(t.unique()), items, check);
    }

    private static void addSets(Checks.Table table) {
        List<String> abc = List.of("a", "b", "c");
        table.add("set.add", aSet(List.of(), s -> list(s.add("a"), s.add("a"), s.add("b"), s.size())));
        table.add("set.add_all",
                aSet(abc, s -> list(s.addAll(List.of("a", "d")), s.addAll(List.of("a")), Text.set(s))));
        table.add("set.contains", aSet(abc, s -> list(s.contains("a"), s.contains("x"),
                s.containsAll(List.of("a", "b")), s.containsAll(List.of("a", "x")))));
        table.add("set.remove", aSet(abc, s -> list(s.remove("a"), s.remove("a"), Text.set(s))));
        table.add("set.remove_all_and_retain_all",
                aSet(abc, s -> list(s.removeAll(List.of("a", "x")), s.removeAll(List.of("x")), Text.set(s),
                        s.retainAll(List.of("c")), Text.set(s))));
        table.add("set.size_clear",
                aSet(abc, s -> list(s.size(), s.isEmpty(), done(s::clear), s.size(), s.isEmpty())));
        table.add("set.listener", aSet(List.of(), s -> listened(s, true)));
    }

    // ---- multi map ----

    private static Checks.Check multi(String kind, On<MultiMap<String, String>> check) {
        return t -> {
            MultiMap<String, String> map = t.client.getMultiMap(t.unique(kind));
            map.put("a", "one");
            map.put("a", "two");
            map.put("b", "one");
            return check.run(map);
        };
    }

    private static Checks.Check multi(On<MultiMap<String, String>> check) {
        return multi("", check);
    }

    private static void addMultiMaps(Checks.Table table) {
        table.add("multimap.put", multi(
                m -> list(m.put("a", "one"), m.put("a", "three"), m.valueCount("a"), m.valueCount("x"), m.size())));
        table.add("multimap.put_to_lists", multi("listed.",
                m -> list(m.put("a", "one"), List.copyOf(m.get("a")), m.size())));
        table.add("multimap.get", multi(m -> list(Text.set(m.get("a")), Text.set(m.get("x")))));
        table.add("multimap.remove",
                multi(m -> list(m.remove("a", "one"), m.remove("a", "one"), Text.set(m.get("a")))));
        table.add("multimap.remove_all", multi(
                m -> list(Text.set(m.remove("a")), Text.set(m.remove("a")), m.containsKey("a"), m.size())));
        table.add("multimap.delete", multi(m -> list(done(() -> m.delete("a")), m.size())));
        table.add("multimap.contains", multi(m -> list(m.containsKey("a"), m.containsKey("x"),
                m.containsValue("two"), m.containsValue("x"), m.containsEntry("b", "one"), m.containsEntry("b", "two"))));
        table.add("multimap.all",
                multi(m -> list(Text.set(m.keySet()), Text.set(m.values()), Text.set(m.entrySet()))));
        table.add("multimap.put_all", multi(m -> {
            m.putAllAsync(Map.of("a", List.of("three", "four"), "c", List.of("five"))).toCompletableFuture().get();
            return Text.set(m.entrySet());
        }));
        table.add("multimap.clear", multi(m -> list(done(m::clear), m.size())));
    }

    private static void addMultiMapLocksAndListeners(Checks.Table table) {
        table.add("multimap.lock", t -> {
            MultiMap<String, String> map = t.client.getMultiMap(t.unique());
            MultiMap<String, String> other = t.other.getMultiMap(t.unique());
            map.lock("a");
            List<Object> said = new ArrayList<>(list(map.isLocked("a"), other.tryLock("a"),
                    other.tryLock("a", 100, MILLISECONDS), failure(() -> done(() -> other.unlock("a")))));
            map.unlock("a");
            said.addAll(list(other.tryLock("a"), map.isLocked("a")));
            map.forceUnlock("a");
            said.add(map.isLocked("a"));
            return said;
        });
        table.add("multimap.lock_with_lease", multi(m -> {
            m.lock("a", 1, SECONDS);
            return until(() -> !m.isLocked("a"));
        }));
        table.add("multimap.listener", t -> {
            ListenerChecks.Recorder recorder = new ListenerChecks.Recorder();
            MultiMap<Object, Object> map = t.client.getMultiMap(t.unique());
            UUID id = map.addEntryListener(recorder, true);
            map.put("a", "one");
            map.put("a", "two");
            map.remove("a", "one");
            map.clear();
            return list(gathered(recorder.heard, 4), map.removeEntryListener(id));
        });
        table.add("multimap.listener_of_a_key", t -> {
            ListenerChecks.Recorder recorder = new ListenerChecks.Recorder();
            MultiMap<Object, Object> map = t.client.getMultiMap(t.unique());
            map.addEntryListener(recorder, "b", false);
            map.put("a", "one");
            map.put("b", "two");
            return gathered(recorder.heard, 1);
        });
    }

    // ---- replicated map ----

    private static Checks.Check replicated(On<ReplicatedMap<String, String>> check) {
        return t -> {
            ReplicatedMap<String, String> map = t.client.getReplicatedMap(t.unique());
            map.putAll(Map.of("a", "one", "b", "two"));
            until(() -> map.size() == 2);
            return check.run(map);
        };
    }

    private interface ListenTo {
        UUID with(ReplicatedMap<Object, Object> map, ListenerChecks.Recorder recorder);
    }

    private static Checks.Check replicatedHears(ListenTo listen) {
        return t -> {
            ListenerChecks.Recorder recorder = new ListenerChecks.Recorder();
            ReplicatedMap<Object, Object> map = t.client.getReplicatedMap(t.unique());
            listen.with(map, recorder);
            map.put("a", "one");
            map.put("b", "two");
            return gathered(recorder.heard, 1);
        };
    }

    private static void addReplicatedMaps(Checks.Table table) {
        table.add("replicated.put", t -> {
            ReplicatedMap<String, String> map = t.client.getReplicatedMap(t.unique());
            return list(map.put("a", "one"), map.put("a", "two"), map.get("a"), map.get("x"));
        });
        table.add("replicated.remove", replicated(m -> list(m.remove("a"), m.remove("a"), m.size())));
        table.add("replicated.contains", replicated(m -> list(m.containsKey("a"), m.containsKey("x"),
                m.containsValue("two"), m.containsValue("x"))));
        table.add("replicated.all", replicated(
                m -> list(m.keySet(), Text.set(m.values()), Text.pairs(m.entrySet()))));
        table.add("replicated.size_clear",
                replicated(m -> list(m.size(), m.isEmpty(), done(m::clear), m.size(), m.isEmpty())));
        table.add("replicated.ttl", t -> {
            ReplicatedMap<String, String> map = t.client.getReplicatedMap(t.unique());
            map.put("a", "one", 1, SECONDS);
            return list(map.get("a"), until(() -> map.get("a") == null));
        });
        table.add("replicated.listener", t -> {
            ListenerChecks.Recorder recorder = new ListenerChecks.Recorder();
            ReplicatedMap<Object, Object> map = t.client.getReplicatedMap(t.unique());
            UUID id = map.addEntryListener(recorder);
            map.put("a", "one");
            map.put("a", "two");
            map.remove("a");
            map.put("b", "one");
            map.clear();
            return list(gathered(recorder.heard, 5), map.removeEntryListener(id));
        });
        table.add("replicated.listener_of_a_key",
                replicatedHears((map, recorder) -> map.addEntryListener(recorder, "b")));
        table.add("replicated.listener_with_predicate",
                replicatedHears((map, recorder) -> map.addEntryListener(recorder, Predicates.equal("this", "two"))));
        table.add("replicated.listener_with_predicate_of_a_key", replicatedHears(
                (map, recorder) -> map.addEntryListener(recorder, Predicates.equal("this", "two"), "b")));
    }

    // ---- ring buffer ----

    /** Of the kinds "small." and "kept." it holds 3, and 10000 otherwise. */
    private static Checks.Check ring(String kind, List<String> items, On<Ringbuffer<String>> check) {
        return t -> {
            Ringbuffer<String> ring = t.client.getRingbuffer(t.unique(kind));
            addAll(ring, items, OverflowPolicy.OVERWRITE);
            return check.run(ring);
        };
    }

    private static Long addAll(Ringbuffer<String> ring, List<String> items, OverflowPolicy policy) throws Exception {
        return items.isEmpty() ? null : ring.addAllAsync(items, policy).toCompletableFuture().get();
    }

    private static Object addOrFail(Ringbuffer<String> ring, String item) throws Exception {
        return ring.addAsync(item, OverflowPolicy.FAIL).toCompletableFuture().get();
    }

    private static Text.Said read(Ringbuffer<String> ring, long from, int least, int most) throws Exception {
        return read(ring.readManyAsync(from, least, most, null).toCompletableFuture().get());
    }

    private static Text.Said read(ReadResultSet<String> result) {
        List<String> items = new ArrayList<>();
        for (int i = 0; i < result.size(); i++) {
            items.add(result.getSequence(i) + " " + Text.of(result.get(i)));
        }
        return new Text.Said(items + " read " + result.readCount() + " next " + result.getNextSequenceToReadFrom());
    }

    private static void addRings(Checks.Table table) {
        List<String> abc = List.of("a", "b", "c");
        table.add("ringbuffer.empty", ring("", List.of(), r -> list(r.capacity(), r.size(), r.headSequence(),
                r.tailSequence(), r.remainingCapacity())));
        table.add("ringbuffer.add", ring("", List.of(), r -> list(r.add("a"), r.add("b"), r.readOne(0), r.readOne(1),
                r.size(), r.tailSequence())));
        table.add("ringbuffer.add_all", ring("", List.of(), r -> addAll(r, abc, OverflowPolicy.OVERWRITE)));
        table.add("ringbuffer.overwrites_the_oldest", ring("small.", List.of("a", "b", "c", "d"),
                r -> list(r.headSequence(), r.tailSequence(), r.size(), failure(() -> r.readOne(0)), r.readOne(1))));
        table.add("ringbuffer.fail_policy_without_ttl", ring("small.", abc, r -> list(r.remainingCapacity(),
                addOrFail(r, "d"), addAll(r, List.of("e", "f"), OverflowPolicy.FAIL))));
        table.add("ringbuffer.fail_policy_when_full", ring("kept.", List.of("a", "b"),
                r -> list(r.remainingCapacity(), addAll(r, List.of("c", "d"), OverflowPolicy.FAIL), addOrFail(r, "c"),
                        addOrFail(r, "d"), r.size(), r.remainingCapacity())));
        table.add("ringbuffer.read_one_waits", ring("", List.of("a"), r -> {
            Future<String> reading = begin(() -> r.readOne(1));
            String before = state(reading, 300);
            r.add("b");
            return list(before, reading.get());
        }));
        table.add("ringbuffer.read_one_beyond_next", ring("", List.of("a"), r -> r.readOne(5)));
        table.add("ringbuffer.read_many",
                ring("", abc, r -> list(read(r, 0, 1, 2), read(r, 1, 0, 10), read(r, 3, 0, 10))));
        table.add("ringbuffer.read_many_waits", ring("", List.of("a"), r -> {
            Future<Text.Said> reading = begin(() -> read(r, 0, 2, 5));
            String before = state(reading, 300);
            r.add("b");
            return list(before, reading.get());
        }));
        table.add("ringbuffer.read_many_from_the_overwritten",
                ring("small.", List.of("a", "b", "c", "d", "e"), r -> read(r, 0, 1, 3)));
        table.add("ringbuffer.read_many_more_than_capacity", ring("small.", List.of("a"), r -> read(r, 0, 4, 5)));
    }

    // ---- topics, counter, ids ----

    private static void addTopics(Checks.Table table, String name,
                                  BiFunction<HazelcastInstance, String, ITopic<String>> get) {
        table.add(name + ".hears_what_is_said", t -> {
            List<String> heard = new CopyOnWriteArrayList<>();
            ITopic<String> topic = get.apply(t.client, t.unique());
            topic.addMessageListener(message -> heard.add(Text.of(message.getMessageObject())));
            topic.publish("one");
            get.apply(t.other, t.unique()).publish("two");
            return gathered(heard, 2);
        });
        table.add(name + ".two_listeners_and_one_removed", t -> {
            List<String> heard = new CopyOnWriteArrayList<>();
            ITopic<String> topic = get.apply(t.client, t.unique());
            UUID id = topic.addMessageListener(message -> heard.add("first"));
            topic.addMessageListener(message -> heard.add("second"));
            topic.publish("one");
            until(() -> heard.size() == 2);
            boolean first = topic.removeMessageListener(id);
            boolean second = topic.removeMessageListener(id);
            topic.publish("two");
            return list(gathered(heard, 3), first, second);
        });
        table.add(name + ".publish_all", t -> {
            List<String> heard = new CopyOnWriteArrayList<>();
            ITopic<String> topic = get.apply(t.client, t.unique());
            topic.addMessageListener(message -> heard.add(Text.of(message.getMessageObject())));
            topic.publishAll(List.of("one", "two", "three"));
            return gathered(heard, 3);
        });
        table.add(name + ".nobody_listens", t -> done(() -> get.apply(t.client, t.unique()).publish("one")));
    }

    private static void addCounters(Checks.Table table) {
        table.add("pn_counter.all", t -> {
            PNCounter counter = t.client.getPNCounter(t.unique());
            return list(counter.get(), counter.addAndGet(5), counter.getAndAdd(2), counter.subtractAndGet(3),
                    counter.getAndSubtract(1), counter.incrementAndGet(), counter.getAndIncrement(),
                    counter.decrementAndGet(), counter.getAndDecrement(), counter.get());
        });
        table.add("pn_counter.negative", t -> t.client.getPNCounter(t.unique()).addAndGet(-7));
        table.add("pn_counter.two_clients", t -> {
            t.client.getPNCounter(t.unique()).addAndGet(5);
            return t.other.getPNCounter(t.unique()).addAndGet(1);
        });
        table.add("flake_id.unique_and_rising", t -> {
            FlakeIdGenerator generator = t.client.getFlakeIdGenerator(t.unique());
            List<Long> ids = new ArrayList<>();
            for (int i = 0; i < 250; i++) {
                ids.add(generator.newId());
            }
            Set<Long> unique = new HashSet<>(ids);
            return list(unique.size(), ids.equals(ids.stream().sorted().toList()), ids.get(0) > 0);
        });
        table.add("flake_id.differs_between_clients", t ->
                t.client.getFlakeIdGenerator(t.unique()).newId() != t.other.getFlakeIdGenerator(t.unique()).newId());
    }
}
