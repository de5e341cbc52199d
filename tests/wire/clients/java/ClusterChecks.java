package clients;

import static clients.Bench.done;
import static clients.Bench.failure;
import static clients.Bench.gathered;
import static clients.Bench.list;

import com.hazelcast.client.config.ClientConfig;
import com.hazelcast.cluster.Member;
import com.hazelcast.cluster.MembershipAdapter;
import com.hazelcast.collection.IQueue;
import com.hazelcast.config.ListenerConfig;
import com.hazelcast.core.DistributedObject;
import com.hazelcast.core.DistributedObjectEvent;
import com.hazelcast.core.DistributedObjectListener;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.core.LifecycleListener;
import com.hazelcast.map.IMap;
import com.hazelcast.map.listener.EntryAddedListener;
import com.hazelcast.partition.PartitionService;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** What is not one object: the objects there are, the members, the ways to connect. */
final class ClusterChecks {
    private ClusterChecks() { }

    static void add(Checks.Table table) {
        addObjects(table);
        addCluster(table);
        addUnisocket(table);
    }

    private static String last(String serviceName) {
        return serviceName.substring(serviceName.lastIndexOf(':') + 1);
    }

    /** The objects whose name has `part`, as "service name". */
    private static List<String> objects(HazelcastInstance client, String part) {
        return client.getDistributedObjects().stream().filter(object -> object.getName().contains(part))
                .map(object -> last(object.getServiceName()) + " " + object.getName()).sorted().toList();
    }

    private static final class ObjectRecorder implements DistributedObjectListener {
        private final String name;
        private final List<String> heard = new CopyOnWriteArrayList<>();

        ObjectRecorder(String name) {
            this.name = name;
        }

        public void distributedObjectCreated(DistributedObjectEvent event) {
            hear(event);
        }

        public void distributedObjectDestroyed(DistributedObjectEvent event) {
            hear(event);
        }

        private void hear(DistributedObjectEvent event) {
            if (event.getObjectName().equals(name)) {
                heard.add(event.getEventType().name().toLowerCase() + " " + last(event.getServiceName()));
            }
        }
    }

    private static void addObjects(Checks.Table table) {
        table.add("objects.list", t -> {
            t.client.getMap(t.unique());
            t.client.getQueue(t.unique());
            t.client.getPNCounter(t.unique());
            return objects(t.other, t.unique());
        });
        table.add("objects.listener", t -> {
            ObjectRecorder recorder = new ObjectRecorder(t.unique());
            UUID id = t.client.addDistributedObjectListener(recorder);
            Stream.of(t.other.getMap(t.unique()), t.other.getQueue(t.unique())).forEach(DistributedObject::destroy);
            return list(gathered(recorder.heard, 4), t.client.removeDistributedObjectListener(id));
        });
        table.add("objects.destroy_empties", t -> {
            t.map().set("a", "one");
            t.map().destroy();
            return list(t.map().size(), t.map().get("a"));
        });
        table.add("objects.name_and_service",
                t -> list(t.map().getName().equals(t.unique()), t.map().getServiceName()));
    }

    private static void addCluster(Checks.Table table) {
        table.add("cluster.one_member", t -> {
            List<Member> members = List.copyOf(t.client.getCluster().getMembers());
            int port = members.get(0).getAddress().getPort();
            return list(members.size(), members.get(0).isLiteMember(), t.address.endsWith(":" + port));
        });
        table.add("cluster.membership_listener", t -> {
            UUID id = t.client.getCluster().addMembershipListener(new MembershipAdapter());
            return list(t.client.getCluster().removeMembershipListener(id),
                    t.client.getCluster().removeMembershipListener(id));
        });
        table.add("cluster.partitions", t -> {
            PartitionService service = t.client.getPartitionService();
            return list(service.getPartitions().size(),
                    Stream.of("a", "b", "key", "").map(key -> service.getPartition(key).getPartitionId()).toList(),
                    t.map().getServiceName());
        });
        table.add("cluster.wrong_name_is_refused", t -> t.connect(config -> {
            config.setClusterName("another");
            config.getConnectionStrategyConfig().getConnectionRetryConfig().setClusterConnectTimeoutMillis(1000);
        }));
        table.add("cluster.client_has_a_name",
                t -> t.connect(config -> config.setInstanceName("named").addLabel("red").addLabel("blue")).getName());
        table.add("cluster.lifecycle", t -> {
            List<String> heard = new CopyOnWriteArrayList<>();
            LifecycleListener listener = event -> heard.add(event.getState().name());
            HazelcastInstance client = t.connect(config -> config.addListenerConfig(new ListenerConfig(listener)));
            boolean running = client.getLifecycleService().isRunning();
            Bench.until(() -> heard.contains("CLIENT_CONNECTED"));
            client.shutdown();
            return list(running, client.getLifecycleService().isRunning(), Text.set(heard),
                    failure(() -> client.getMap("any")));
        });
        table.add("cluster.statistics", t -> {
            IMap<String, String> map = t.connect(config -> config.getMetricsConfig().setEnabled(true)
                    .setCollectionFrequencySeconds(1)).getMap(t.unique());
            map.set("a", "one");
            Thread.sleep(2500);
            return map.get("a");
        });
        table.add("cluster.time_goes_on", t -> t.client.getCluster().getClusterTime() > 0);
    }

    private static void unisocket(ClientConfig config) {
        config.getNetworkConfig().setSmartRouting(false);
    }

    private static void addUnisocket(Checks.Table table) {
        table.add("unisocket.map", t -> {
            IMap<String, Integer> map = t.connect(ClusterChecks::unisocket).getMap(t.unique());
            Map<String, Integer> entries = new HashMap<>();
            for (int i = 0; i < 50; i++) {
                entries.put("k" + i, i);
            }
            map.putAll(entries);
            return list(map.size(), map.getAll(entries.keySet()).equals(entries), map.containsKey("k7"),
                    map.remove("k7"));
        });
        table.add("unisocket.listener", t -> {
            List<String> heard = new CopyOnWriteArrayList<>();
            IMap<String, String> map = t.connect(ClusterChecks::unisocket).getMap(t.unique());
            EntryAddedListener<String, String> listener =
                    event -> heard.add(Text.of(event.getKey()) + " " + Text.of(event.getValue()));
            map.addEntryListener(listener, true);
            t.map().putAll(Map.of("a", "one", "b", "two"));
            return gathered(heard, 2);
        });
        table.add("unisocket.queue_and_lock", t -> {
            HazelcastInstance client = t.connect(ClusterChecks::unisocket);
            IQueue<String> queue = client.getQueue(t.unique());
            queue.offer("a");
            done(() -> client.getMap(t.unique()).lock("a"));
            return list(queue.poll(), t.sameMap().tryLock("a"));
        });
    }
}
