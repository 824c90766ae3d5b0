/** Apache's Java client 3.8 drives the server: test/interop/java/JavaClient.java says what it tries. */
import { ensureApache } from "./apache_install.ts";
import { javaProgram, testsOfProgram } from "./client_programs.ts";

await testsOfProgram(javaProgram("JavaClient", ensureApache("3.8").classpath));
