package clients;

import static clients.Bench.list;
import static clients.Bench.until;

import com.hazelcast.config.ListenerConfig;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.core.LifecycleListener;
import com.hazelcast.map.IMap;
import com.hazelcast.map.listener.EntryAddedListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The server is killed, and starts again empty: clients come back by themselves. */
final class RestartChecks {
    private RestartChecks() { }

    /** Whoever started the server starts it again as soon as it is gone. */
    private static void kill() throws IOException {
        String pid = Files.readString(Path.of(System.getenv("SERVER_PID_FILE"))).trim();
        ProcessHandle.of(Long.parseLong(pid)).ifPresent(ProcessHandle::destroyForcibly);
    }

    static void add(Checks.Table table) {
        table.add("restart.client_comes_back", RestartChecks::comesBack);
    }

    private static Object comesBack(Bench t) throws Exception {
        List<String> events = new CopyOnWriteArrayList<>();
        List<String> heard = new CopyOnWriteArrayList<>();
        LifecycleListener lifecycle = event -> events.add(event.getState().name());
        HazelcastInstance client = t.connect(config -> {
            config.addListenerConfig(new ListenerConfig(lifecycle));
            config.getConnectionStrategyConfig().getConnectionRetryConfig().setClusterConnectTimeoutMillis(-1);
        });
        IMap<String, String> map = client.getMap(t.unique());
        EntryAddedListener<String, String> listener = event -> heard.add(event.getKey());
        map.addEntryListener(listener, true);
        map.set("before", "x");
        until(() -> heard.size() == 1 && events.contains("CLIENT_CONNECTED"));
        int seen = events.size();
        kill();
        until(() -> events.subList(seen, events.size()).contains("CLIENT_CONNECTED"));
        String lost = map.get("before");
        // The listener is told to the new member in the background.
        for (int i = 0; i < 100 && !heard.contains("after"); i++) {
            map.delete("after");
            map.set("after", "y");
            Thread.sleep(100);
        }
        return list(lost, map.get("after"), new Text.Said(heard.contains("after") ? "heard" : "not heard"),
                Text.set(events.subList(seen, events.size())));
    }
}
