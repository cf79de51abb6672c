// Lets tests that run inside the extension host use the workbench as a person does: press buttons of dialogs, pick,
// type. The extension host has no way to its own window; this is a loopback server in the process that drives the page.
import { createServer } from "node:http";

/** What may be asked for, by the names of Workbench's methods. */
const allowed = new Set([
  "cancelProgress",
  "dialog",
  "fill",
  "inputProblem",
  "notification",
  "notifications",
  "noDialog",
  "pick",
  "pickFile",
  "press",
  "pressNotification",
  "screenshot",
  "statusBar",
]);

const revive = (argument) =>
  argument !== null && typeof argument === "object" && "pattern" in argument
    ? new RegExp(argument.pattern, argument.flags)
    : argument;

/**
 * @param current () => the Workbench, once there is one
 * @returns { url, stop }
 */
export async function startHands(current) {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", async () => {
      let answer;
      try {
        const { method, args } = JSON.parse(body);
        if (!allowed.has(method)) throw new Error(`The workbench is not driven by "${method}".`);
        const workbench = current();
        if (!workbench) throw new Error("There is no workbench yet.");
        answer = { value: await workbench[method](...args.map(revive)) };
      } catch (error) {
        answer = { error: error.message };
        await current()
          ?.screenshot("failed")
          .catch(() => undefined);
      }
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
