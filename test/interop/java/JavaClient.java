import static java.nio.charset.StandardCharsets.UTF_8;
import static org.apache.zookeeper.ZooDefs.Ids.CREATOR_ALL_ACL;
import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;
import static org.apache.zookeeper.ZooDefs.Ids.READ_ACL_UNSAFE;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * Drives a server with Apache's own Java client, each check below a chroot of its own.
 *
 * Arguments: host:port, and optionally a part of the names of the checks to run. Needs a server with
 * tickTime 400 or less, TTL nodes and a container check every second or faster.
 */
public final class JavaClient {
    private static String address;
    private static final AtomicInteger roots = new AtomicInteger();

    /** A watcher that keeps what it saw. */
    private static final class Events implements Watcher {
        final BlockingQueue<WatchedEvent> seen = new LinkedBlockingQueue<>();

        @Override
        public void process(WatchedEvent event) {
            seen.add(event);
        }

        /** The next event as "TYPE PATH", or "STATE" for one about the connection. */
        String next() throws InterruptedException {
            WatchedEvent event = seen.poll(30, TimeUnit.SECONDS);
            if (event == null) throw new AssertionError("no event came");
            return event.getPath() == null
                ? event.getState().toString()
                : event.getType() + " " + event.getPath();
        }

        /** Skips connection events until this one. */
        void await(KeeperState state) throws InterruptedException {
            while (!next().equals(state.toString())) { }
        }

        List<String> next(int count) throws InterruptedException {
            List<String> all = new ArrayList<>();
            for (int i = 0; i < count; i++) all.add(next());
            return all;
        }
    }

    /** A client and the events of its default watcher. */
    private static final class Client implements AutoCloseable {
        final Events events = new Events();
        final ZooKeeper zk;

        Client(String connectString, int timeoutMs) throws Exception {
            zk = new ZooKeeper(connectString, timeoutMs, events);
            events.await(KeeperState.SyncConnected);
        }

        Client(String connectString, int timeoutMs, Client sessionOf) throws Exception {
            zk = new ZooKeeper(
                connectString, timeoutMs, events, sessionOf.zk.getSessionId(), sessionOf.zk.getSessionPasswd());
            events.await(KeeperState.SyncConnected);
        }

        @Override
        public void close() throws InterruptedException {
            zk.close();
        }
    }

    /** A connect string whose chroot exists and is empty. */
    private static String freshRoot() throws Exception {
        String path = "/java-client-" + Long.toHexString(System.nanoTime()) + "-" + roots.incrementAndGet();
        try (Client client = new Client(address, 8000)) {
            client.zk.create(path, new byte[0], OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        }
        return address + path;
    }

    private static Client fresh() throws Exception {
        return new Client(freshRoot(), 8000);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private interface Act {
        void run() throws Exception;
    }

    private static void refused(Code code, Act act) throws Exception {
        try {
            act.run();
        } catch (KeeperException problem) {
            Checks.equal(code, problem.code());
            return;
        }
        throw new AssertionError("expected " + code + ", but it was done");
    }

    public static void main(String[] args) {
        address = args[0];
        Checks checks = new Checks();
        checks.add("create makes znodes of every kind", JavaClient::createKinds);
        checks.add("create answers the stat it made", JavaClient::createStat);
        checks.add("refusals carry the right code", JavaClient::refusals);
        checks.add("data, versions and stat follow each set", JavaClient::dataAndVersions);
        checks.add("children are listed and counted", JavaClient::children);
        checks.add("ephemerals are listed and go with their session", JavaClient::ephemerals);
        checks.add("one-shot watches fire once and in order", JavaClient::oneShotWatches);
        checks.add("a persistent watch stays", JavaClient::persistentWatch);
        checks.add("a persistent recursive watch hears of everything below", JavaClient::recursiveWatch);
        checks.add("watches can be removed", JavaClient::removeWatches);
        checks.add("a multi is all or nothing", JavaClient::multi);
        checks.add("a multi of reads answers each by itself", JavaClient::multiRead);
        checks.add("a transaction commits asynchronously", JavaClient::transaction);
        checks.add("digest credentials open what they closed", JavaClient::digestAcl);
        checks.add("getACL hides digests from strangers and setACL counts versions", JavaClient::aclVersions);
        checks.add("whoAmI names the credentials", JavaClient::whoAmI);
        checks.add("a container goes after its last child", JavaClient::container);
        checks.add("a TTL znode goes after its time", JavaClient::ttl);
        checks.add("a thousand requests in flight answer in order", JavaClient::pipeline);
        checks.add("sync and getConfig answer", JavaClient::syncAndConfig);
        checks.add("large data comes back whole and too large data loses the connection", JavaClient::largeData);
        checks.add("a chroot is invisible to its client", JavaClient::chroot);
        checks.add("a cut connection comes back with session, ephemerals and watches", JavaClient::reconnect);
        checks.add("watches are set again below a chroot", JavaClient::reconnectChroot);
        checks.add("a session that is away too long has expired", JavaClient::expiry);
        checks.add("a session moves to the connection that knows its password", JavaClient::sessionMove);
        checks.add("a client that may be read-only is served read and write", JavaClient::maybeReadOnly);
        checks.runAndExit(args.length > 1 ? args[1] : null);
    }

    private static void createKinds() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            Checks.equal("/p", zk.create("/p", bytes("1"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            Checks.equal("/p/s0000000000",
                zk.create("/p/s", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
            Checks.equal("/p/e", zk.create("/p/e", bytes(""), OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL));
            Checks.equal("/p/0000000002",
                zk.create("/p/", bytes(""), OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
            Stat stat = new Stat();
            Checks.equal("/p/c", zk.create("/p/c", bytes(""), OPEN_ACL_UNSAFE, CreateMode.CONTAINER, stat));
            Checks.equal("/p/t",
                zk.create("/p/t", bytes(""), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 60_000));
            Checks.equal("/p/u0000000005", zk.create(
                "/p/u", bytes(""), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat, 60_000));
            Checks.equal(c.zk.getSessionId(), zk.exists("/p/e", false).getEphemeralOwner());
            Checks.equal(null, zk.getData("/p/s0000000000", false, null));
            Checks.equal(6, zk.exists("/p", false).getNumChildren());
            Checks.equal(6, zk.exists("/p", false).getCversion());
            zk.create("/\u00fcml\u00e4ut-\u6f22", bytes("\u6f22"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Checks.equal("\u6f22", new String(zk.getData("/\u00fcml\u00e4ut-\u6f22", false, null), UTF_8));
        }
    }

    private static void createStat() throws Exception {
        try (Client c = fresh()) {
            Stat made = new Stat();
            c.zk.create("/a", bytes("four"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, made);
            Checks.equal(c.zk.exists("/a", false), made);
            Checks.equal(4, made.getDataLength());
            Checks.equal(made.getCzxid(), made.getMzxid());
            Checks.equal(made.getCzxid(), made.getPzxid());
            Stat ephemeral = new Stat();
            c.zk.create("/e", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL, ephemeral);
            Checks.equal(c.zk.getSessionId(), ephemeral.getEphemeralOwner());
        }
    }

    private static void refusals() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/a/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/e", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            refused(Code.NODEEXISTS, () -> zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            refused(Code.NONODE, () -> zk.create("/x/y", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            refused(Code.NOCHILDRENFOREPHEMERALS,
                () -> zk.create("/e/y", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            refused(Code.INVALIDACL,
                () -> zk.create("/i", null, Collections.emptyList(), CreateMode.PERSISTENT));
            refused(Code.INVALIDACL, () -> zk.create("/i", null,
                Arrays.asList(new ACL(Perms.ALL, new Id("nobody-knows", "x"))), CreateMode.PERSISTENT));
            refused(Code.INVALIDACL, () -> zk.create("/i", null, CREATOR_ALL_ACL, CreateMode.PERSISTENT));
            refused(Code.NOTEMPTY, () -> zk.delete("/a", -1));
            refused(Code.BADVERSION, () -> zk.delete("/a/b", 7));
            refused(Code.BADVERSION, () -> zk.setData("/a", null, 7));
            refused(Code.BADVERSION, () -> zk.setACL("/a", OPEN_ACL_UNSAFE, 7));
            refused(Code.NONODE, () -> zk.delete("/x", -1));
            refused(Code.NONODE, () -> zk.setData("/x", null, -1));
            refused(Code.NONODE, () -> zk.getData("/x", false, null));
            refused(Code.NONODE, () -> zk.getChildren("/x", false));
            refused(Code.NONODE, () -> zk.getACL("/x", null));
            Checks.equal(null, zk.exists("/x", false));
            zk.create("/ro", null, READ_ACL_UNSAFE, CreateMode.PERSISTENT);
            refused(Code.NOAUTH, () -> zk.setData("/ro", null, -1));
            refused(Code.NOAUTH, () -> zk.create("/ro/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            Checks.equal(0, zk.getData("/ro", false, null) == null ? 0 : 1);
        }
    }

    private static void dataAndVersions() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            zk.create("/a", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            for (int version = 0; version < 5; version++) {
                Stat set = zk.setData("/a", bytes("v" + version), version);
                Checks.equal(version + 1, set.getVersion());
                Stat got = new Stat();
                Checks.equal("v" + version, new String(zk.getData("/a", false, got), UTF_8));
                Checks.equal(set, got);
            }
            Checks.equal(6, zk.setData("/a", null, -1).getVersion());
            Checks.equal(null, zk.getData("/a", false, null));
            zk.delete("/a", 6);
            Checks.equal(null, zk.exists("/a", false));
        }
    }

    private static void children() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            List<String> names = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                names.add("n" + (10 + i));
                zk.create("/a/n" + (10 + i), null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            }
            zk.create("/a/n10/deep", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Stat stat = new Stat();
            List<String> listed = zk.getChildren("/a", false, stat);
            Collections.sort(listed);
            Checks.equal(names, listed);
            Checks.equal(50, stat.getNumChildren());
            Checks.equal(51, zk.getAllChildrenNumber("/a"));
        }
    }

    private static void ephemerals() throws Exception {
        try (Client c = fresh()) {
            String root = freshRoot();
            String path = root.substring(root.indexOf('/'));
            Client other = new Client(address, 8000);
            for (String name : new String[] {"/a", "/b1", "/b2"}) {
                other.zk.create(path + name, null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            }
            List<String> all = other.zk.getEphemerals();
            Collections.sort(all);
            Checks.equal(Arrays.asList(path + "/a", path + "/b1", path + "/b2"), all);
            Checks.equal(2, other.zk.getEphemerals(path + "/b").size());
            Checks.equal(0, c.zk.getEphemerals().size());
            try (Client watcher = new Client(root, 8000)) {
                Checks.holds(watcher.zk.exists("/a", true) != null, "the ephemeral is seen by others");
                other.close();
                Checks.equal("NodeDeleted /a", watcher.events.next());
                Checks.equal(0, watcher.zk.getChildren("/", false).size());
            }
        }
    }

    private static void oneShotWatches() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            Events data = new Events();
            Events exists = new Events();
            Events list = new Events();
            Checks.equal(null, zk.exists("/a", exists));
            zk.getChildren("/", list);
            zk.create("/a", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Checks.equal("NodeCreated /a", exists.next());
            Checks.equal("NodeChildrenChanged /", list.next());
            zk.getData("/a", data, null);
            zk.exists("/a", exists);
            zk.setData("/a", bytes("1"), -1);
            zk.setData("/a", bytes("2"), -1);
            Checks.equal("NodeDataChanged /a", data.next());
            Checks.equal("NodeDataChanged /a", exists.next());
            zk.getData("/a", data, null);
            zk.getChildren("/a", list);
            zk.getChildren("/", list);
            zk.delete("/a", -1);
            Checks.equal("NodeDeleted /a", data.next());
            List<String> last = list.next(2);
            Collections.sort(last);
            Checks.equal(Arrays.asList("NodeChildrenChanged /", "NodeDeleted /a"), last);
            zk.exists("/", false);
            Checks.holds(data.seen.isEmpty() && exists.seen.isEmpty() && list.seen.isEmpty(), "nothing more came");
        }
    }

    private static void persistentWatch() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            Events events = new Events();
            zk.addWatch("/a", events, AddWatchMode.PERSISTENT);
            zk.create("/a", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.setData("/a", bytes("1"), -1);
            zk.setData("/a", bytes("2"), -1);
            zk.create("/a/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/a/b/c", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.setData("/a/b", bytes("1"), -1);
            zk.delete("/a/b/c", -1);
            zk.delete("/a/b", -1);
            zk.delete("/a", -1);
            Checks.equal(
                Arrays.asList("NodeCreated /a", "NodeDataChanged /a", "NodeDataChanged /a",
                    "NodeChildrenChanged /a", "NodeChildrenChanged /a", "NodeDeleted /a"),
                events.next(6));
            Checks.holds(events.seen.isEmpty(), "nothing more came");
        }
    }

    private static void recursiveWatch() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            Events events = new Events();
            zk.addWatch("/a", events, AddWatchMode.PERSISTENT_RECURSIVE);
            zk.create("/a", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/b", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/a/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/a/b/c", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.setData("/a/b/c", bytes("1"), -1);
            zk.multi(Arrays.asList(Op.delete("/a/b/c", -1), Op.delete("/a/b", -1)));
            zk.delete("/a", -1);
            Checks.equal(
                Arrays.asList("NodeCreated /a", "NodeCreated /a/b", "NodeCreated /a/b/c", "NodeDataChanged /a/b/c",
                    "NodeDeleted /a/b/c", "NodeDeleted /a/b", "NodeDeleted /a"),
                events.next(7));
            Checks.holds(events.seen.isEmpty(), "nothing more came");
        }
    }

    private static void removeWatches() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Events events = new Events();
            refused(Code.NOWATCHER, () -> zk.removeWatches("/a", events, WatcherType.Any, false));
            zk.getData("/a", events, null);
            zk.getChildren("/a", events);
            zk.removeWatches("/a", events, WatcherType.Data, false);
            Checks.equal("DataWatchRemoved /a", events.next());
            zk.removeAllWatches("/a", WatcherType.Any, false);
            Checks.equal("ChildWatchRemoved /a", events.next());
            zk.addWatch("/a", events, AddWatchMode.PERSISTENT_RECURSIVE);
            zk.removeWatches("/a", events, WatcherType.Any, false);
            Checks.equal("PersistentWatchRemoved /a", events.next());
            zk.setData("/a", null, -1);
            zk.create("/a/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.exists("/", false);
            Checks.holds(events.seen.isEmpty(), "nothing more came");
        }
    }

    private static void multi() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            List<OpResult> done = zk.multi(Arrays.asList(
                Op.create("/a", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.create("/a/s-", bytes("1"), OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL),
                Op.setData("/a", bytes("2"), 0),
                Op.check("/a", 1),
                Op.create("/a/gone", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.delete("/a/gone", 0)));
            // The client leaves the chroot on the paths in a multi's results.
            Checks.holds(((OpResult.CreateResult) done.get(0)).getPath().endsWith("/a"), "the path made");
            Checks.holds(
                ((OpResult.CreateResult) done.get(1)).getPath().endsWith("/a/s-0000000000"), "the sequence number");
            Checks.equal(1, ((OpResult.SetDataResult) done.get(2)).getStat().getVersion());
            Checks.equal(6, done.size());
            Checks.equal(zk.exists("/a", false).getMzxid(), zk.exists("/a/s-0000000000", false).getCzxid());
            try {
                zk.multi(Arrays.asList(
                    Op.create("/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                    Op.check("/a", 9),
                    Op.delete("/a", -1)));
                throw new AssertionError("a multi with a wrong check was done");
            } catch (KeeperException problem) {
                Checks.equal(Code.BADVERSION, problem.code());
                List<Integer> codes = new ArrayList<>();
                for (OpResult one : problem.getResults()) codes.add(((OpResult.ErrorResult) one).getErr());
                Checks.equal(
                    Arrays.asList(0, Code.BADVERSION.intValue(), Code.RUNTIMEINCONSISTENCY.intValue()), codes);
            }
            Checks.equal(null, zk.exists("/b", false));
            Checks.equal(0, zk.multi(Collections.emptyList()).size());
        }
    }

    private static void multiRead() throws Exception {
        try (Client c = fresh()) {
            ZooKeeper zk = c.zk;
            zk.create("/a", bytes("data"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/a/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            List<OpResult> read = zk.multi(Arrays.asList(Op.getData("/a"), Op.getData("/x"), Op.getChildren("/a")));
            Checks.equal("data", new String(((OpResult.GetDataResult) read.get(0)).getData(), UTF_8));
            Checks.equal(Code.NONODE.intValue(), ((OpResult.ErrorResult) read.get(1)).getErr());
            Checks.equal(Arrays.asList("b"), ((OpResult.GetChildrenResult) read.get(2)).getChildren());
        }
    }

    private static void transaction() throws Exception {
        try (Client c = fresh()) {
            BlockingQueue<String> answers = new LinkedBlockingQueue<>();
            c.zk.transaction()
                .create("/a", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)
                .setData("/a", bytes("1"), 0)
                .check("/a", 1)
                .commit((rc, path, context, results) -> answers.add(rc + " " + results.size() + " " + context), "x");
            Checks.equal("0 3 x", answers.poll(30, TimeUnit.SECONDS));
            Checks.equal("1", new String(c.zk.getData("/a", false, null), UTF_8));
        }
    }

    private static void digestAcl() throws Exception {
        String root = freshRoot();
        try (Client owner = new Client(root, 8000); Client stranger = new Client(root, 8000)) {
            owner.zk.addAuthInfo("digest", bytes("anna:secret"));
            owner.zk.create("/a", bytes("0"), CREATOR_ALL_ACL, CreateMode.PERSISTENT);
            refused(Code.NOAUTH, () -> stranger.zk.getData("/a", false, null));
            refused(Code.NOAUTH, () -> stranger.zk.setData("/a", null, -1));
            refused(Code.NOAUTH, () -> stranger.zk.create("/a/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            refused(Code.NOAUTH, () -> stranger.zk.getChildren("/a", false));
            Checks.equal("0", new String(owner.zk.getData("/a", false, null), UTF_8));
            stranger.zk.addAuthInfo("digest", bytes("anna:wrong"));
            refused(Code.NOAUTH, () -> stranger.zk.getData("/a", false, null));
            stranger.zk.addAuthInfo("digest", bytes("anna:secret"));
            Checks.equal("0", new String(stranger.zk.getData("/a", false, null), UTF_8));
            Client refused = new Client(root, 8000);
            refused.zk.addAuthInfo("no-such-scheme", bytes("x"));
            refused.events.await(KeeperState.AuthFailed);
            refused.close();
        }
    }

    private static void aclVersions() throws Exception {
        String root = freshRoot();
        try (Client owner = new Client(root, 8000); Client stranger = new Client(root, 8000)) {
            owner.zk.addAuthInfo("digest", bytes("anna:secret"));
            List<ACL> mixed = Arrays.asList(
                new ACL(Perms.ALL, new Id("auth", "")), new ACL(Perms.READ, new Id("world", "anyone")),
                new ACL(Perms.READ | Perms.WRITE, new Id("ip", "127.0.0.0/8")));
            owner.zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Checks.equal(1, owner.zk.setACL("/a", mixed, 0).getAversion());
            Stat stat = new Stat();
            List<ACL> full = owner.zk.getACL("/a", stat);
            Checks.equal(1, stat.getAversion());
            Checks.equal("digest", full.get(0).getId().getScheme());
            Checks.holds(full.get(0).getId().getId().startsWith("anna:") && full.get(0).getId().getId().length() > 20,
                "the owner sees the digest");
            Checks.equal("anna:x", stranger.zk.getACL("/a", null).get(0).getId().getId());
            stranger.zk.setData("/a", bytes("by address"), -1);
            refused(Code.NOAUTH, () -> stranger.zk.setACL("/a", OPEN_ACL_UNSAFE, -1));
        }
    }

    private static void whoAmI() throws Exception {
        try (Client c = fresh()) {
            c.zk.addAuthInfo("digest", bytes("anna:secret"));
            List<String> names = new ArrayList<>();
            for (ClientInfo info : c.zk.whoAmI()) names.add(info.getAuthScheme() + ":" + info.getUser());
            Collections.sort(names);
            Checks.equal(Arrays.asList("digest:anna", "ip:127.0.0.1"), names);
        }
    }

    private static void container() throws Exception {
        try (Client c = fresh()) {
            c.zk.create("/c", null, OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
            c.zk.create("/c/child", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Events events = new Events();
            Checks.equal(0L, c.zk.exists("/c", events).getEphemeralOwner());
            c.zk.delete("/c/child", -1);
            Checks.equal("NodeDeleted /c", events.next());
        }
    }

    private static void ttl() throws Exception {
        try (Client c = fresh()) {
            Stat stat = new Stat();
            Events events = new Events();
            c.zk.create("/t", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 100);
            c.zk.create("/u", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 100);
            c.zk.create("/u/keeps-it", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            if (c.zk.exists("/t", events) != null) Checks.equal("NodeDeleted /t", events.next());
            Checks.holds(c.zk.exists("/u", false) != null, "a TTL znode with children stays");
        }
    }

    private static void pipeline() throws Exception {
        try (Client c = fresh()) {
            int count = 1000;
            List<String> order = Collections.synchronizedList(new ArrayList<>());
            CountDownLatch done = new CountDownLatch(2 * count);
            AsyncCallback.StringCallback created = (rc, path, context, name) -> {
                order.add(rc + " " + context + " " + name);
                done.countDown();
            };
            AsyncCallback.DataCallback read = (rc, path, context, data, stat) -> {
                order.add(rc + " " + context + " " + (data == null ? -1 : data.length));
                done.countDown();
            };
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                String name = String.format("/n%010d", i);
                c.zk.create("/n", new byte[i % 100], OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL, created, i);
                c.zk.getData(name, false, read, i);
                expected.add("0 " + i + " " + name);
                expected.add("0 " + i + " " + i % 100);
            }
            Checks.holds(done.await(60, TimeUnit.SECONDS), "all were answered");
            Checks.equal(expected, order);
        }
    }

    private static void syncAndConfig() throws Exception {
        try (Client c = fresh()) {
            CountDownLatch done = new CountDownLatch(1);
            c.zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            c.zk.sync("/a", (rc, path, context) -> {
                if (rc == 0 && path.equals("/a")) done.countDown();
            }, null);
            Checks.holds(done.await(30, TimeUnit.SECONDS), "sync answered its path");
        }
        try (Client c = new Client(address, 8000)) {
            Stat stat = new Stat();
            c.zk.getConfig(false, stat);
            Checks.equal(-1, stat.getAversion());
        }
    }

    private static void largeData() throws Exception {
        try (Client c = fresh()) {
            byte[] large = new byte[1_000_000];
            for (int i = 0; i < large.length; i++) large[i] = (byte) (i * 31);
            c.zk.create("/a", large, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Checks.holds(Arrays.equals(large, c.zk.getData("/a", false, null)), "a million bytes come back");
            refused(Code.CONNECTIONLOSS, () -> c.zk.setData("/a", new byte[1_100_000], -1));
            c.events.await(KeeperState.SyncConnected);
            Checks.equal(0, c.zk.exists("/a", false).getVersion());
        }
    }

    private static void chroot() throws Exception {
        String root = freshRoot();
        try (Client whole = new Client(address, 8000); Client c = new Client(root, 8000)) {
            String path = root.substring(root.indexOf('/'));
            c.zk.addWatch("/", AddWatchMode.PERSISTENT_RECURSIVE);
            Checks.equal("/a", c.zk.create("/a", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            whole.zk.create(path + "/b", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Checks.equal("0", new String(whole.zk.getData(path + "/a", false, null), UTF_8));
            Checks.equal(Arrays.asList("NodeCreated /a", "NodeCreated /b"), c.events.next(2));
        }
        try (Client nowhere = new Client(address + "/not-there/at-all", 8000)) {
            refused(Code.NONODE,
                () -> nowhere.zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        }
    }

    private static void reconnect() throws Exception {
        Proxy proxy = new Proxy(address);
        String root = freshRoot();
        String path = root.substring(root.indexOf('/'));
        try (Client c = new Client(proxy.address() + path, 20_000); Client other = new Client(root, 8000)) {
            c.zk.create("/d", bytes("0"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            c.zk.create("/gone", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            c.zk.create("/still", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            c.zk.create("/e", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            Events one = new Events();
            Events recursive = new Events();
            c.zk.getData("/d", one, null);
            c.zk.exists("/gone", one);
            c.zk.exists("/new", one);
            c.zk.getData("/still", one, null);
            c.zk.addWatch("/", recursive, AddWatchMode.PERSISTENT_RECURSIVE);
            long session = c.zk.getSessionId();
            proxy.cut();
            c.events.await(KeeperState.Disconnected);
            other.zk.setData("/d", bytes("1"), -1);
            other.zk.delete("/gone", -1);
            other.zk.create("/new", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            proxy.heal();
            c.events.await(KeeperState.SyncConnected);
            Checks.equal(session, c.zk.getSessionId());
            List<String> missed = new ArrayList<>();
            while (missed.size() < 3) {
                String event = one.next();
                if (event.contains(" ")) missed.add(event);
            }
            Collections.sort(missed);
            Checks.equal(Arrays.asList("NodeCreated /new", "NodeDataChanged /d", "NodeDeleted /gone"), missed);
            Checks.holds(other.zk.exists("/e", false) != null, "the ephemeral is still there");
            other.zk.setData("/still", bytes("1"), -1);
            Checks.equal("NodeDataChanged /still", one.next());
            String event;
            do event = recursive.next(); while (!event.equals("NodeDataChanged /still"));
        }
    }

    private static void reconnectChroot() throws Exception {
        Proxy proxy = new Proxy(address);
        String root = freshRoot();
        String path = root.substring(root.indexOf('/'));
        try (Client c = new Client(proxy.address() + path, 20_000); Client other = new Client(root, 8000)) {
            Events list = new Events();
            c.zk.getChildren("/", list);
            for (int round = 0; round < 2; round++) {
                proxy.cut();
                c.events.await(KeeperState.Disconnected);
                proxy.heal();
                c.events.await(KeeperState.SyncConnected);
            }
            other.zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            String event;
            do event = list.next(); while (!event.contains(" "));
            Checks.equal("NodeChildrenChanged /", event);
        }
    }

    private static void expiry() throws Exception {
        Proxy proxy = new Proxy(address);
        String root = freshRoot();
        String path = root.substring(root.indexOf('/'));
        Client c = new Client(proxy.address() + path, 1000);
        try (Client other = new Client(root, 8000)) {
            c.zk.create("/e", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            Events events = new Events();
            other.zk.exists("/e", events);
            proxy.cut();
            Checks.equal("NodeDeleted /e", events.next());
            proxy.heal();
            c.events.await(KeeperState.Expired);
            refused(Code.SESSIONEXPIRED, () -> c.zk.exists("/", false));
            Checks.equal(ZooKeeper.States.CLOSED, c.zk.getState());
        } finally {
            c.close();
        }
    }

    private static void sessionMove() throws Exception {
        String root = freshRoot();
        Client first = new Client(root, 8000);
        first.zk.create("/e", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Client second = new Client(root, 8000, first);
        Checks.equal(first.zk.getSessionId(), second.zk.getSessionId());
        Checks.equal(second.zk.getSessionId(), second.zk.exists("/e", false).getEphemeralOwner());
        second.close();
        first.events.await(KeeperState.Expired);
        first.close();
        try (Client other = new Client(root, 8000)) {
            Checks.equal(null, other.zk.exists("/e", false));
        }
        Events wrong = new Events();
        try (Client real = new Client(root, 8000)) {
            ZooKeeper thief = new ZooKeeper(root, 8000, wrong, real.zk.getSessionId(), new byte[16]);
            wrong.await(KeeperState.Expired);
            thief.close();
            // Apache cuts the rightful connection too, so it may have to come back; the session lives.
            long session = real.zk.getSessionId();
            Checks.eventually("the rightful client works", () -> {
                try {
                    return real.zk.exists("/", false) != null;
                } catch (KeeperException.ConnectionLossException cutOff) {
                    return false;
                }
            });
            Checks.equal(session, real.zk.getSessionId());
        }
    }

    private static void maybeReadOnly() throws Exception {
        Events events = new Events();
        ZooKeeper zk = new ZooKeeper(freshRoot(), 8000, events, true);
        events.await(KeeperState.SyncConnected);
        Checks.equal(ZooKeeper.States.CONNECTED, zk.getState());
        zk.create("/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.close();
    }
}
