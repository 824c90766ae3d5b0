/** The server under test in ensembles with Apache ZooKeeper 3.8. */
import { testMixedEnsembles } from "./mixed_ensemble_suite.ts";

testMixedEnsembles("apache-3.8");
