import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { ChunkIntake, type FrameHandler, FrameSplitter } from "../../../src/jute/frame.ts";

/** Remembers the frames, and stops after those it is told to. */
class Recorder implements FrameHandler {
  readonly frames: string[] = [];
  readonly badLengths: number[] = [];
  stopAfter: (frame: string) => boolean = () => false;
  during: (() => void) | null = null;
  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    const frame = bytes.subarray(start, end).toHex();
    this.frames.push(frame);
    this.during?.();
    return !this.stopAfter(frame);
  }
  onBadLength(length: number): void {
    this.badLengths.push(length);
  }
}

function framed(...payloads: Uint8Array[]): Uint8Array {
  const stream = new Uint8Array(payloads.reduce((sum, payload) => sum + 4 + payload.length, 0));
  const view = new DataView(stream.buffer);
  let at = 0;
  for (const payload of payloads) {
    view.setInt32(at, payload.length);
    stream.set(payload, at + 4);
    at += 4 + payload.length;
  }
  return stream;
}

function payload(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (seed * 31 + index) & 0xff);
}

const payloads = [0, 1, 3, 4, 5, 100, 0, 0, 17, 300, 2].map((length, seed) => payload(length, seed));
const stream = framed(...payloads);
const expected = payloads.map((one) => one.toHex());

describe("FrameSplitter", () => {
  test("chunks of every size give the same frames", () => {
    for (let size = 1; size <= stream.length; size++) {
      const splitter = new FrameSplitter(300);
      const recorder = new Recorder();
      for (let at = 0; at < stream.length; at += size) splitter.push(stream.slice(at, at + size), recorder);
      expect(recorder.frames).toEqual(expected);
      expect(splitter.heldBytes).toBe(0);
    }
  });

  test("a chunk's memory may be used again after push()", () => {
    const splitter = new FrameSplitter(300);
    const recorder = new Recorder();
    const chunk = new Uint8Array(7);
    for (let at = 0; at < stream.length; at += 7) {
      const part = stream.subarray(at, at + 7);
      chunk.set(part);
      splitter.push(chunk.subarray(0, part.length), recorder);
      chunk.fill(0xee);
    }
    expect(recorder.frames).toEqual(expected);
  });

  test("splitters that share an intake do not disturb each other, even when one is fed by a frame of another", () => {
    const intake = new ChunkIntake();
    const [outer, inner] = [new FrameSplitter(300, intake), new FrameSplitter(300, intake)];
    const [outerFrames, innerFrames] = [new Recorder(), new Recorder()];
    let fed = 0;
    outerFrames.during = () => {
      if (fed < stream.length) inner.push(stream.slice(fed, fed + 50), innerFrames);
      fed += 50;
    };
    outerFrames.stopAfter = (frame) => frame === expected[4];
    for (let at = 0; at < stream.length; at += 13) {
      const chunk = stream.slice(at, at + 13);
      outer.push(chunk, outerFrames);
      chunk.fill(0xee);
      outer.resume(outerFrames);
    }
    expect(outerFrames.frames).toEqual(expected);
    expect(innerFrames.frames).toEqual(expected);
  });

  test("a chunk larger than the intake is looked at in place", () => {
    const large = Array.from({ length: 300 }, (_, seed) => payload(290, seed));
    const recorder = new Recorder();
    new FrameSplitter(300, new ChunkIntake()).push(framed(...large), recorder);
    expect(recorder.frames).toEqual(large.map((one) => one.toHex()));
  });

  test("a frame is handed out as soon as its last byte is there, not before", () => {
    const splitter = new FrameSplitter(300);
    const recorder = new Recorder();
    const bytes = framed(payload(10, 1));
    splitter.push(bytes.subarray(0, 13), recorder);
    expect([recorder.frames.length, splitter.heldBytes]).toEqual([0, 13]);
    splitter.push(bytes.subarray(13), recorder);
    expect([recorder.frames.length, splitter.heldBytes]).toEqual([1, 0]);
  });

  test("after a stop nothing is handed out, whatever is pushed, until it is resumed", () => {
    for (const size of [1, 5, 50, stream.length]) {
      for (let stop = 0; stop < payloads.length; stop++) {
        const splitter = new FrameSplitter(300);
        const recorder = new Recorder();
        recorder.stopAfter = () => recorder.frames.length === stop + 1;
        for (let at = 0; at < stream.length; at += size) splitter.push(stream.slice(at, at + size), recorder);
        expect(recorder.frames).toEqual(expected.slice(0, stop + 1));
        splitter.resume(recorder);
        expect(recorder.frames).toEqual(expected);
        expect(splitter.heldBytes).toBe(0);
      }
    }
  });

  test("one frame at a time, resumed after each", () => {
    const splitter = new FrameSplitter(300);
    const recorder = new Recorder();
    recorder.stopAfter = () => true;
    splitter.push(stream, recorder);
    for (let count = 1; count < payloads.length; count++) {
      expect(recorder.frames).toEqual(expected.slice(0, count));
      splitter.resume(recorder);
    }
    expect(recorder.frames).toEqual(expected);
    splitter.resume(recorder);
    expect(recorder.frames).toEqual(expected);
  });

  test("resume() called while a frame is handled hands nothing out twice", () => {
    for (const stopping of [false, true]) {
      const splitter = new FrameSplitter(300);
      const recorder = new Recorder();
      recorder.stopAfter = () => recorder.frames.length === 1 || stopping;
      splitter.push(stream, recorder);
      recorder.during = () => splitter.resume(recorder);
      for (let count = 0; count < payloads.length; count++) splitter.resume(recorder);
      expect(recorder.frames).toEqual(expected);
    }
  });

  test("a length beyond the limit or below zero is told once, and nothing follows", () => {
    for (const [length, hex] of [[301, "0000012d"], [-1, "ffffffff"], [-0x80000000, "80000000"]] as const) {
      for (const size of [1, 3, 1000]) {
        const splitter = new FrameSplitter(300);
        const recorder = new Recorder();
        const bytes = Uint8Array.fromHex(framed(payload(2, 1)).toHex() + hex + stream.toHex());
        for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.slice(at, at + size), recorder);
        splitter.resume(recorder);
        expect(recorder.frames).toEqual([payload(2, 1).toHex()]);
        expect(recorder.badLengths).toEqual([length]);
        expect(splitter.heldBytes).toBe(0);
      }
    }
  });

  test("a frame of exactly the limit passes", () => {
    const splitter = new FrameSplitter(1000);
    const recorder = new Recorder();
    splitter.push(framed(payload(1000, 1)), recorder);
    expect(recorder.frames).toEqual([payload(1000, 1).toHex()]);
  });

  test("under random chunks, stops and resumes every frame comes once and in order", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed);
      const sent = Array.from({ length: 200 }, (_, index) => payload(randomBelow(random, 200), index));
      const bytes = framed(...sent);
      const splitter = new FrameSplitter(200);
      const recorder = new Recorder();
      const stopOneIn = 1 + randomBelow(random, 10);
      recorder.stopAfter = () => randomBelow(random, stopOneIn) === 0;
      let at = 0;
      while (at < bytes.length) {
        const size = randomBelow(random, 1 + randomBelow(random, 2000));
        splitter.push(bytes.slice(at, at + size), recorder);
        at += size;
        if (randomBelow(random, 2) === 0) splitter.resume(recorder);
      }
      for (let count = 0; count < sent.length; count++) splitter.resume(recorder);
      expect(recorder.frames).toEqual(sent.map((one) => one.toHex()));
      expect(splitter.heldBytes).toBe(0);
    }
  });
});
