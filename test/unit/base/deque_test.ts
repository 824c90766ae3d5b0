import { expect, test } from "bun:test";
import { Deque } from "../../../src/base/deque.ts";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";

test("items come out in the order they went in, across growth and wrap-around", () => {
  const deque = new Deque<number>(2);
  const seen: number[] = [];
  for (let item = 0; item < 100; item++) {
    deque.push(item);
    if (item % 3 === 0) seen.push(deque.shift()!);
  }
  while (deque.length > 0) seen.push(deque.shift()!);
  expect(seen).toEqual(Array.from({ length: 100 }, (_, item) => item));
});

test("an empty deque gives nothing, again and again", () => {
  const deque = new Deque<string>();
  for (let round = 0; round < 2; round++) {
    expect([deque.shift(), deque.pop(), deque.peek(), deque.at(0), deque.length]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      0,
    ]);
    deque.push("a");
    expect(deque.pop()).toBe("a");
  }
});

test("clear() empties it for new use", () => {
  const deque = new Deque<number>(4);
  for (let item = 0; item < 10; item++) deque.push(item);
  deque.clear();
  expect(deque.length).toBe(0);
  expect(deque.peek()).toBeUndefined();
  deque.push(7);
  expect([deque.peek(), deque.at(0), deque.at(1)]).toEqual([7, 7, undefined]);
});

test("under random use it does what an array does", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const deque = new Deque<number>(1 + randomBelow(random, 8));
    let plain: number[] = [];
    for (let step = 0; step < 500; step++) {
      const choice = randomBelow(random, 100);
      if (choice < 45) {
        deque.push(step);
        plain.push(step);
      } else if (choice < 75) expect(deque.shift()).toBe(plain.shift());
      else if (choice < 90) expect(deque.pop()).toBe(plain.pop());
      else if (choice < 99) {
        const index = randomBelow(random, plain.length + 2);
        expect(deque.at(index)).toBe(plain[index]);
      } else {
        deque.clear();
        plain = [];
      }
      expect(deque.length).toBe(plain.length);
      expect(deque.peek()).toBe(plain[0]);
    }
  }
});
