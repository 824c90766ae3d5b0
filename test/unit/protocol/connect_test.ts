import { describe, expect, test } from "bun:test";
import { JuteError, JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import {
  type ConnectRequest,
  decodeConnectRequest,
  decodeConnectResponse,
  encodeConnectRequest,
  encodeConnectResponse,
  invalidSessionResponse,
} from "../../../src/protocol/connect.ts";

const password = Uint8Array.fromHex("5dbb080e26865efe030ece81dff1b87f");
const request: ConnectRequest = {
  protocolVersion: 0,
  lastZxidSeen: 0x500000007,
  timeoutMs: 30_000,
  sessionId: 0x0100001335490000n,
  password,
  readOnly: false,
};

function requestBytes(changes: Partial<ConnectRequest> = {}): Uint8Array {
  const writer = new JuteWriter();
  encodeConnectRequest(writer, { ...request, ...changes });
  return writer.copy();
}

describe("connect requests", () => {
  test("the bytes are those of Apache's clients", () => {
    expect(requestBytes().toHex()).toBe(
      "00000000" + "0000000500000007" + "00007530" + "0100001335490000" + "00000010" +
        "5dbb080e26865efe030ece81dff1b87f" + "00",
    );
  });

  test("with the read-only field, true or false, and without it", () => {
    for (const [readOnly, length] of [[false, 45], [true, 45], [null, 44]] as const) {
      const bytes = requestBytes({ readOnly });
      expect(bytes.length).toBe(length);
      expect(decodeConnectRequest(new JuteReader(bytes))).toEqual({ ...request, readOnly });
    }
  });

  test("a null password reads as zeros, a short one as it is", () => {
    const hex = requestBytes().toHex().slice(0, 48);
    const withNull = decodeConnectRequest(new JuteReader(Uint8Array.fromHex(hex + "ffffffff")));
    expect(withNull.password).toEqual(new Uint8Array(16));
    expect(withNull.readOnly).toBeNull();
    const short = decodeConnectRequest(new JuteReader(Uint8Array.fromHex(hex + "00000001" + "aa" + "01")));
    expect(short.password).toEqual(Uint8Array.of(0xaa));
    expect(short.readOnly).toBe(true);
  });

  test("bytes after the record are ignored", () => {
    const longer = Uint8Array.fromHex(requestBytes({ readOnly: true }).toHex() + "0102");
    expect(decodeConnectRequest(new JuteReader(longer)).readOnly).toBe(true);
  });

  test("cut short anywhere before the password's end, it is refused", () => {
    const bytes = requestBytes();
    for (let length = 0; length < 44; length++) {
      expect(() => decodeConnectRequest(new JuteReader(bytes, 0, length))).toThrow(JuteError);
    }
    expect(() => decodeConnectRequest(new JuteReader(bytes, 0, 44))).not.toThrow();
  });

  test("any 64-bit values pass through", () => {
    const bytes = requestBytes({ sessionId: -1n, timeoutMs: -5, lastZxidSeen: -1 });
    expect(decodeConnectRequest(new JuteReader(bytes))).toMatchObject({
      sessionId: -1n,
      timeoutMs: -5,
      lastZxidSeen: -1,
    });
    const far = Uint8Array.fromHex("00000000" + "7fffffffffffffff" + requestBytes().toHex().slice(24));
    expect(decodeConnectRequest(new JuteReader(far)).lastZxidSeen).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  });

  test("the password is a copy, although it came in a node Buffer", () => {
    const bytes = Buffer.from(requestBytes());
    const decoded = decodeConnectRequest(new JuteReader(bytes));
    bytes.fill(0);
    expect(decoded.password).toEqual(password);
  });
});

describe("connect responses", () => {
  test("a whole frame comes back as it was, with and without the read-only field", () => {
    for (const [readOnly, length] of [[true, 37], [false, 37], [null, 36]] as const) {
      const response = { timeoutMs: 30_000, sessionId: request.sessionId, password, readOnly };
      const writer = new JuteWriter();
      writer.byte(0xaa);
      encodeConnectResponse(writer, response);
      const reader = new JuteReader(writer.copy(), 1);
      expect(reader.int()).toBe(length);
      expect(reader.remaining).toBe(length);
      expect(decodeConnectResponse(reader)).toEqual(response);
    }
  });

  test("an invalid session is told by zeros that every client understands", () => {
    const writer = new JuteWriter();
    encodeConnectResponse(writer, invalidSessionResponse(false));
    expect(writer.view().toHex()).toBe("00000025" + "00".repeat(16) + "00000010" + "00".repeat(16) + "00");
    writer.reset();
    encodeConnectResponse(writer, invalidSessionResponse(null));
    expect(writer.view().toHex()).toBe("00000024" + "00".repeat(16) + "00000010" + "00".repeat(16));
  });

  test("cut short, it is refused", () => {
    const writer = new JuteWriter();
    encodeConnectResponse(writer, { timeoutMs: 1, sessionId: 1n, password, readOnly: null });
    for (let end = 4; end < 40; end++) {
      expect(() => decodeConnectResponse(new JuteReader(writer.bytes, 4, end))).toThrow(JuteError);
    }
  });
});
