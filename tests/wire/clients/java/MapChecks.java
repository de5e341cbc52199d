package clients;

import static clients.Bench.begin;
import static clients.Bench.done;
import static clients.Bench.failure;
import static clients.Bench.list;
import static clients.Bench.state;
import static clients.Bench.until;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import com.hazelcast.client.config.ClientConfig;
import com.hazelcast.config.NearCacheConfig;
import com.hazelcast.core.EntryView;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.internal.journal.EventJournalInitialSubscriberState;
import com.hazelcast.internal.journal.EventJournalReader;
import com.hazelcast.map.EventJournalMapEvent;
import com.hazelcast.map.IMap;
import com.hazelcast.query.Predicates;
import com.hazelcast.ringbuffer.ReadResultSet;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;

/** A map, entry by entry: writes, lives that end, locks, the near cache, the journal. */
final class MapChecks {
    private MapChecks() { }

    static void add(Checks.Table table) {
        addWrites(table);
        addBulk(table);
        addLives(table);
        addLocks(table);
        addOthers(table);
    }

    private interface OnMap {
        Object run(IMap<String, String> map) throws Exception;
    }

    private interface OnTwo {
        Object run(IMap<String, String> map, IMap<String, String> other) throws Exception;
    }

    private static Checks.Check filled(OnMap check) {
        return t -> check.run(t.filled());
    }

    private static Checks.Check empty(OnMap check) {
        return t -> check.run(t.map());
    }

    /** A check over a filled map, and the same as another client sees it. */
    private static Checks.Check two(OnTwo check) {
        return t -> check.run(t.filled(), t.sameMap());
    }

    private static boolean gone(IMap<String, String> map, String key) throws Exception {
        return until(() -> !map.containsKey(key));
    }

    private static Object content(IMap<String, String> map) {
        return Text.pairs(map.entrySet());
    }

    private static void addWrites(Checks.Table table) {
        table.add("map.get_missing", empty(m -> m.get("nobody")));
        table.add("map.put_returns_old", empty(m -> list(m.put("a", "one"), m.put("a", "two"), m.get("a"))));
        table.add("map.put_null_key", empty(m -> m.put(null, "x")));
        table.add("map.put_null_value", empty(m -> m.put("a", null)));
        table.add("map.set_overwrites", filled(m -> list(done(() -> m.set("a", "new")), m.get("a"))));
        table.add("map.empty_key_and_value", empty(m -> {
            m.put("", "");
            return list(m.get(""), m.size());
        }));
        table.add("map.remove_returns_old", filled(m -> list(m.remove("a"), m.remove("a"), m.size())));
        table.add("map.remove_if_same",
                filled(m -> list(m.remove("a", "two"), m.remove("a", "one"), m.remove("a", "one"))));
        table.add("map.delete", filled(m -> list(done(() -> m.delete("a")), done(() -> m.delete("nobody")), m.size())));
        table.add("map.replace", filled(
                m -> list(m.replace("a", "new"), m.replace("nobody", "x"), m.get("a"), m.get("nobody"))));
        table.add("map.replace_if_same", filled(m -> list(m.replace("a", "two", "x"), m.replace("a", "one", "new"),
                m.replace("nobody", "one", "x"), m.get("a"))));
        table.add("map.put_if_absent", filled(
                m -> list(m.putIfAbsent("a", "x"), m.putIfAbsent("d", "four"), m.get("a"), m.get("d"))));
        table.add("map.put_transient",
                filled(m -> list(done(() -> m.putTransient("a", "new", 0, SECONDS)), m.get("a"))));
        table.add("map.try_put", filled(m -> list(m.tryPut("a", "new", 1, SECONDS), m.get("a"))));
        table.add("map.try_put_locked", two((m, other) -> {
            other.lock("a");
            return list(m.tryPut("a", "new", 100, MILLISECONDS), m.get("a"));
        }));
        table.add("map.try_remove",
                filled(m -> list(m.tryRemove("a", 1, SECONDS), m.tryRemove("nobody", 1, SECONDS), m.size())));
        table.add("map.try_remove_locked", two((m, other) -> {
            other.lock("a");
            return list(m.tryRemove("a", 100, MILLISECONDS), m.get("a"));
        }));
        table.add("map.contains_key", filled(m -> list(m.containsKey("a"), m.containsKey("nobody"))));
        table.add("map.contains_value", filled(m -> list(m.containsValue("one"), m.containsValue("nothing"))));
        table.add("map.key_types_are_different_keys", t -> {
            IMap<Object, Object> map = t.map();
            map.set("1", "text");
            map.set(1, "int");
            map.set(1L, "long");
            map.set(1.0, "double");
            return list(map.get("1"), map.get(1), map.get(1L), map.get(1.0), map.size());
        });
        table.add("map.evict", filled(m -> list(m.evict("a"), m.evict("nobody"), m.get("a"), m.size())));
        table.add("map.evict_locked", filled(m -> {
            m.lock("a");
            return list(m.evict("a"), m.get("a"));
        }));
        table.add("map.large_value", empty(m -> {
            m.set("a", "x".repeat(1_000_000));
            return m.get("a").length();
        }));
        table.add("map.compute", filled(m -> list(m.compute("a", (k, v) -> v + "!"), m.compute("b", (k, v) -> null),
                m.computeIfAbsent("d", k -> "four"), m.computeIfPresent("nobody", (k, v) -> "x"),
                m.merge("c", "+", String::concat), content(m))));
        table.add("map.async", filled(m -> list(m.putAsync("a", "new").toCompletableFuture().get(),
                m.getAsync("a").toCompletableFuture().get(), m.setAsync("b", "x").toCompletableFuture().get(),
                m.removeAsync("b").toCompletableFuture().get(), m.deleteAsync("c").toCompletableFuture().get(),
                content(m))));
    }

    private static void addBulk(Checks.Table table) {
        table.add("map.get_all", filled(m -> m.getAll(Set.of("a", "c", "nobody"))));
        table.add("map.get_all_of_none", filled(m -> m.getAll(Set.of())));
        table.add("map.put_all", filled(m -> {
            m.putAll(Map.of("a", "new", "d", "four"));
            return content(m);
        }));
        table.add("map.put_all_of_none", empty(m -> {
            m.putAll(Map.of());
            return m.size();
        }));
        table.add("map.set_all", filled(m -> {
            m.setAll(Map.of("a", "new", "e", "five"));
            return content(m);
        }));
        table.add("map.size_and_empty", t -> {
            IMap<String, Integer> map = t.map();
            int size = map.size();
            boolean isEmpty = map.isEmpty();
            map.set("a", 1);
            return list(size, isEmpty, map.size(), map.isEmpty());
        });
        table.add("map.clear", filled(m -> list(done(m::clear), m.size(), m.get("a"))));
        table.add("map.evict_all_spares_locked", filled(m -> {
            m.lock("a");
            m.evictAll();
            return content(m);
        }));
        table.add("map.flush", filled(m -> done(m::flush)));
        table.add("map.load_all_without_store", filled(m -> done(() -> m.loadAll(true))));
        table.add("map.key_set", filled(IMap::keySet));
        table.add("map.values", filled(m -> Text.set(m.values())));
        table.add("map.entry_set", filled(MapChecks::content));
        table.add("map.all_of_an_empty_map", empty(
                m -> list(List.copyOf(m.keySet()), List.copyOf(m.values()), List.copyOf(m.entrySet()))));
        table.add("map.iterator", filled(m -> {
            List<Map.Entry<String, String>> entries = new ArrayList<>();
            m.iterator(1).forEachRemaining(entries::add);
            return Text.pairs(entries);
        }));
        table.add("map.iterator_in_small_pieces", t -> {
            IMap<String, Integer> map = t.map();
            Map<String, Integer> all = new HashMap<>();
            for (int i = 0; i < 2000; i++) {
                all.put("k" + i, i);
            }
            map.putAll(all);
            Map<String, Integer> seen = new HashMap<>();
            map.iterator(3).forEachRemaining(entry -> seen.put(entry.getKey(), entry.getValue()));
            return seen.equals(all);
        });
        table.add("map.remove_all", filled(m -> {
            m.removeAll(Predicates.like("this", "t%"));
            return content(m);
        }));
        table.add("map.many_entries", t -> {
            IMap<String, Integer> map = t.map();
            Map<String, Integer> all = new HashMap<>();
            for (int i = 0; i < 2000; i++) {
                all.put("k" + i, i);
            }
            map.putAll(all);
            return list(map.size(), map.values().size(), map.values().stream().mapToInt(i -> i).sum());
        });
        table.add("map.hundred_at_once", t -> {
            IMap<String, Integer> map = t.map();
            List<Future<Integer>> futures = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                futures.add(map.putAsync("k" + i, i).toCompletableFuture());
            }
            for (Future<Integer> future : futures) {
                future.get();
            }
            futures.clear();
            for (int i = 0; i < 100; i++) {
                futures.add(map.getAsync("k" + i).toCompletableFuture());
            }
            boolean right = true;
            for (int i = 0; i < 100; i++) {
                right = right && futures.get(i).get() == i;
            }
            return list(map.size(), right);
        });
    }

    private static void addLives(Checks.Table table) {
        table.add("map.put_with_ttl", empty(m -> {
            m.put("a", "one", 1, SECONDS);
            return list(m.get("a"), gone(m, "a"), m.get("a"), m.size());
        }));
        table.add("map.set_with_ttl", empty(m -> {
            m.set("a", "one", 1, SECONDS);
            return list(m.get("a"), gone(m, "a"));
        }));
        table.add("map.put_if_absent_with_ttl", empty(m -> list(m.putIfAbsent("a", "one", 1, SECONDS), m.get("a"),
                gone(m, "a"), m.putIfAbsent("a", "two"))));
        table.add("map.put_transient_with_ttl", empty(m -> {
            m.putTransient("a", "one", 1, SECONDS);
            return gone(m, "a");
        }));
        table.add("map.put_all_with_ttl_is_setting_each", empty(m -> {
            m.putAll(Map.of("a", "one", "b", "two"));
            m.set("a", "one", 1, SECONDS);
            return list(gone(m, "a"), m.get("b"));
        }));
        table.add("map.max_idle", empty(m -> {
            m.put("a", "one", 0, SECONDS, 1500, MILLISECONDS);
            Thread.sleep(4000);
            return m.get("a");
        }));
        table.add("map.max_idle_is_put_off_by_reading", empty(m -> {
            m.put("a", "one", 0, SECONDS, 3, SECONDS);
            for (int i = 0; i < 12; i++) {
                m.get("a");
                Thread.sleep(500);
            }
            return m.get("a");
        }));
        table.add("map.set_ttl", filled(
                m -> list(m.setTtl("a", 1, SECONDS), gone(m, "a"), m.setTtl("nobody", 1, SECONDS), m.size())));
        table.add("map.set_ttl_for_ever", empty(m -> {
            m.put("a", "one", 2, SECONDS);
            boolean done = m.setTtl("a", 0, SECONDS);
            Thread.sleep(3500);
            return list(done, m.get("a"));
        }));
        table.add("map.ttl_is_renewed_by_a_put", empty(m -> {
            m.put("a", "one", 2, SECONDS);
            m.put("a", "two");
            Thread.sleep(3500);
            return m.get("a");
        }));
        table.add("map.entry_view", empty(m -> {
            m.put("a", "one", 60, SECONDS, 30, SECONDS);
            m.get("a");
            m.put("a", "two", 60, SECONDS, 30, SECONDS);
            EntryView<String, String> view = m.getEntryView("a");
            return list(view.getKey(), view.getValue(), view.getHits(), view.getVersion(), view.getTtl(),
                    view.getMaxIdle(), view.getExpirationTime() > view.getCreationTime());
        }));
        table.add("map.entry_view_without_end", filled(m -> {
            EntryView<String, String> view = m.getEntryView("a");
            return list(view.getKey(), view.getValue(), view.getHits(), view.getVersion(), view.getTtl(),
                    view.getMaxIdle(), view.getExpirationTime());
        }));
        table.add("map.entry_view_missing", empty(m -> m.getEntryView("nobody")));
    }

    private static void addLocks(Checks.Table table) {
        table.add("lock.is_reentrant", filled(m -> {
            m.lock("a");
            m.lock("a");
            m.unlock("a");
            boolean once = m.isLocked("a");
            m.unlock("a");
            return list(once, m.isLocked("a"));
        }));
        table.add("lock.of_a_missing_key", empty(m -> {
            m.lock("nobody");
            return list(m.isLocked("nobody"), m.containsKey("nobody"), m.size());
        }));
        table.add("lock.unlock_unlocked", empty(m -> done(() -> m.unlock("a"))));
        table.add("lock.unlock_by_non_owner", two((m, other) -> {
            m.lock("a");
            return done(() -> other.unlock("a"));
        }));
        table.add("lock.another_thread_is_not_the_owner", filled(m -> {
            m.lock("a");
            return begin(() -> done(() -> m.unlock("a"))).get();
        }));
        table.add("lock.force_unlock_by_non_owner", two((m, other) -> {
            m.lock("a");
            m.lock("a");
            other.forceUnlock("a");
            return m.isLocked("a");
        }));
        table.add("lock.try_lock", two((m, other) -> list(m.tryLock("a"), other.tryLock("a"),
                other.tryLock("a", 100, MILLISECONDS), m.tryLock("a"))));
        table.add("lock.try_lock_waits", two((m, other) -> {
            m.lock("a");
            Future<Boolean> waiting = begin(() -> other.tryLock("a", 20, SECONDS));
            state(waiting, 300);
            m.unlock("a");
            return waiting.get();
        }));
        table.add("lock.lease_ends", empty(m -> {
            m.lock("a", 1, SECONDS);
            boolean first = m.isLocked("a");
            return list(first, until(() -> !m.isLocked("a")), failure(() -> done(() -> m.unlock("a"))));
        }));
        table.add("lock.try_lock_with_lease", two((m, other) -> list(m.tryLock("a", 1, SECONDS, 1, SECONDS),
                other.tryLock("a", 20, SECONDS))));
        table.add("lock.blocks_a_put", two((m, other) -> {
            m.lock("a");
            Future<String> put = begin(() -> other.put("a", "new"));
            String before = state(put, 500);
            m.unlock("a");
            return list(before, put.get(), m.get("a"));
        }));
        table.add("lock.does_not_block_a_get", two((m, other) -> {
            m.lock("a");
            return other.get("a");
        }));
        table.add("lock.owner_may_put", filled(m -> {
            m.lock("a");
            return list(m.put("a", "new"), m.remove("a"), m.isLocked("a"));
        }));
        table.add("lock.freed_when_its_owner_leaves", t -> {
            HazelcastInstance owner = t.connect(config -> { });
            owner.getMap(t.unique()).lock("a");
            boolean before = t.map().isLocked("a");
            owner.shutdown();
            return list(before, until(() -> !t.map().isLocked("a")));
        });
        table.add("lock.waits_in_line", two((m, other) -> {
            m.lock("a");
            Future<?> waiting = begin(() -> done(() -> other.lock("a")));
            String before = state(waiting, 300);
            m.unlock("a");
            waiting.get();
            return list(before, failure(() -> done(() -> m.unlock("a"))));
        }));
    }

    private static void near(ClientConfig config) {
        config.addNearCacheConfig(new NearCacheConfig("java.near*"));
    }

    private static void addOthers(Checks.Table table) {
        table.add("processor.unknown_on_key", filled(m -> m.executeOnKey("a", new Staff.UnknownProcessor())));
        table.add("processor.unknown_on_entries", filled(m -> m.executeOnEntries(new Staff.UnknownProcessor())));
        table.add("near_cache.serves_and_is_invalidated", t -> {
            IMap<String, String> map = t.connect(MapChecks::near).getMap(t.unique());
            IMap<String, String> writer = t.map();
            writer.set("a", "one");
            List<Object> said = new ArrayList<>(list(map.get("a"), map.get("a")));
            writer.set("a", "two");
            until(() -> "two".equals(map.get("a")));
            said.add(map.get("a"));
            writer.clear();
            until(() -> map.get("a") == null);
            said.add(map.get("a"));
            return said;
        });
        table.add("near_cache.own_writes_are_seen", t -> {
            IMap<String, String> map = t.connect(MapChecks::near).getMap(t.unique());
            map.set("a", "one");
            String first = map.get("a");
            map.set("a", "two");
            String second = map.get("a");
            map.remove("a");
            return list(first, second, map.get("a"));
        });
        table.add("journal.all_changes", t -> {
            IMap<String, String> map = t.client.getMap(t.unique("journal."));
            map.put("a", "one");
            map.put("a", "two");
            map.remove("a");
            map.put("a", "three");
            map.evict("a");
            return journal(t, map, "a");
        });
        table.add("journal.begins_empty", t -> {
            EventJournalInitialSubscriberState state = reader(t.client.getMap(t.unique("journal.")))
                    .subscribeToEventJournal(0).toCompletableFuture().get();
            return list(state.getOldestSequence(), state.getNewestSequence());
        });
        table.add("journal.not_configured", t -> reader(t.map()).subscribeToEventJournal(0).toCompletableFuture().get());
    }

    /** What the map's journal has for the partition of the key. */
    private static Object journal(Bench t, IMap<String, String> map, String key) throws Exception {
        int partition = t.client.getPartitionService().getPartition(key).getPartitionId();
        EventJournalReader<EventJournalMapEvent<String, String>> reader = reader(map);
        EventJournalInitialSubscriberState state =
                reader.subscribeToEventJournal(partition).toCompletableFuture().get();
        ReadResultSet<EventJournalMapEvent<String, String>> events = reader.<EventJournalMapEvent<String, String>>
                readFromEventJournal(state.getOldestSequence(), 1, 100, partition, null, null)
                .toCompletableFuture().get();
        List<Object> said = new ArrayList<>(list(state.getOldestSequence(), state.getNewestSequence()));
        for (EventJournalMapEvent<String, String> event : events) {
            said.add(new Text.Said(event.getType() + " " + Text.of(event.getKey()) + " "
                    + Text.of(event.getOldValue()) + " " + Text.of(event.getNewValue())));
        }
        return said;
    }

    @SuppressWarnings("unchecked")
    private static <K, V> EventJournalReader<EventJournalMapEvent<K, V>> reader(IMap<K, V> map) {
        return (EventJournalReader<EventJournalMapEvent<K, V>>) map;
    }
}
