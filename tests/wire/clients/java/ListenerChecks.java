package clients;

import com.hazelcast.core.EntryAdapter;
import com.hazelcast.core.EntryEvent;
import com.hazelcast.map.IMap;
import com.hazelcast.map.MapEvent;
import com.hazelcast.map.listener.EntryRemovedListener;
import com.hazelcast.map.listener.MapListener;
import com.hazelcast.query.Predicate;
import com.hazelcast.query.Predicates;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** What the listeners of a map hear. */
final class ListenerChecks {
    private ListenerChecks() { }

    /** Writes down all that it hears. */
    static final class Recorder extends EntryAdapter<Object, Object> {
        final List<String> heard = new CopyOnWriteArrayList<>();

        @Override
        public void onEntryEvent(EntryEvent<Object, Object> event) {
            heard.add(line(event));
        }

        @Override
        public void onMapEvent(MapEvent event) {
            String name = switch (event.getEventType()) {
                case CLEAR_ALL -> "mapCleared";
                case EVICT_ALL -> "mapEvicted";
                default -> event.getEventType().name();
            };
            heard.add(name + " " + event.getNumberOfEntriesAffected());
        }

        static String line(EntryEvent<?, ?> event) {
            return event.getEventType().name().toLowerCase() + " " + Text.of(event.getKey()) + " "
                    + Text.of(event.getOldValue()) + " " + Text.of(event.getValue());
        }
    }

    private interface Listen {
        UUID to(IMap<Object, Object> map, MapListener listener);
    }

    private interface Change {
        void of(IMap<Object, Object> map) throws Exception;
    }

    private static void changed(IMap<Object, Object> map) {
        map.put("a", "one");
        map.put("a", "two");
        map.put("b", "xyz");
        map.remove("a");
        map.evict("b");
    }

    /** A check of what a listener hears while the map, which has the entries, is changed. */
    private static Checks.Check hears(Map<Object, Object> entries, Listen listen, Change change, int count) {
        return t -> {
            Recorder recorder = new Recorder();
            IMap<Object, Object> map = t.filled(entries);
            listen.to(map, recorder);
            change.of(map);
            return Bench.gathered(recorder.heard, count);
        };
    }

    private static Checks.Check hears(Listen listen, Change change, int count) {
        return hears(Map.of(), listen, change, count);
    }

    private static Listen with(Predicate<Object, Object> predicate) {
        return (map, listener) -> map.addEntryListener(listener, predicate, true);
    }

    static void add(Checks.Table table) {
        Map<Object, Object> abc = Map.of("a", "one", "b", "two", "c", "three");
        Listen all = (map, listener) -> map.addEntryListener(listener, true);

        table.add("listener.all_events", hears(all, ListenerChecks::changed, 5));
        table.add("listener.without_values",
                hears((map, listener) -> map.addEntryListener(listener, false), ListenerChecks::changed, 5));
        table.add("listener.of_a_key",
                hears((map, listener) -> map.addEntryListener(listener, "b", true), ListenerChecks::changed, 2));
        table.add("listener.with_predicate",
                hears(with(Predicates.equal("this", "two")), ListenerChecks::changed, 2));
        table.add("listener.with_predicate_leaving_it", hears(with(Predicates.equal("this", "one")), map -> {
            map.put("a", "one");
            map.put("a", "two");
            map.put("a", "one");
        }, 3));
        table.add("listener.with_predicate_of_a_key", hears(
                (map, listener) -> map.addEntryListener(listener, Predicates.alwaysTrue(), "a", true),
                ListenerChecks::changed, 3));
        table.add("listener.expired", hears(all, map -> {
            map.set("a", "one", 1, TimeUnit.SECONDS);
            Bench.until(() -> !map.containsKey("a"));
        }, 2));
        table.add("listener.clear", hears(abc, all, IMap::clear, 1));
        table.add("listener.evict_all", hears(abc, all, IMap::evictAll, 1));
        table.add("listener.bulk_writes", hears(all, map -> {
            map.putAll(Map.of("a", "one", "b", "two"));
            map.setAll(Map.of("a", "new"));
            map.removeAll(Predicates.equal("this", "two"));
        }, 4));
        table.add("listener.set_tells_no_old_value", hears(Map.of("a", "one"), all, map -> {
            map.set("a", "two");
            map.delete("a");
        }, 2));
        table.add("listener.some_kinds_only", t -> {
            List<String> heard = new CopyOnWriteArrayList<>();
            IMap<Object, Object> map = t.map();
            EntryRemovedListener<Object, Object> listener = event -> heard.add(Recorder.line(event));
            map.addEntryListener(listener, true);
            changed(map);
            return Bench.gathered(heard, 1);
        });
        table.add("listener.hears_another_client", t -> {
            Recorder recorder = new Recorder();
            t.map().addEntryListener(recorder, true);
            t.sameMap().set("a", "one");
            return Bench.gathered(recorder.heard, 1);
        });
        table.add("listener.removed_hears_nothing", t -> {
            Recorder recorder = new Recorder();
            IMap<String, String> map = t.map();
            UUID id = map.addEntryListener(recorder, true);
            boolean first = map.removeEntryListener(id);
            boolean second = map.removeEntryListener(id);
            map.put("a", "one");
            Thread.sleep(300);
            return Bench.list(first, second, recorder.heard.size());
        });
    }
}
