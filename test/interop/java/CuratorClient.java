import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;

/** Drives a server with Curator's recipes. Argument: host:port, and optionally a part of the checks' names. */
public final class CuratorClient {
    private static String address;
    private static final AtomicInteger roots = new AtomicInteger();

    private static String freshNamespace() {
        return "curator-" + Long.toHexString(System.nanoTime()) + "-" + roots.incrementAndGet();
    }

    private static CuratorFramework client(String connectString, String namespace) {
        CuratorFramework client = CuratorFrameworkFactory.builder()
            .connectString(connectString)
            .namespace(namespace)
            .sessionTimeoutMs(8000)
            .connectionTimeoutMs(8000)
            .retryPolicy(new RetryNTimes(50, 100))
            .build();
        client.start();
        return client;
    }

    public static void main(String[] args) {
        address = args[0];
        Checks checks = new Checks();
        checks.add("InterProcessMutex lets one in at a time", CuratorClient::mutex);
        checks.add("InterProcessReadWriteLock lets readers share", CuratorClient::readWriteLock);
        checks.add("InterProcessSemaphoreV2 hands out its leases", CuratorClient::semaphore);
        checks.add("LeaderLatch passes on to the next", CuratorClient::leaderLatch);
        checks.add("CuratorCache mirrors a tree through a cut connection", CuratorClient::cache);
        checks.add("DistributedAtomicLong counts from several clients", CuratorClient::atomicLong);
        checks.add("DistributedDoubleBarrier enters and leaves together", CuratorClient::doubleBarrier);
        checks.add("PersistentNode comes back", CuratorClient::persistentNode);
        checks.add("protected creates, transactions and guaranteed deletes work", CuratorClient::framework);
        checks.runAndExit(args.length > 1 ? args[1] : null);
    }

    private static void inThreads(int count, Checks.Check work) throws Exception {
        BlockingQueue<Object> ends = new LinkedBlockingQueue<>();
        for (int i = 0; i < count; i++) {
            new Thread(() -> {
                try {
                    work.run();
                    ends.add("ok");
                } catch (Throwable problem) {
                    ends.add(problem);
                }
            }).start();
        }
        for (int i = 0; i < count; i++) Checks.equal("ok", ends.poll(60, TimeUnit.SECONDS));
    }

    private static void mutex() throws Exception {
        String namespace = freshNamespace();
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger entered = new AtomicInteger();
        inThreads(4, () -> {
            try (CuratorFramework client = client(address, namespace)) {
                InterProcessMutex mutex = new InterProcessMutex(client, "/lock");
                for (int round = 0; round < 10; round++) {
                    mutex.acquire();
                    mutex.acquire();
                    Checks.equal(1, inside.incrementAndGet());
                    entered.incrementAndGet();
                    inside.decrementAndGet();
                    mutex.release();
                    mutex.release();
                }
            }
        });
        Checks.equal(40, entered.get());
    }

    private static void readWriteLock() throws Exception {
        String namespace = freshNamespace();
        try (CuratorFramework one = client(address, namespace); CuratorFramework two = client(address, namespace)) {
            InterProcessReadWriteLock first = new InterProcessReadWriteLock(one, "/rw");
            InterProcessReadWriteLock second = new InterProcessReadWriteLock(two, "/rw");
            first.readLock().acquire();
            Checks.holds(second.readLock().acquire(30, TimeUnit.SECONDS), "readers share");
            Checks.holds(!second.writeLock().acquire(200, TimeUnit.MILLISECONDS), "a writer waits");
            second.readLock().release();
            first.readLock().release();
            Checks.holds(second.writeLock().acquire(30, TimeUnit.SECONDS), "the writer's turn");
            second.writeLock().release();
        }
    }

    private static void semaphore() throws Exception {
        try (CuratorFramework client = client(address, freshNamespace())) {
            InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, "/semaphore", 2);
            Lease first = semaphore.acquire();
            Lease second = semaphore.acquire();
            Checks.equal(null, semaphore.acquire(200, TimeUnit.MILLISECONDS));
            semaphore.returnLease(first);
            Lease third = semaphore.acquire(30, TimeUnit.SECONDS);
            Checks.holds(third != null, "a returned lease is handed on");
            semaphore.returnAll(Arrays.asList(second, third));
        }
    }

    private static void leaderLatch() throws Exception {
        String namespace = freshNamespace();
        List<CuratorFramework> clients = new ArrayList<>();
        List<LeaderLatch> latches = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            clients.add(client(address, namespace));
            latches.add(new LeaderLatch(clients.get(i), "/leader", "node" + i));
            latches.get(i).start();
        }
        while (!latches.isEmpty()) {
            Checks.eventually("a leader", () -> latches.stream().anyMatch(LeaderLatch::hasLeadership));
            Checks.equal(1L, latches.stream().filter(LeaderLatch::hasLeadership).count());
            LeaderLatch leader = latches.stream().filter(LeaderLatch::hasLeadership).findFirst().get();
            Checks.eventually("all agree",
                () -> latches.get(latches.size() - 1).getLeader().getId().equals(leader.getId()));
            latches.remove(leader);
            leader.close();
        }
        for (CuratorFramework client : clients) client.close();
    }

    private static void cache() throws Exception {
        Proxy proxy = new Proxy(address);
        String namespace = freshNamespace();
        try (CuratorFramework reader = client(proxy.address(), namespace);
             CuratorFramework writer = client(address, namespace)) {
            writer.create().creatingParentsIfNeeded().forPath("/tree/a", "0".getBytes(UTF_8));
            BlockingQueue<String> initialised = new LinkedBlockingQueue<>();
            CuratorCache cache = CuratorCache.build(reader, "/tree");
            cache.listenable().addListener(
                CuratorCacheListener.builder().forInitialized(() -> initialised.add("yes")).build());
            cache.start();
            Checks.equal("yes", initialised.poll(30, TimeUnit.SECONDS));
            Checks.equal(2, cache.size());
            for (int i = 0; i < 20; i++) writer.create().forPath("/tree/n" + i, ("" + i).getBytes(UTF_8));
            Checks.eventually("20 more", () -> cache.size() == 22);
            proxy.cut();
            for (int i = 0; i < 10; i++) writer.delete().forPath("/tree/n" + i);
            writer.setData().forPath("/tree/a", "1".getBytes(UTF_8));
            proxy.heal();
            Checks.eventually("10 fewer", () -> cache.size() == 12);
            Checks.eventually("the new data",
                () -> cache.get("/tree/a").map(node -> new String(node.getData(), UTF_8)).orElse("").equals("1"));
            cache.close();
        }
    }

    private static void atomicLong() throws Exception {
        String namespace = freshNamespace();
        inThreads(3, () -> {
            try (CuratorFramework client = client(address, namespace)) {
                DistributedAtomicLong value =
                    new DistributedAtomicLong(client, "/count", new RetryNTimes(200, 5));
                for (int i = 0; i < 20; i++) while (!value.increment().succeeded()) { }
            }
        });
        try (CuratorFramework client = client(address, namespace)) {
            Checks.equal(60L, new DistributedAtomicLong(client, "/count", new RetryNTimes(1, 1)).get().postValue());
        }
    }

    private static void doubleBarrier() throws Exception {
        String namespace = freshNamespace();
        AtomicInteger inside = new AtomicInteger();
        inThreads(3, () -> {
            try (CuratorFramework client = client(address, namespace)) {
                DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, "/barrier", 3);
                inside.incrementAndGet();
                Checks.holds(barrier.enter(30, TimeUnit.SECONDS), "entered");
                Checks.equal(3, inside.get());
                Checks.holds(barrier.leave(30, TimeUnit.SECONDS), "left");
            }
        });
    }

    private static void persistentNode() throws Exception {
        String namespace = freshNamespace();
        try (CuratorFramework owner = client(address, namespace); CuratorFramework other = client(address, namespace)) {
            PersistentNode node =
                new PersistentNode(owner, CreateMode.EPHEMERAL, false, "/node", "here".getBytes(UTF_8));
            node.start();
            Checks.holds(node.waitForInitialCreate(30, TimeUnit.SECONDS), "created");
            long first = other.checkExists().forPath("/node").getCzxid();
            other.delete().forPath("/node");
            Checks.eventually("it comes back", () -> other.checkExists().forPath("/node") != null);
            Checks.holds(other.checkExists().forPath("/node").getCzxid() > first, "as a new znode");
            node.close();
        }
    }

    private static void framework() throws Exception {
        try (CuratorFramework client = client(address, freshNamespace())) {
            String made = client.create().creatingParentContainersIfNeeded().withProtection()
                .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/deep/er/node-");
            Checks.holds(made.matches("/deep/er/_c_[0-9a-f-]+-node-0000000000"), "a protected name: " + made);
            List<CuratorTransactionResult> results = client.transaction().forOperations(
                client.transactionOp().create().forPath("/tx", "0".getBytes(UTF_8)),
                client.transactionOp().setData().withVersion(0).forPath("/tx", "1".getBytes(UTF_8)),
                client.transactionOp().check().withVersion(1).forPath("/tx"));
            Checks.equal(3, results.size());
            Checks.equal("1", new String(client.getData().forPath("/tx"), UTF_8));
            client.delete().guaranteed().deletingChildrenIfNeeded().forPath("/deep");
            Checks.equal(null, client.checkExists().forPath("/deep"));
            client.create().orSetData().forPath("/tx", "2".getBytes(UTF_8));
            Checks.equal(2, client.checkExists().forPath("/tx").getVersion());
        }
    }
}
