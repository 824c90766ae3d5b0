import { testReconfiguration } from "./reconfig_suite.ts";
import { target } from "./target.ts";

testReconfiguration([target, "apache-3.9.5", target]);
