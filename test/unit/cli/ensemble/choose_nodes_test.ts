import { describe, expect, test } from "bun:test";
import { chooseNodes } from "../../../../cli/ensemble/choose_nodes.ts";
import { view } from "./_view.ts";

const nodes = [view(1, "follower"), view(2, "leader"), view(3, "down")];

describe("chooseNodes()", () => {
  test("takes ids and the word leader, each node once", () => {
    expect(chooseNodes(["3", "leader", "2", "3"], nodes)).toEqual([3, 2]);
  });

  test("names the nodes there are when a word is none of them", () => {
    for (const word of ["7", "0", "x", "01", ""]) {
      expect(chooseNodes(["1", word], nodes)).toBe(`there is no node ${word}: the nodes are 1, 2, 3`);
    }
    expect(chooseNodes(["2"], [view(1, "standalone")])).toBe("there is no node 2: the only node is 1");
  });

  test("says so when none leads", () => {
    expect(chooseNodes(["leader"], [view(1, "looking"), view(2, "down")])).toBe(
      "no node leads at the moment",
    );
  });
});
