import type { Op } from "./op.ts";
import { closeSession } from "./ops/close_session.ts";
import { create, create2, createContainer, createTTL } from "./ops/create.ts";
import { deleteOp } from "./ops/delete.ts";
import { exists } from "./ops/exists.ts";
import { getACL } from "./ops/get_acl.ts";
import { getAllChildrenNumber } from "./ops/get_all_children_number.ts";
import { getChildren, getChildren2 } from "./ops/get_children.ts";
import { getData } from "./ops/get_data.ts";
import { getEphemerals } from "./ops/get_ephemerals.ts";
import { multi } from "./ops/multi.ts";
import { multiRead } from "./ops/multi_read.ts";
import { reconfig } from "./ops/reconfig.ts";
import { setACL } from "./ops/set_acl.ts";
import { setData } from "./ops/set_data.ts";
import { setWatches, setWatches2 } from "./ops/set_watches.ts";
import { sync } from "./ops/sync.ts";
import { addWatch, checkWatches, removeWatches } from "./ops/watches.ts";
import { whoAmI } from "./ops/who_am_i.ts";

/**
 * Every request that a client may send, by opcode. ping, auth and sasl are the connection's own business;
 * `check` stands alone nowhere, and what the reaper uses is no client's to send.
 */
const ops: readonly Op[] = [
  addWatch,
  checkWatches,
  closeSession,
  create,
  create2,
  createContainer,
  createTTL,
  deleteOp,
  exists,
  getACL,
  getAllChildrenNumber,
  getChildren,
  getChildren2,
  getData,
  getEphemerals,
  multi,
  multiRead,
  reconfig,
  removeWatches,
  setACL,
  setData,
  setWatches,
  setWatches2,
  sync,
  whoAmI,
];

const codeMax = 128;
const table: (Op | undefined)[] = new Array<Op | undefined>(codeMax).fill(undefined);
for (const op of ops) if (op.code >= 0) table[op.code] = op;

/** @returns The row of an opcode, or undefined when no client may send it. */
export function opOf(code: number): Op | undefined {
  return code >= 0 && code < codeMax ? table[code] : code === closeSession.code ? closeSession : undefined;
}
