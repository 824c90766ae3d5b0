/** Real ensembles of Zoon that change their members while they run. */
import { testReconfiguration } from "../interop/reconfig_suite.ts";

testReconfiguration(["zoon", "zoon", "zoon"]);
