package clients;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Checks HOST:PORT checks|cross|restart - prints a line for each check: those of this language
 * alone, those that read what all languages have written, those that kill the server.
 */
public final class Checks {
    private static final long LIMIT_S = 60;

    interface Check {
        Object run(Bench t) throws Exception;
    }

    /** The checks by name, in the order in which they run. */
    static final class Table extends LinkedHashMap<String, Check> {
        void add(String name, Check check) {
            if (put(name, check) != null) {
                throw new IllegalArgumentException("two checks are called " + name);
            }
        }
    }

    public static void main(String[] arguments) {
        Table table = new Table();
        switch (arguments[1]) {
            case "checks" -> {
                MapChecks.add(table);
                ListenerChecks.add(table);
                ValueChecks.add(table);
                QueryChecks.add(table);
                StructureChecks.add(table);
                ClusterChecks.add(table);
                CrossChecks.addWrites(table);
            }
            case "cross" -> CrossChecks.addReads(table);
            default -> RestartChecks.add(table);
        }
        run(new Bench(arguments[0]), table);
        Bench.close();
        System.exit(0); // a check that did not end may have left a thread behind
    }

    private static void run(Bench bench, Table table) {
        String only = System.getenv().getOrDefault("ONLY", "");
        for (Map.Entry<String, Check> entry : table.entrySet()) {
            if (entry.getKey().startsWith(only)) {
                System.out.println(entry.getKey() + ": " + outcome(entry.getValue(), bench.of(entry.getKey())));
            }
        }
    }

    /** Each runs on a thread of its own, because to this client a lock belongs to a thread. */
    private static String outcome(Check check, Bench t) {
        try {
            return Bench.begin(() -> Text.of(check.run(t))).get(LIMIT_S, TimeUnit.SECONDS);
        } catch (Throwable caught) {
            if (System.getenv("VERBOSE") != null) {
                System.err.println(t.unique());
                caught.printStackTrace();
            }
            return Text.of(Text.error(caught));
        }
    }
}
