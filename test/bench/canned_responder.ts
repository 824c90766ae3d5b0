#!/usr/bin/env bun
/**
 * Answers every ZooKeeper request at once with bytes prepared beforehand, keeping nothing: what machine, kernel
 * and runtime allow a server at most. The load generator is measured against it.
 *
 *   bun test/bench/canned_responder.ts [port]     prints the port it listens on
 */
import { opcode } from "../wire/codes.ts";
import { ByteWriter, frame } from "../wire/frames.ts";

interface State {
  hasSession: boolean;
  partial: Uint8Array | null;
}

const empty = new Uint8Array(0);
const stat = new Uint8Array(68);
const getReply = frame(
  new ByteWriter().raw(new Uint8Array(16)).buffer(new Uint8Array(100)).raw(stat).bytes(),
);
const setReply = frame(new ByteWriter().raw(new Uint8Array(16)).raw(stat).bytes());
const bareReply = frame(new Uint8Array(16));
const connectReply = frame(
  new ByteWriter().int(0).int(40_000).long(1).buffer(new Uint8Array(16)).bool(false).bytes(),
);
let out = new Uint8Array(64 * 1024);
let outTo = 0;

const server = Bun.listen<State>({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  socket: {
    binaryType: "uint8array",
    open(socket) {
      socket.setNoDelay(true);
      socket.data = { hasSession: false, partial: null };
    },
    data(socket, bytes) {
      answer(socket.data, bytes as Uint8Array);
      // Nobody is sent more than fits the kernel's buffer: the generator waits for its replies.
      if (outTo > 0 && socket.write(out, 0, outTo) !== outTo) socket.terminate();
      outTo = 0;
    },
    close() {},
    error() {},
  },
});
console.log(server.port);

function answer(state: State, bytes: Uint8Array): void {
  let data = bytes;
  if (state.partial !== null) {
    data = new Uint8Array(state.partial.length + bytes.length);
    data.set(state.partial);
    data.set(bytes, state.partial.length);
    state.partial = null;
  }
  let at = 0;
  while (at + 4 <= data.length) {
    const end = at + 4 + intAt(data, at);
    if (end > data.length) break;
    if (state.hasSession) reply(data, at + 4);
    else {
      state.hasSession = true;
      put(connectReply);
    }
    at = end;
  }
  if (at < data.length) state.partial = data.slice(at);
}

function reply(data: Uint8Array, at: number): void {
  const type = intAt(data, at + 4);
  const start = outTo;
  if (type === opcode.getData) put(getReply);
  else if (type === opcode.setData) put(setReply);
  else if (type === opcode.create) {
    const pathBytes = 4 + intAt(data, at + 8);
    put(empty, 20 + pathBytes);
    out.fill(0, start, start + 20);
    out[start + 3] = 16 + pathBytes;
    out.set(data.subarray(at + 8, at + 8 + pathBytes), start + 20);
  } else put(bareReply);
  for (let index = 0; index < 4; index++) out[start + 4 + index] = data[at + index];
}

function put(bytes: Uint8Array, length = bytes.length): void {
  if (outTo + length > out.length) {
    const grown = new Uint8Array(2 * out.length + length);
    grown.set(out.subarray(0, outTo));
    out = grown;
  }
  out.set(bytes, outTo);
  outTo += length;
}

function intAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
