import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import { ownerRules } from "./_txns.ts";
import { testZnodeStore } from "./znode_store_suite.ts";

testZnodeStore("ObjectZnodeStore", () => new ObjectZnodeStore({ ownerRules }));
