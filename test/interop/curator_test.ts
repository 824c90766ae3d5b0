/** Curator's recipes on the server: test/interop/java/CuratorClient.java says what they do. */
import { ensureCurator, javaProgram, testsOfProgram } from "./client_programs.ts";

await testsOfProgram(javaProgram("CuratorClient", ensureCurator()));
