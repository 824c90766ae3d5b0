import static java.nio.charset.StandardCharsets.UTF_8;
import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/**
 * The load of python/ensemble_load.py, with the same arguments, commands and journal, from Apache's own Java client:
 * what its one-shot watches see across servers is judged here, too.
 */
public final class EnsembleLoad {
    private static final int WRITERS = 3;
    private static final int SESSION_TIMEOUT_MS = 12_000;
    private static final int BURST = 6;
    private static final long PAUSE_MS = 4;

    private static String hosts;
    private static PrintStream journal;

    public static void main(String[] args) throws Exception {
        hosts = args[0];
        journal = new PrintStream(new FileOutputStream(args[1]), true, "UTF-8");
        Writer[] writers = new Writer[WRITERS];
        for (int i = 0; i < WRITERS; i++) writers[i] = new Writer(i);
        for (Writer writer : writers) writer.open();
        for (Writer writer : writers) writer.prepare();
        for (Writer writer : writers) writer.start();
        for (Writer writer : writers) writer.wrote.await();
        System.out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String command; (command = in.readLine()) != null;) {
            switch (command.trim()) {
                case "pause":
                    for (Writer writer : writers) writer.turn.acquire();
                    System.out.println("quiet");
                    break;
                case "resume":
                    for (Writer writer : writers) writer.turn.release();
                    break;
                case "finish":
                    for (Writer writer : writers) writer.turn.acquire();
                    for (Writer writer : writers) writer.lastLook();
                    for (Writer writer : writers) writer.zk.close();
                    System.out.println("done");
                    System.out.flush();
                    Runtime.getRuntime().halt(0);
                    break;
                default:
                    throw new IllegalArgumentException(command);
            }
        }
    }

    /** Writes a line; fields come as names and values, numbers as they are. */
    private static synchronized void note(String kind, String client, Object... fields) {
        StringBuilder line = new StringBuilder("{\"kind\":").append(quoted(kind))
            .append(",\"client\":").append(quoted(client)).append(",\"t\":").append(System.currentTimeMillis());
        for (int i = 0; i < fields.length; i += 2) {
            Object value = fields[i + 1];
            line.append(',').append(quoted(fields[i])).append(':')
                .append(value instanceof Number ? value.toString() : quoted(value));
        }
        journal.println(line.append('}'));
    }

    private static String quoted(Object value) {
        StringBuilder out = new StringBuilder("\"");
        for (char letter : String.valueOf(value).toCharArray()) {
            if (letter == '"' || letter == '\\') out.append('\\').append(letter);
            else if (letter < ' ') out.append(String.format("\\u%04x", (int) letter));
            else out.append(letter);
        }
        return out.append('"').toString();
    }

    private interface Act<T> {
        T run() throws KeeperException, InterruptedException;
    }

    /** One session. Only it writes below its directory, so it knows what every read there must give. */
    private static final class Writer extends Thread implements Watcher {
        final CountDownLatch wrote = new CountDownLatch(1);
        /** Held while a turn runs. */
        final Semaphore turn = new Semaphore(1, true);
        final String root;
        final String neighbour;
        private final CountDownLatch connected = new CountDownLatch(1);
        private final ArrayDeque<String> items = new ArrayDeque<>();
        volatile ZooKeeper zk;
        private long session;
        private int round;
        private int counter;
        private int neighbourSeen = -1;
        private volatile int watchSeen = -1;

        Writer(int number) {
            super("w" + number);
            setDaemon(true);
            root = "/load/" + getName();
            neighbour = "/load/w" + (number + 1) % WRITERS + "/counter";
        }

        void open() throws Exception {
            zk = new ZooKeeper(hosts, SESSION_TIMEOUT_MS, this);
            connected.await();
            session = zk.getSessionId();
            note("session", getName(), "session", "0x" + Long.toHexString(session));
        }

        @Override
        public void process(WatchedEvent event) {
            if (event.getType() != EventType.None) return;
            KeeperState state = event.getState();
            boolean isLost = state == KeeperState.Disconnected;
            note("state", getName(), "state", isLost ? "SUSPENDED" : state,
                "session", "0x" + Long.toHexString(zk == null ? 0 : zk.getSessionId()));
            if (state == KeeperState.Expired) violation("lost its session");
            if (state != KeeperState.SyncConnected) return;
            if (connected.getCount() == 0 && zk.getSessionId() != session) {
                violation("came back as another session");
            }
            connected.countDown();
        }

        void prepare() throws Exception {
            for (String path : new String[] {"/load", "/load/alive"}) {
                try {
                    zk.create(path, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
                } catch (KeeperException.NodeExistsException there) {
                    // Another writer was first.
                }
            }
            zk.create(root, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create(root + "/burst", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create(root + "/counter", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/load/alive/" + getName(), null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        }

        /** Watches the neighbour's counter, again after each event. */
        private void watch() {
            zk.getData(neighbour, event -> {
                if (event.getType() != EventType.None) watch();
            }, (code, path, context, data, stat) -> {
                if (code == KeeperException.Code.CONNECTIONLOSS.intValue()) {
                    watch();
                } else if (code != 0) {
                    violation("a watched read answered " + code);
                } else if (stat.getVersion() < watchSeen) {
                    violation("a watch saw version " + stat.getVersion() + " after " + watchSeen);
                } else {
                    watchSeen = stat.getVersion();
                }
            }, null);
        }

        @Override
        public void run() {
            watch();
            while (true) {
                try {
                    turn.acquire();
                    try {
                        round++;
                        createItem();
                        raiseCounter();
                        read();
                        if (round % 4 == 0) burst();
                        if (round % 3 == 0) deleteItem();
                    } finally {
                        turn.release();
                    }
                    wrote.countDown();
                    sleep(PAUSE_MS);
                } catch (Exception problem) {
                    violation(String.valueOf(problem));
                    return;
                }
            }
        }

        private void createItem() throws Exception {
            String data = getName() + "-" + round;
            Stat stat = new Stat();
            try {
                String path = zk.create(
                    root + "/item-", bytes(data), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL, stat);
                if (!items.isEmpty() && path.compareTo(items.getLast()) <= 0) {
                    violation(path + " was named after " + items.getLast());
                }
                items.add(path);
                note("created", getName(), "path", path, "data", data, "zxid", stat.getCzxid());
            } catch (KeeperException.ConnectionLossException lost) {
                note("unknown", getName(), "op", "create", "data", data);
            }
        }

        private void raiseCounter() throws Exception {
            String path = root + "/counter";
            String wanted = String.valueOf(counter + 1);
            try {
                Stat stat = zk.setData(path, bytes(wanted), counter);
                counter++;
                if (stat.getVersion() != counter) {
                    violation("set number " + counter + " answered version " + stat.getVersion());
                }
                note("set", getName(), "path", path, "data", wanted,
                    "version", stat.getVersion(), "zxid", stat.getMzxid());
            } catch (KeeperException.ConnectionLossException lost) {
                note("unknown", getName(), "op", "set", "path", path, "data", wanted);
                // A write of the same session comes behind it or shuts it out; a sync at the leader does neither.
                again(() -> zk.setData(root, bytes("barrier"), -1));
                Stat stat = new Stat();
                String data = new String(again(() -> zk.getData(path, false, stat)), UTF_8);
                int version = stat.getVersion();
                if (!data.equals(String.valueOf(version)) || version < counter || version > counter + 1) {
                    violation("the counter was " + counter + " and is " + data + " in version " + version);
                }
                counter = version;
            }
        }

        private void read() throws Exception {
            Stat stat = new Stat();
            String data = new String(again(() -> zk.getData(root + "/counter", false, stat)), UTF_8);
            if (stat.getVersion() != counter || !data.equals(String.valueOf(counter))) {
                violation("read version " + stat.getVersion() + " of its own counter after writing " + counter);
            }
            int seen = again(() -> zk.exists(neighbour, false)).getVersion();
            if (seen < neighbourSeen) violation("a read went back from version " + neighbourSeen + " to " + seen);
            neighbourSeen = seen;
        }

        /** Several writes under way at once: the acknowledged ones are the first ones, in order. */
        private void burst() throws Exception {
            List<CompletableFuture<Object[]>> answers = new ArrayList<>();
            for (int i = 0; i < BURST; i++) {
                CompletableFuture<Object[]> answer = new CompletableFuture<>();
                answers.add(answer);
                zk.create(root + "/burst/b-", bytes(burstName(i)), OPEN_ACL_UNSAFE,
                    CreateMode.PERSISTENT_SEQUENTIAL,
                    (code, path, context, name, stat) -> answer.complete(new Object[] {code, name, stat}), null);
            }
            boolean lost = false;
            String lastPath = "";
            long lastZxid = 0;
            for (int i = 0; i < BURST; i++) {
                Object[] answer = answers.get(i).get();
                int code = (Integer) answer[0];
                if (code == KeeperException.Code.CONNECTIONLOSS.intValue()) {
                    lost = true;
                    note("unknown", getName(), "op", "create", "data", burstName(i));
                    continue;
                }
                if (code != 0) {
                    violation("a create of a burst answered " + code);
                    return;
                }
                String path = (String) answer[1];
                long zxid = ((Stat) answer[2]).getCzxid();
                if (lost) violation(path + " was acknowledged after one before it was lost");
                if (path.compareTo(lastPath) <= 0 || zxid <= lastZxid) {
                    violation(path + " came after " + lastPath);
                }
                lastPath = path;
                lastZxid = zxid;
                note("created", getName(), "path", path, "data", burstName(i), "zxid", zxid);
            }
        }

        private String burstName(int i) {
            return getName() + "-" + round + "-" + i;
        }

        private void deleteItem() throws Exception {
            if (items.size() < 3) return;
            String path = items.removeFirst();
            try {
                zk.delete(path, 0);
                note("deleted", getName(), "path", path);
            } catch (KeeperException.ConnectionLossException lost) {
                note("unknown", getName(), "op", "delete", "path", path);
            }
        }

        void lastLook() throws Exception {
            again(() -> zk.setData(root, bytes("last look"), -1));
            read();
            Stat alive = again(() -> zk.exists("/load/alive/" + getName(), false));
            if (alive == null) violation("its ephemeral znode is gone");
            else if (alive.getEphemeralOwner() != session) violation("its ephemeral znode is another's");
            // Nobody writes any more, so the watch must come to the version that a read gives.
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (watchSeen != neighbourSeen) {
                if (System.nanoTime() > deadline) {
                    violation("its watch stayed at version " + watchSeen + " of " + neighbourSeen);
                    return;
                }
                sleep(20);
            }
        }

        /** Does something harmless until it has an answer. */
        private <T> T again(Act<T> act) throws KeeperException, InterruptedException {
            while (true) {
                try {
                    return act.run();
                } catch (KeeperException.ConnectionLossException lost) {
                    sleep(20);
                }
            }
        }

        private void violation(String what) {
            note("violation", getName(), "what", what);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }
}
