import { expect, test } from "bun:test";
import { ServerMetrics } from "../../../src/admin/metrics.ts";
import { Availability } from "../../../src/server/availability.ts";

function setUp() {
  const metrics = new ServerMetrics();
  const { electionTime, unavailableTime, leaderUnavailableTime } = metrics;
  const sums = () => [electionTime, unavailableTime, leaderUnavailableTime].map(({ sum }) => sum);
  return { metrics, sums, availability: new Availability(metrics, 100) };
}

test("a server is unavailable from its start until it serves, and an election is a part of that", () => {
  const { metrics, sums, availability } = setUp();
  availability.onLooking(105);
  availability.onOffice(125);
  availability.onServing(false, 140);
  expect(sums()).toEqual([20, 40, 0]);
  expect(metrics.lookings.value).toBe(1);
});

test("an office that never served, and the looking behind it, are one time without service", () => {
  const { metrics, sums, availability } = setUp();
  availability.onLooking(100);
  availability.onOffice(110);
  availability.onOfficeOver(150);
  availability.onLooking(160);
  availability.onOffice(170);
  availability.onServing(true, 200);
  expect(sums()).toEqual([20, 100, 100]);
  expect([metrics.electionTime.count, metrics.unavailableTime.count]).toEqual([2, 1]);
});

test("an office that a reconfiguration gives is not elected, and what was served before counts anew", () => {
  const { metrics, sums, availability } = setUp();
  availability.onLooking(100);
  availability.onOffice(100);
  availability.onServing(false, 100);
  availability.onOfficeOver(300);
  availability.onOffice(310);
  availability.onServing(true, 320);
  expect(sums()).toEqual([0, 20, 20]);
  expect(metrics.electionTime.count).toBe(1);
});
