import { describe, expect, test } from "bun:test";
import { load, refusal } from "./_load.ts";

const minimal = "dataDir=/data\nclientPort=2181\n";
const configOf = (more: string) => load({ cfg: minimal + more }).config;
const noticesOf = (more: string) => load({ cfg: minimal + more }).notices;

describe("a configuration without a file", () => {
  test("runs standalone on the loopback address with its data in ./zoon-data", () => {
    const { config, notices } = load({});
    expect(config.configFile).toBeUndefined();
    expect(config.client).toEqual({ host: "127.0.0.1", port: 2181 });
    expect(config.storage.dataDir).toBe("./zoon-data");
    expect(config.storage.dataLogDir).toBe("./zoon-data");
    expect(config.ensemble).toBeUndefined();
    expect(notices).toEqual([]);
  });

  test("takes flags over its defaults", () => {
    const { config } = load({
      flags: { clientPort: "0", clientPortAddress: "::1", dataDir: "/d", dataLogDir: "/l" },
    });
    expect(config.client).toEqual({ host: "::1", port: 0 });
    expect(config.storage).toMatchObject({ dataDir: "/d", dataLogDir: "/l" });
  });

  test("names the flag in a refusal", () => {
    expect(refusal({ flags: { tickTime: "2s" } })).toBe(
      "--tickTime: tickTime=2s must be a whole number of milliseconds, at least 1",
    );
  });
});

describe("a zoo.cfg with nothing but a data directory", () => {
  test("has Apache's defaults, but purges and knows TTL znodes", () => {
    const { config, notices } = load({ cfg: "dataDir=/data\n" });
    expect(config).toEqual({
      configFile: "zoo.cfg",
      serverId: undefined,
      client: undefined,
      listenBacklog: -1,
      clientTcpKeepAlive: false,
      tickMs: 3000,
      minSessionTimeoutMs: 6000,
      maxSessionTimeoutMs: 60000,
      storage: {
        dataDir: "/data",
        dataLogDir: "/data",
        createDirectories: true,
        createDatabase: true,
        snapshotEveryTxns: 100000,
        snapshotEveryBytes: 4294967296,
        logFileBytesMax: undefined,
        logPreallocateBytes: 67108864,
        forceSync: true,
        syncWarningMs: 1000,
        snapshotCompression: "none",
        trustEmptySnapshot: false,
        serializeLastProcessedZxid: true,
        committedTxnsKept: 500,
        snapshotSizeFactor: 0.33,
        purge: { keepSnapshots: 3, everyMs: 3600000 },
      },
      groupCommit: { flushDelayMs: 0, queuePollMs: 0, batchTxnsMax: 1000 },
      limits: {
        frameBytesMax: 1048575,
        fieldBytesMax: 2097150,
        connectionsPerAddressMax: 60,
        connectionsMax: 0,
        outstandingRequestsMax: 1000,
        largeRequestBytes: undefined,
        largeRequestsBytesMax: 104857600,
        sessionlessConnectionMs: 10000,
      },
      auth: { skipAcl: false, superDigest: undefined, digestEnabled: true, enforcedSchemes: undefined },
      tree: {
        extendedTypes: true,
        emulate353Ttl: false,
        enforceQuota: false,
        eagerAclCheck: false,
        digest: true,
        closeSessionTxn: true,
        containers: { checkEveryMs: 60000, deletionsPerMinuteMax: 10000, neverUsedMs: 0 },
      },
      fourLetterWhitelist: undefined,
      readOnlyMode: false,
      ensemble: undefined,
    });
    expect(notices).toEqual([]);
  });
});

describe("a zoo.cfg", () => {
  test("sets what it names", () => {
    const config = configOf(`
      clientPortAddress=10.0.0.1
      clientPortListenBacklog=100
      dataLogDir=/log
      tickTime=2000
      maxClientCnxns=5
      maxCnxns=50
      snapCount=1000
      snapSizeLimitInKb=0
      txnLogSizeLimitInKb=10
      preAllocSize=1
      forceSync=no
      fsync.warningthresholdms=20
      snapshot.compression.method=gz
      snapshot.trust.empty=true
      digest.enabled=false
      serializeLastProcessedZxid.enabled=false
      closeSessionTxn.enabled=false
      db.autocreate=false
      datadir.autocreate=false
      flushDelay=30
      maxBatchSize=5
      globalOutstandingLimit=7
      skipACL=yes
      enforceQuota=true
      enableEagerACLCheck=true
      extendedTypesEnabled=false
      emulate353TTLNodes=true
      clientTcpKeepAlive=true
      nio.sessionlessCnxnTimeout=5000
      largeRequestThreshold=100
      largeRequestMaxBytes=1000
      4lw.commands.whitelist=ruok, mntr
      DigestAuthenticationProvider.superDigest=super:abc=
      enforce.auth.enabled=true
      enforce.auth.schemes=digest, ip
      autopurge.purgeInterval=24
      autopurge.snapRetainCount=5
      jute.maxbuffer=4194304
      zookeeper.readonlymode.enabled=true
      znode.container.checkIntervalMs=1
      zookeeper.znode.container.maxPerMinute=2
      znode.container.maxNeverUsedIntervalMs=3
    `);
    expect(config.client).toEqual({ host: "10.0.0.1", port: 2181 });
    expect(config).toMatchObject({
      listenBacklog: 100,
      clientTcpKeepAlive: true,
      tickMs: 2000,
      minSessionTimeoutMs: 4000,
      maxSessionTimeoutMs: 40000,
      fourLetterWhitelist: "ruok, mntr",
      readOnlyMode: true,
      groupCommit: { flushDelayMs: 30, queuePollMs: 10, batchTxnsMax: 5 },
      storage: {
        dataLogDir: "/log",
        createDirectories: false,
        createDatabase: false,
        snapshotEveryTxns: 1000,
        snapshotEveryBytes: undefined,
        logFileBytesMax: 10240,
        logPreallocateBytes: 1024,
        forceSync: false,
        syncWarningMs: 20,
        snapshotCompression: "gzip",
        trustEmptySnapshot: true,
        serializeLastProcessedZxid: false,
        purge: { keepSnapshots: 5, everyMs: 86400000 },
      },
      limits: {
        frameBytesMax: 4194304,
        fieldBytesMax: 8388608,
        connectionsPerAddressMax: 5,
        connectionsMax: 50,
        outstandingRequestsMax: 7,
        largeRequestBytes: 100,
        largeRequestsBytesMax: 1000,
        sessionlessConnectionMs: 5000,
      },
      auth: { skipAcl: true, superDigest: "super:abc=", enforcedSchemes: ["digest", "ip"] },
      tree: {
        extendedTypes: false,
        emulate353Ttl: true,
        enforceQuota: true,
        eagerAclCheck: true,
        digest: false,
        closeSessionTxn: false,
        containers: { checkEveryMs: 1, deletionsPerMinuteMax: 2, neverUsedMs: 3 },
      },
    });
  });

  test("names every bad value at once", () => {
    expect(refusal({ cfg: "dataDir=/data\ntickTime=x\n\nforceSync=maybe\n" })).toBe(
      "zoo.cfg:2: tickTime=x must be a whole number of milliseconds, at least 1\n" +
        "zoo.cfg:4: forceSync=maybe must be yes or no",
    );
  });

  test("must have a data directory", () => {
    expect(refusal({ cfg: "clientPort=1\n" })).toBe(
      "zoo.cfg: dataDir is not set: add a line such as dataDir=/var/lib/zookeeper",
    );
  });

  test("must give a port with an address, for clients and for TLS", () => {
    expect(refusal({ cfg: "dataDir=/d\nclientPortAddress=h\nsecureClientPortAddress=h\n" })).toBe(
      "zoo.cfg:2: clientPortAddress=h is set but clientPort is not set\n" +
        "zoo.cfg:3: secureClientPortAddress=h is set but secureClientPort is not set",
    );
  });

  test("may not have a least session timeout above the greatest, given or by default", () => {
    expect(refusal({ cfg: `${minimal}minSessionTimeout=9000\nmaxSessionTimeout=8000\n` })).toBe(
      "zoo.cfg:3: minSessionTimeout=9000 makes the least session timeout (9000 ms) greater than the greatest (8000 ms)",
    );
    expect(refusal({ cfg: `${minimal}maxSessionTimeout=5000\n` })).toStartWith(
      "zoo.cfg:3: maxSessionTimeout=5000 ",
    );
    expect(configOf("minSessionTimeout=-1\nmaxSessionTimeout=-1\n")).toMatchObject({
      minSessionTimeoutMs: 6000,
      maxSessionTimeoutMs: 60000,
    });
  });

  test("that asks for SASL by halves is refused as by Apache", () => {
    expect(refusal({ cfg: `${minimal}quorum.auth.serverRequireSasl=true\n` })).toBe(
      "zoo.cfg:3: quorum.auth.serverRequireSasl=true needs quorum.auth.learnerRequireSasl=true\n" +
        "zoo.cfg:3: quorum.auth.serverRequireSasl=true needs quorum.auth.enableSasl=true",
    );
    expect(refusal({ cfg: `${minimal}quorum.auth.learnerRequireSasl=true\n` })).toBe(
      "zoo.cfg:3: quorum.auth.learnerRequireSasl=true needs quorum.auth.enableSasl=true",
    );
  });

  test("that enforces authentication must name schemes that exist", () => {
    expect(refusal({ cfg: `${minimal}enforce.auth.enabled=true\n` })).toBe(
      "zoo.cfg:3: enforce.auth.enabled=true needs enforce.auth.schemes, such as digest",
    );
    expect(refusal({ cfg: `${minimal}enforce.auth.enabled=true\nenforce.auth.schemes=digest,sasl\n` })).toBe(
      "zoo.cfg:4: enforce.auth.schemes=digest,sasl asks for scheme sasl, which is not available",
    );
    expect(configOf("enforce.auth.schemes=sasl\n").auth.enforcedSchemes).toBeUndefined();
  });

  test("raises what is too small to Apache's minimum and says so", () => {
    const { config, notices } = load({
      cfg: `${minimal}snapCount=1\ncommitLogCount=3\nautopurge.snapRetainCount=1\n`,
    });
    expect(config.storage).toMatchObject({ snapshotEveryTxns: 2, committedTxnsKept: 500 });
    expect(config.storage.purge?.keepSnapshots).toBe(3);
    expect(notices.map(({ level, message, fields }) => [level, message, fields])).toEqual([
      ["warn", "A value is too small; the minimum is used", { key: "snapCount", value: 1, minimum: 2 }],
      ["warn", "A value is too small; the minimum is used", {
        key: "commitLogCount",
        value: 3,
        minimum: 500,
      }],
      ["warn", "A value is too small; the minimum is used", {
        key: "autopurge.snapRetainCount",
        value: 1,
        minimum: 3,
      }],
    ]);
  });

  test("switches purging off with an interval of 0", () => {
    expect(configOf("autopurge.purgeInterval=0\n").storage.purge).toBeUndefined();
  });

  test("takes a number below 0 for 0 where Apache does", () => {
    const { limits, storage } = configOf(
      "maxClientCnxns=-1\nmaxCnxns=-1\npreAllocSize=-1\nautopurge.purgeInterval=-1\n",
    );
    expect([limits.connectionsPerAddressMax, limits.connectionsMax, storage.logPreallocateBytes]).toEqual([
      0,
      0,
      0,
    ]);
    expect(storage.purge).toBeUndefined();
  });

  test("gives the extra of a field at least 1024 bytes", () => {
    expect(configOf("jute.maxbuffer=100\n").limits.fieldBytesMax).toBe(1124);
    expect(configOf("jute.maxbuffer.extrasize=5000\n").limits).toMatchObject({
      frameBytesMax: 1048575,
      fieldBytesMax: 1053575,
    });
  });

  test("warns of a relative path unless it begins with ./", () => {
    const warned = (dir: string) =>
      load({ cfg: `dataDir=${dir}\n` }).notices.map(({ fields }) => fields.path);
    expect(warned("data")).toEqual(["data"]);
    expect(warned("./data")).toEqual([]);
    expect(warned("/data")).toEqual([]);
    expect(warned("C:/data")).toEqual([]);
    expect(noticesOf("dataLogDir=logs\n").map(({ level, fields }) => [level, fields])).toEqual([["warn", {
      path: "logs",
    }]]);
  });

  test("names all that is not supported in one warning", () => {
    const notices = noticesOf(`
      secureClientPort=2281
      ssl.keyStore.location=/k
      authProvider.1=org.example.Provider
      admin.serverPort=8081
      metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider
      sessionRequireClientSASLAuth=true
      connection_throttle_tokens=5
    `);
    expect(notices).toEqual([{
      level: "warn",
      message: "These settings are known but not supported yet and have no effect",
      fields: {
        keys: "secureClientPort, ssl.keyStore.location, authProvider.1, admin.serverPort, " +
          "metricsProvider.className, sessionRequireClientSASLAuth, connection_throttle_tokens",
      },
    }]);
  });

  test("says nothing of a setting that asks for nothing", () => {
    expect(noticesOf(`
      sslQuorum=false
      portUnification=false
      admin.enableServer=false
      admin.serverPort=8081
      metricsProvider.className=org.apache.zookeeper.metrics.impl.DefaultMetricsProvider
      reconfigEnabled=true
      localSessionsEnabled=true
      multiAddress.enabled=true
      learner.asyncSending=true
      observerMasterPort=0
      connection_throttle_tokens=0
      DigestAuthenticationProvider.digestAlg=SHA1
      oraclePath=
      nio.numWorkerThreads=4
      serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
    `)).toEqual([]);
  });

  test("keeps quiet about keys it does not know, but for those who debug", () => {
    expect(noticesOf("tickTiem=3\nzookeeper.snapCount=3\n")).toEqual([
      {
        level: "debug",
        message: "Unknown settings are passed over",
        fields: { keys: "tickTiem, zookeeper.snapCount" },
      },
    ]);
  });

  test("that is missing, broken or unreadable is said to be", () => {
    expect(() => load({ cfg: "dataDir=\\u12\n" })).toThrow(
      'zoo.cfg:1: \\u must be followed by four hexadecimal digits, not "12"',
    );
    expect(refusal({ cfg: `${minimal}dynamicConfigFile=zoo.dynamic\n` })).toBe(
      "zoo.dynamic: there is no such file",
    );
  });

  test("yields to flags", () => {
    const { config } = load({ cfg: minimal, flags: { clientPort: "0", snapCount: "5" } });
    expect(config.client?.port).toBe(0);
    expect(config.storage.snapshotEveryTxns).toBe(5);
  });
});

describe("myid", () => {
  test("is the first line of the file in the data directory, and --id goes before it", () => {
    expect(load({ cfg: minimal, files: { "/data/myid": "7\nrest" } }).config.serverId).toBe(7);
    expect(load({ cfg: minimal, files: { "/data/myid": "7\n" }, serverId: 9 }).config.serverId).toBe(9);
  });

  test("must be a number without blanks", () => {
    expect(refusal({ cfg: minimal, files: { "/data/myid": " 7\n" } })).toBe(
      '/data/myid:1: must be the server\'s id, a whole number, not " 7"',
    );
    expect(refusal({ cfg: minimal, files: { "/data/myid": "" } })).toContain("/data/myid:1");
  });
});
