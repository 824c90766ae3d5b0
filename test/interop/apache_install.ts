/**
 * Where the jars of a real Apache ZooKeeper come from.
 *
 * - `3.8`: the Debian packages `zookeeper` and `libzookeeper-java`, installed with apt-get when they are
 *   missing and we are root.
 * - any other version (`3.9.5`): Maven Central, with the runtime dependencies that ZooKeeper's own
 *   distribution ships although its pom calls them "provided" (metrics, snappy, jetty, jackson, cli, jline).
 *   Kept in `.cache/apache/<version>/lib`, which git ignores.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The Apache releases the suites are validated against. */
export type ApacheVersion = "3.8" | "3.9.5";

/** Names of all {@linkcode ApacheVersion}s, for flags. */
export const apacheVersions: readonly ApacheVersion[] = ["3.8", "3.9.5"];

/** What a JVM needs to run Apache's server or client. */
export interface ApacheInstall {
  version: ApacheVersion;
  /** Value for `-cp`; holds server, client, zkCli and an slf4j backend that prints on stderr. */
  classpath: string;
}

const repositoryRoot = resolve(import.meta.dir, "../..");
const debianJars = "/usr/share/java";
const debianNeeded = ["zookeeper.jar", "slf4j-api.jar", "slf4j-simple.jar"];

/** Dependencies with "provided" scope in zookeeper-3.9.5.pom, at the versions its parent pom names. */
const providedDependencies: Record<Exclude<ApacheVersion, "3.8">, string[]> = {
  "3.9.5": [
    "io.dropwizard.metrics:metrics-core:4.1.12.1",
    "org.xerial.snappy:snappy-java:1.1.10.5",
    "org.eclipse.jetty:jetty-server:9.4.58.v20250814",
    "org.eclipse.jetty:jetty-servlet:9.4.58.v20250814",
    "org.eclipse.jetty:jetty-client:9.4.58.v20250814",
    "com.fasterxml.jackson.core:jackson-databind:2.15.2",
    "commons-cli:commons-cli:1.5.0",
    "org.jline:jline:3.25.1",
    "org.slf4j:slf4j-simple:2.0.13",
  ],
};

/**
 * Finds Apache ZooKeeper `version`, installing it when it is missing.
 *
 * @throws {Error} When Java, apt-get or Maven are missing or fail; the message says what to install by hand.
 */
export function ensureApache(version: ApacheVersion): ApacheInstall {
  const classpath = version === "3.8" ? ensureDebian() : ensureMaven(version);
  if (!succeeds("java", ["-version"])) {
    if (!aptInstall(["default-jre-headless"]) || !succeeds("java", ["-version"])) {
      throw new Error(`Apache ZooKeeper ${version} needs a Java runtime (Debian: default-jre-headless)`);
    }
  }
  return { version, classpath };
}

function ensureDebian(): string {
  const missing = () => debianNeeded.filter((jar) => !existsSync(join(debianJars, jar)));
  if (missing().length > 0) {
    const installed = aptInstall(["zookeeper", "libzookeeper-java", "libslf4j-java"]);
    if (!installed || missing().length > 0) {
      throw new Error(
        `Apache ZooKeeper 3.8 is not here (${missing().join(", ")} missing in ${debianJars}); ` +
          "install the Debian packages zookeeper, libzookeeper-java and libslf4j-java, " +
          "or run this as root where apt-get reaches its archive",
      );
    }
  }
  return [join(debianJars, "zookeeper.jar"), join(debianJars, "slf4j-simple.jar")].join(":");
}

function ensureMaven(version: Exclude<ApacheVersion, "3.8">): string {
  const home = join(repositoryRoot, ".cache", "apache", version);
  const lib = join(home, "lib");
  if (!existsSync(lib)) {
    if (!succeeds("mvn", ["-version"]) && !aptInstall(["maven"])) {
      throw new Error(`Apache ZooKeeper ${version} comes from Maven Central: install Maven (Debian: maven)`);
    }
    mkdirSync(home, { recursive: true });
    const pom = join(home, "pom.xml");
    writeFileSync(
      pom,
      pomOf([`org.apache.zookeeper:zookeeper:${version}`, ...providedDependencies[version]]),
    );
    // Filled aside and renamed, so that an interrupted download is never taken for an install.
    const partial = join(home, `lib.${process.pid}.part`);
    const run = spawnSync("mvn", [
      "-q",
      "-B",
      "-f",
      pom,
      "dependency:copy-dependencies",
      "-DincludeScope=runtime",
      `-DoutputDirectory=${partial}`,
    ], { encoding: "utf8" });
    if (run.status !== 0) {
      rmSync(partial, { recursive: true, force: true });
      throw new Error(`Maven could not fetch Apache ZooKeeper ${version}:\n${run.stdout}${run.stderr}`);
    }
    if (existsSync(lib)) rmSync(partial, { recursive: true, force: true });
    else renameSync(partial, lib);
  }
  return readdirSync(lib).filter((name) => name.endsWith(".jar")).sort().map((name) => join(lib, name)).join(
    ":",
  );
}

function pomOf(coordinates: string[]): string {
  const dependencies = coordinates.map((coordinate) => {
    const [group, artifact, version] = coordinate.split(":");
    return `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
      `<version>${version}</version></dependency>`;
  });
  return [
    `<project xmlns="http://maven.apache.org/POM/4.0.0">`,
    `  <modelVersion>4.0.0</modelVersion>`,
    `  <groupId>zoon.test</groupId><artifactId>apache-oracle</artifactId><version>1</version>`,
    `  <dependencies>`,
    ...dependencies,
    `  </dependencies>`,
    `</project>`,
    ``,
  ].join("\n");
}

/** True when a command runs and exits 0. */
export function succeeds(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** Installs Debian packages when we are root and apt-get is here; false when that did not work. */
export function aptInstall(packages: string[]): boolean {
  if (process.getuid?.() !== 0 || !succeeds("apt-get", ["--version"])) return false;
  // The packages would start a system-wide server on 2181; `--no-install-recommends` leaves the init script out.
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const run = () => spawnSync("apt-get", install, { stdio: "ignore", env }).status === 0;
  return run() || (succeeds("apt-get", ["update"]) && run());
}
