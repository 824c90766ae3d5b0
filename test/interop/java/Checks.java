import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;

/** Named checks, each reported on a line of its own: "ok NAME" or "FAIL NAME: why". */
final class Checks {
    /** A check; throws when it does not hold. */
    interface Check {
        void run() throws Exception;
    }

    private final Map<String, Check> checks = new LinkedHashMap<>();

    void add(String name, Check check) {
        if (checks.put(name, check) != null) throw new IllegalStateException("twice: " + name);
    }

    /** Runs all, or those named, and ends the process: clients may have left threads behind. */
    void runAndExit(String only) {
        for (Map.Entry<String, Check> entry : checks.entrySet()) {
            if (only != null && !entry.getKey().contains(only)) continue;
            try {
                entry.getValue().run();
                System.out.println("ok " + entry.getKey());
            } catch (Throwable problem) {
                System.out.println("FAIL " + entry.getKey() + ": " + oneLine(problem));
                problem.printStackTrace();
            }
        }
        System.out.println("done");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static String oneLine(Throwable problem) {
        return String.valueOf(problem).replaceAll("\\s+", " ");
    }

    static void equal(Object expected, Object actual) {
        if (expected == null ? actual != null : !expected.equals(actual)) {
            throw new AssertionError("expected " + expected + ", got " + actual);
        }
    }

    static void holds(boolean condition, String what) {
        if (!condition) throw new AssertionError("not so: " + what);
    }

    /** Waits until something holds; a limit that only a broken server reaches. */
    static void eventually(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (!condition.call()) {
            if (System.nanoTime() > deadline) throw new AssertionError("never came: " + what);
            Thread.sleep(10);
        }
    }
}
