import type { KnownKey, KnownValues } from "./keys.ts";

/**
 * Keys that ask for something Zoon does not do yet, with the values that ask for it. A value that asks for nothing
 * (`sslQuorum=false`) is not worth a word.
 */
const unsupportedKeys: { readonly [K in KnownKey]?: (value: KnownValues[K]) => boolean } = {
  secureClientPort: always,
  secureClientPortAddress: always,
  observerMasterPort: (port) => port !== 0,
  sslQuorum: isTrue,
  portUnification: isTrue,
  sslQuorumReloadCertFiles: isTrue,
  "quorum.auth.enableSasl": isTrue,
  "quorum.auth.learnerRequireSasl": isTrue,
  "quorum.auth.serverRequireSasl": isTrue,
  "audit.enable": isTrue,
  clientPortListenBacklog: (length) => length !== -1,
  sessionRequireClientSASLAuth: isTrue,
  oraclePath: (path) => path !== "",
  request_throttle_max_requests: isPositive,
  throttled_op_wait_time: isPositive,
  connection_throttle_tokens: isPositive,
  "DigestAuthenticationProvider.digestAlg": (name) => !/^sha-?1$/i.test(name ?? ""),
};

/** The HTTP server's keys are named while it is not switched off: Apache has it on. */
const adminPrefix = "admin.";

/** Families of keys that all belong to something Zoon does not do yet: TLS, SASL, own classes. */
const unsupportedPrefixes = [
  "ssl.",
  "client.certReload",
  "client.portUnification",
  "quorum.auth.",
  "authProvider.",
  "X509AuthenticationProvider.",
  "sasl.",
  "kerberos.",
  "superUser",
  "ensembleAuthName",
  "netty.",
];

/** Whether a key belongs to a family of keys that are known without being listed one by one. */
export function isKnownFamily(key: string): boolean {
  return key.startsWith(metricsPrefix) || unsupportedPrefixes.some((prefix) => key.startsWith(prefix));
}

/** Keys that are handed to the metrics provider. */
const metricsPrefix = "metricsProvider.";

/** The provider that `mntr` reads from, which is what there is here. */
const defaultMetricsProvider = "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider";

/**
 * @param given All keys of the file with their values as written.
 * @param values Those that are known, checked.
 * @returns The keys that ask for something that is not supported, in the order of the file.
 */
export function findUnsupported(
  given: Iterable<readonly [key: string, value: string]>,
  values: KnownValues,
): string[] {
  const found: string[] = [];
  for (const [key, value] of given) {
    if (asksForMore(key, value, values)) found.push(key);
  }
  return found;
}

function asksForMore(key: string, value: string, values: KnownValues): boolean {
  if (Object.hasOwn(unsupportedKeys, key)) {
    const asks = unsupportedKeys[key as KnownKey] as (value: unknown) => boolean;
    return asks(values[key as KnownKey]);
  }
  if (key.startsWith(adminPrefix)) return values["admin.enableServer"] !== false;
  if (key === "metricsProvider.className") return value !== defaultMetricsProvider;
  return unsupportedPrefixes.some((prefix) => key.startsWith(prefix));
}

function always(): boolean {
  return true;
}

function isTrue(value: boolean | undefined): boolean {
  return value === true;
}

function isPositive(value: number | undefined): boolean {
  return value !== undefined && value > 0;
}
