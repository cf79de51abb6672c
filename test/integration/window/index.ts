import "./judge.test";
import "./generation.test";
import { runSuite } from "../suite";

/** Tests in which a person uses the window. Started by the extension in fixtures/chat-provider. */
export const run = runSuite;
