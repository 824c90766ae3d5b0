import { testReconfiguration } from "./reconfig_suite.ts";
import { target } from "./target.ts";

testReconfiguration(["apache-3.8", target, "apache-3.8"]);
