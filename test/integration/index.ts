import "./activation.test";
import "./index.test";
import "./view.test";
import "./language.test";
import "./specification.test";
import "./runReports.test";
import "./editors.test";
import "./search.test";
import "./scoring.test";
import "./models.test";
import "./settings.test";
import "./tasks.test";
import "./live.test";
import "./badInput.test";
import { runSuite } from "./suite";

/** Called inside the extension host by VS Code. */
export const run = runSuite;
