/**
 * Measures the stores of znodes: memory, inserts, look-ups as getData makes them, setData and removal.
 *
 *   bun test/bench/znode_store_bench.ts [paged|object] [znodes]...
 *
 * Znodes have 100 bytes of data and paths like /bench/a000123; memory is the growth of the whole process. The
 * best slice is what a quiet machine would show: look at the median too.
 */
import { cpus } from "node:os";
import { randomBelow, seededRandom } from "../../src/base/random.ts";
import { JuteWriter } from "../../src/jute/writer.ts";
import { ObjectZnodeStore } from "../../src/tree/object_znode_store.ts";
import { PagedZnodeStore } from "../../src/tree/paged_znode_store.ts";
import { noZnode, type ZnodeStore } from "../../src/tree/znode_store.ts";

const seed = 20240611;
const prefix = "/bench/a";
const pathBytes = prefix.length + 6;
/** Of a znode that was created and not changed since: versions and owner are 0. */
const stat = new Uint8Array(60).fill(1);
stat.fill(0, 32, 52);
const dataBytes = 100;
/** Sets take up to ten bytes more. */
const data = new Uint8Array(dataBytes + 10).fill(0x78);
const base = new TextEncoder().encode("/bench");
const path = new TextEncoder().encode(`${prefix}000000`);

function setPath(index: number): void {
  for (let at = pathBytes - 1, rest = index; at >= prefix.length; at--) {
    path[at] = 0x30 + rest % 10;
    rest = (rest / 10) | 0;
  }
}

function rss(): number {
  Bun.gc(true);
  // The allocator gives back what is free a little later.
  Bun.sleepSync(1500);
  return process.memoryUsage.rss();
}

const sliceSteps = 8192;
const wantedMask = (1 << 20) - 1;

/** Runs `step` `count` times; reports millions per second over slices of 8192: their median and the best. */
function measure(count: number, step: (index: number) => void): string {
  const rates: number[] = [];
  for (let from = 0; from < count; from += sliceSteps) {
    const end = Math.min(from + sliceSteps, count);
    const before = performance.now();
    for (let index = from; index < end; index++) step(index);
    rates.push((end - from) / (performance.now() - before) / 1000);
  }
  rates.sort((one, other) => one - other);
  return `${rates[rates.length >> 1].toFixed(2)} M/s (best ${rates[rates.length - 1].toFixed(2)})`;
}

function run(make: () => ZnodeStore, znodes: number): void {
  const rssBefore = rss();
  const store = make();
  const parent = store.insert(store.root, base, 0, base.length, data, 0, 0, -1, stat, 0);
  const insert = (index: number) => {
    setPath(index);
    store.insert(parent, path, 0, pathBytes, data, 0, dataBytes, -1, stat, 0);
  };
  let slowestMs = 0;
  const inserts = measure(znodes, (index) => {
    if ((index & 63) !== 0) return insert(index);
    const before = performance.now();
    insert(index);
    slowestMs = Math.max(slowestMs, performance.now() - before);
  });
  const grown = rss() - rssBefore;

  const random = seededRandom(seed);
  const wanted = Int32Array.from({ length: wantedMask + 1 }, () => randomBelow(random, znodes));
  const writer = new JuteWriter(64 * 1024);
  let missed = 0;
  const reads = measure(5 << 20, (index) => {
    setPath(wanted[index & wantedMask]);
    if (writer.length > 60_000) writer.reset();
    const ref = store.find(path, 0, pathBytes);
    if (ref === noZnode) missed++;
    store.writeData(ref, writer);
    store.writeStat(ref, writer);
  });
  const finds = measure(5 << 20, (index) => {
    setPath(wanted[index & wantedMask]);
    if (store.find(path, 0, pathBytes) === noZnode) missed++;
  });
  const changes = measure(1 << 20, (index) => {
    setPath(wanted[index & wantedMask]);
    store.setData(store.find(path, 0, pathBytes), data, 0, 90 + index % 20);
  });
  const removals = measure(znodes, (index) => {
    setPath(index);
    store.remove(store.find(path, 0, pathBytes));
  });
  const emptied = rss() - rssBefore;
  const inMegabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    [
      `${znodes} znodes`,
      `RSS +${inMegabytes(grown)} (${(grown / znodes).toFixed(0)} bytes each), emptied +${
        inMegabytes(emptied)
      }`,
      `insert ${inserts} (slowest sampled ${slowestMs.toFixed(2)} ms)`,
      `getData ${reads}`,
      `find ${finds}`,
      `setData ${changes}`,
      `find and remove ${removals}`,
      ...(missed > 0 ? [`${missed} MISSED`] : []),
    ].join("\n  "),
  );
}

/** Lets the compiler see the code before memory is measured. */
function warmUp(make: () => ZnodeStore): void {
  const store = make();
  const parent = store.insert(store.root, base, 0, base.length, data, 0, 0, -1, stat, 0);
  for (let index = 0; index < 50_000; index++) {
    setPath(index);
    store.insert(parent, path, 0, pathBytes, data, 0, dataBytes, -1, stat, 0);
  }
}

const [kind = "paged", ...sizes] = process.argv.slice(2);
const ownerRules = { extendedTypes: true, emulate353Ttl: false };
const make = kind === "object"
  ? () => new ObjectZnodeStore({ ownerRules })
  : () => new PagedZnodeStore({ ownerRules, random: seededRandom(seed) });
console.log(`${kind} store, Bun ${Bun.version}, ${cpus().length} x ${cpus()[0]?.model}, seed ${seed}`);
warmUp(make);
for (const size of sizes.length > 0 ? sizes.map(Number) : [1000, 100_000, 1_000_000]) {
  run(make, size);
}
