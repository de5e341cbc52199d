package clients;

import com.hazelcast.client.HazelcastClient;
import com.hazelcast.client.config.ClientConfig;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.map.IMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/** What one check may use: objects that no other check uses, a second client, and patience. */
final class Bench {
    private static final long PATIENCE_MS = 20_000;
    private static final List<HazelcastInstance> CLIENTS = new ArrayList<>();

    final String address;
    final HazelcastInstance client;
    final HazelcastInstance other;
    private final String name;

    /** The clients are shared by all the checks. */
    Bench(String address) {
        this.address = address;
        this.client = connect(config -> { });
        this.other = connect(config -> { });
        this.name = "";
    }

    private Bench(Bench all, String name) {
        this.address = all.address;
        this.client = all.client;
        this.other = all.other;
        this.name = name;
    }

    Bench of(String check) {
        return new Bench(this, check);
    }

    /** A client of its own, shut down at the end if the check has not done so. */
    HazelcastInstance connect(Consumer<ClientConfig> change) {
        ClientConfig config = new ClientConfig();
        config.setClusterName("dev");
        config.setProperty("hazelcast.logging.type", "none");
        config.getNetworkConfig().addAddress(address);
        config.getConnectionStrategyConfig().getConnectionRetryConfig().setClusterConnectTimeoutMillis(60_000);
        Staff.register(config.getSerializationConfig());
        change.accept(config);
        HazelcastInstance client = HazelcastClient.newHazelcastClient(config);
        CLIENTS.add(client);
        return client;
    }

    static void close() {
        CLIENTS.forEach(HazelcastInstance::shutdown);
    }

    String unique(String kind) {
        return kind + "java." + name;
    }

    String unique() {
        return unique("");
    }

    <K, V> IMap<K, V> map() {
        return client.getMap(unique());
    }

    /** The same map, as another client sees it. */
    <K, V> IMap<K, V> sameMap() {
        return other.getMap(unique());
    }

    IMap<String, String> filled() {
        return filled(Map.of("a", "one", "b", "two", "c", "three"));
    }

    <K, V> IMap<K, V> filled(Map<K, V> entries) {
        IMap<K, V> map = map();
        map.putAll(entries);
        return map;
    }

    /** Waits until the condition holds; the check goes on either way and shows what there is. */
    static boolean until(Callable<Boolean> condition) throws Exception {
        for (long end = System.currentTimeMillis() + PATIENCE_MS; System.currentTimeMillis() < end; Thread.sleep(50)) {
            if (condition.call()) {
                return true;
            }
        }
        return false;
    }

    /** What came, once `count` came; a little later, so that one too many is seen as well. */
    static Text.Said gathered(Collection<String> heard, int count) throws Exception {
        until(() -> heard.size() >= count);
        Thread.sleep(150);
        return new Text.Said("[" + String.join(", ", heard.stream().sorted().toList()) + "]");
    }

    /** Whether the future has ended within the time. */
    static String state(Future<?> future, long ms) throws Exception {
        try {
            future.get(ms, TimeUnit.MILLISECONDS);
            return "done";
        } catch (TimeoutException late) {
            return "waiting";
        }
    }

    /** What the call returns, or the error that it ends with, as a value. */
    static Object failure(Callable<?> call) {
        try {
            return call.call();
        } catch (Throwable caught) {
            return Text.error(caught);
        }
    }

    interface Action {
        void run() throws Exception;
    }

    /** null, once it is done. */
    static Object done(Action action) throws Exception {
        action.run();
        return null;
    }

    /** In order; nulls may be among them. */
    static List<Object> list(Object... values) {
        return Arrays.asList(values);
    }

    /** Begins a call that may block, on a thread of its own. */
    static <T> Future<T> begin(Callable<T> call) {
        FutureTask<T> task = new FutureTask<>(call);
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        thread.start();
        return task;
    }
}
