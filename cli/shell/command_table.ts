/** All commands of the shell; help, parsing and completion come from this table. */
import type { ShellCommand } from "./command.ts";
import { getAclCommand, setAclCommand } from "./commands/acl.ts";
import { createCommand } from "./commands/create.ts";
import { deleteCommand } from "./commands/delete.ts";
import { deleteAllCommand } from "./commands/delete_all.ts";
import {
  configCommand,
  getAllChildrenNumberCommand,
  reconfigCommand,
  syncCommand,
  versionCommand,
} from "./commands/ensemble.ts";
import { getCommand } from "./commands/get.ts";
import { helpCommand, quitCommand } from "./commands/help.ts";
import { historyCommand, redoCommand } from "./commands/history.ts";
import { lsCommand } from "./commands/ls.ts";
import { delQuotaCommand, listQuotaCommand, setQuotaCommand } from "./commands/quota.ts";
import {
  addAuthCommand,
  closeCommand,
  connectCommand,
  getEphemeralsCommand,
  whoAmICommand,
} from "./commands/session.ts";
import { setCommand } from "./commands/set.ts";
import { statCommand } from "./commands/stat.ts";
import { addWatchCommand, printWatchesCommand, removeWatchesCommand } from "./commands/watches.ts";

/** In the order of the help, within each family. */
export const commandTable: readonly ShellCommand[] = [
  lsCommand,
  getCommand,
  setCommand,
  createCommand,
  statCommand,
  deleteCommand,
  deleteAllCommand,
  getAllChildrenNumberCommand,
  getEphemeralsCommand,
  addWatchCommand,
  removeWatchesCommand,
  printWatchesCommand,
  getAclCommand,
  setAclCommand,
  addAuthCommand,
  whoAmICommand,
  setQuotaCommand,
  listQuotaCommand,
  delQuotaCommand,
  syncCommand,
  configCommand,
  reconfigCommand,
  connectCommand,
  closeCommand,
  historyCommand,
  redoCommand,
  versionCommand,
  helpCommand,
  quitCommand,
];
