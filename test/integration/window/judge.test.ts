import { strict as assert } from "node:assert";
import * as vscode from "vscode";
import type { JudgeReport } from "../../../src/services/judgingContract";
import { closeEditors, reasoningDataset, api } from "../extension";
import { hands } from "./hands";
import { Skipped, test, until } from "../runner";

/** What the extension in fixtures/chat-provider gives to its tests. */
interface ChatProvider {
  gradeOf(prompt: string): number;
  offer(ids: readonly ("open" | "guarded")[]): void;
  behave(
    next:
      | { readonly kind: "grade" | "slow" | "deaf" }
      | { readonly kind: "say"; readonly text: string }
      | { readonly kind: "fail"; readonly message: string }
      | { readonly kind: "blocked-after"; readonly after: number; readonly message: string },
  ): void;
  told(): {
    readonly requests: readonly {
      readonly model: string;
      readonly prompt: string;
      readonly modelOptions: Readonly<Record<string, unknown>>;
      readonly cancelled: boolean;
    }[];
    readonly mostUnderWay: number;
    readonly underWay: number;
  };
}

async function provider(): Promise<ChatProvider> {
  const extension = vscode.extensions.getExtension<ChatProvider>("trajectory-lens-tests.chat-provider");
  if (!extension) throw new Skipped("the provider of language models for tests is not installed here");
  return extension.isActive ? extension.exports : await extension.activate();
}

/** Declares the only judge there is, and offers its model, until `work` has ended. */
async function withJudge<T>(
  family: string,
  work: (chat: ChatProvider) => Promise<T>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<T> {
  const chat = await provider();
  await api();
  const configuration = vscode.workspace.getConfiguration("trajectoryLens");
  chat.offer(["open", "guarded"]);
  // The editor takes over a provider's models in its own time.
  await until("the editor to offer the model", async () => {
    const models = await vscode.lm.selectChatModels({ family });
    return models.length > 0;
  });
  await configuration.update(
    "models",
    [{ name: `judge of ${family}`, kind: "judge", api: "vscode", model: family, ...more }],
    vscode.ConfigurationTarget.Global,
  );
  try {
    return await work(chat);
  } finally {
    chat.behave({ kind: "grade" });
    await configuration.update("models", undefined, vscode.ConfigurationTarget.Global);
    await vscode.commands.executeCommand("notifications.clearAll");
    await closeEditors();
  }
}

/** Trajectories that no test has judged before, by how many of them were given out. */
let taken = 0;
async function fresh(count: number): Promise<readonly { readonly id: string; readonly steps: number }[]> {
  const { services } = await api();
  const dataset = await reasoningDataset();
  const { rows } = await services().datasets.rows({ datasetId: dataset.id }, taken, taken + count);
  assert.equal(rows.length, count);
  taken += count;
  return Promise.all(
    rows.map(async ({ id }) => ({
      id,
      steps: (await services().datasets.trajectory(id)).steps.filter(({ role }) => role === "assistant")
        .length,
    })),
  );
}

/** Runs the command and chooses the prompt that grades each step from 0 to 10. */
function judge(ids: readonly string[], prompt = "step-quality"): Promise<JudgeReport | undefined> {
  const run = vscode.commands.executeCommand<JudgeReport | undefined>("trajectoryLens.judgeTrajectory", {
    trajectoryIds: ids,
  });
  return hands()
    .pick(new RegExp(prompt))
    .then(() => run);
}

test("judge: the editor asks the user once whether a language model may be used; refused, nothing is sent", () =>
  withJudge("guarded-family", async (chat) => {
    const [one] = await fresh(1);
    const { services } = await api();
    chat.behave({ kind: "grade" });
    const refused = judge([one!.id]);
    const asked = await hands().dialog(/wants to access the language models/);
    assert.match(asked.text, /Trajectory Lens/);
    assert.match(asked.text, /texts of your trajectories/, "it says why");
    await hands().press("Cancel");
    assert.equal(await refused, undefined);
    assert.match(await hands().notification(/may not use/), /Judge again and allow it/);
    assert.ok(await hands().noDialog(1_500), "the user is asked once for all requests of a run");
    assert.deepEqual(chat.told().requests, [], "nothing was sent");
    await vscode.commands.executeCommand("notifications.clearAll");

    const allowed = judge([one!.id]);
    await hands().dialog(/wants to access the language models/);
    await hands().press("Allow");
    const report = await allowed;
    assert.ok(report);
    assert.deepEqual(report.failures, []);
    assert.equal(report.requests, one!.steps);
    assert.ok(await hands().noDialog(500));
    assert.ok(chat.told().mostUnderWay <= 4);
    const [series] = report.series;
    const replies = await services().judging.replies(one!.id);
    assert.equal(replies.length, one!.steps);
    for (const reply of replies) {
      const asIt = chat.told().requests.find(({ prompt }) => prompt.endsWith(reply.prompt));
      assert.ok(asIt, "the stored prompt is the one that was sent");
      assert.equal(reply.text, String(chat.gradeOf(asIt.prompt)), "the reply is stored as it came");
      assert.equal(series?.values[reply.step!], Number(reply.text));
      assert.equal(reply.answeredBy, "lens-tests/guarded-family/guarded");
    }
    const again = await judge([one!.id]);
    assert.deepEqual([again?.requests, again?.cached], [0, one!.steps], "nothing is asked twice");
    return `${report.requests} requests, at most ${chat.told().mostUnderWay} at once`;
  }));

test("judge: before a large run its requests, tokens and cost are shown, and it can be declined", () =>
  withJudge(
    "open-family",
    async (chat) => {
      let all = await fresh(4);
      while (all.reduce((sum, { steps }) => sum + steps, 0) <= 20) all = [...all, ...(await fresh(2))];
      const ids = all.map(({ id }) => id);
      const requests = all.reduce((sum, { steps }) => sum + steps, 0);
      chat.behave({ kind: "grade" });
      const declined = judge(ids);
      const shown = await hands().dialog(/Send .* requests/);
      assert.match(shown.text, new RegExp(`Send ${requests} requests`));
      const [, tokens = ""] = /About ([\d,]+) tokens go there/.exec(shown.text) ?? [];
      const [, most = ""] = /up to ([\d,]+) come back/.exec(shown.text) ?? [];
      const [, cost = ""] = /prices that is about ([\d.e-]+)\./.exec(shown.text) ?? [];
      const number = (text: string): number => Number(text.replaceAll(",", ""));
      assert.equal(number(most), 8 * requests);
      const expected = (number(tokens) * 3 + number(most) * 15) / 1e6;
      assert.ok(Math.abs(Number(cost) - expected) < 0.01 * expected, `${cost} is not ${expected}`);
      await hands().screenshot("judge asks before a large run");
      await hands().press("Cancel");
      assert.equal(await declined, undefined);
      assert.deepEqual(chat.told().requests, []);

      const sent = judge(ids);
      await hands().dialog(/Send .* requests/);
      await hands().press("Send");
      const report = await sent;
      assert.deepEqual(report?.failures, []);
      assert.equal(report?.requests, requests);
      assert.equal(chat.told().requests.length, requests);
      for (const { modelOptions } of chat.told().requests)
        assert.deepEqual(modelOptions, { temperature: 0, max_tokens: 8 });
      // The provider counts tokens; the estimate before divides characters by four, and so does this one.
      assert.ok(Math.abs(report.inputTokens - number(tokens)) <= 2 * requests);

      await hands().pressNotification(/judged/, "Show Replies");
      const editor = await until("the replies in an editor", () => {
        const shown = vscode.window.activeTextEditor?.document;
        return shown?.languageId === "json" && shown.getText().includes("answeredBy") ? shown : undefined;
      });
      const replies = JSON.parse(editor.getText()) as { text: string; score: number; prompt: string }[];
      assert.equal(replies.length, requests);
      for (const { text, score } of replies) assert.equal(Number(text), score);
      return `${requests} requests, about ${tokens} tokens, ${cost}`;
    },
    { pricePerMillion: { input: 3, output: 15 } },
  ));

test("judge: cancelling stops the requests under way, also of a provider that does not listen", () =>
  withJudge("open-family", async (chat) => {
    const [one, two] = await fresh(2);
    const { services } = await api();
    for (const [kind, id] of [
      ["slow", one!.id],
      ["deaf", two!.id],
    ] as const) {
      chat.behave({ kind });
      const run = judge([id]);
      await until("requests under way", () => chat.told().underWay > 0);
      const started = Date.now();
      await hands().cancelProgress(/Judging/);
      assert.equal(await run, undefined);
      assert.ok(Date.now() - started < 15_000, `${kind}: cancelled in ${Date.now() - started} ms`);
      assert.deepEqual(await services().judging.replies(id), [], "half a reply is none");
      if (kind === "slow")
        await until("the provider to be told", () =>
          chat.told().requests.every((request) => request.cancelled),
        );
    }
    assert.deepEqual(await hands().notifications(), [], "cancelling is no failure");
  }));

test("judge: a provider that limits the rate ends the run in one sentence; what it answered is kept and not asked again", () =>
  withJudge("open-family", async (chat) => {
    const all = await fresh(3);
    const ids = all.map(({ id }) => id);
    const requests = all.reduce((sum, { steps }) => sum + steps, 0);
    const { services } = await api();
    chat.behave({ kind: "blocked-after", after: 2, message: "Rate limit of 2 a minute exceeded" });
    assert.ok(requests > 2);
    assert.equal(await judge(ids), undefined);
    const said = await hands().notification(/takes no more requests now/);
    assert.match(said, /Rate limit of 2 a minute exceeded\. .*only what is missing/);
    const kept = (await Promise.all(ids.map((id) => services().judging.replies(id)))).flat();
    assert.equal(kept.length, 2);
    assert.ok(chat.told().requests.length <= 2 + 4, "the others are not tried");
    chat.behave({ kind: "grade" });
    const rest = await judge(ids);
    assert.deepEqual([rest?.requests, rest?.cached, rest?.failures], [requests - 2, 2, []]);
    return said;
  }));

test("judge: replies that do not fit and errors of the provider each cost their trajectory one sentence", () =>
  withJudge("open-family", async (chat) => {
    const [one, two] = await fresh(2);
    const { services } = await api();
    chat.behave({ kind: "say", text: "I would give it 7 or 8." });
    const unread = await judge([one!.id]);
    assert.match(unread?.failures[0]?.message ?? "", /2 numbers where exactly one/);
    const replies = await services().judging.replies(one!.id);
    assert.equal(replies.length, one!.steps);
    for (const { text, score, problem } of replies) {
      assert.deepEqual([text, score], ["I would give it 7 or 8.", NaN]);
      assert.match(problem ?? "", /2 numbers/);
    }
    assert.ok(unread?.series[0]?.values.every((value) => Number.isNaN(value)));
    await vscode.commands.executeCommand("notifications.clearAll");

    chat.behave({ kind: "fail", message: "upstream answered 502\n    at Socket.read (net.js:1:1)" });
    const failed = await judge([two!.id]);
    assert.equal(failed?.failures.length, 1);
    const { message } = failed!.failures[0]!;
    assert.match(message, /^The editor's language model Grader open failed: upstream answered 502/);
    assert.ok(!message.includes("\n"));
    return message;
  }));

test("judge: without a model, or with a name that no model has, it says what to do", async () => {
  const chat = await provider();
  await withJudge("open-family", async () => {
    chat.offer([]);
    await until("the editor to offer none", async () => (await vscode.lm.selectChatModels({})).length === 0);
    const [one] = await fresh(1);
    assert.equal(await judge([one!.id]), undefined);
    assert.match(await hands().notification(/offers no language model/), /open-family.*declare a server/);
  });
});

test("judge: a prompt of one's own is asked as it is written, and a wrong one is named", () =>
  withJudge("open-family", async (chat) => {
    const { parts } = await api();
    const configuration = vscode.workspace.getConfiguration("trajectoryLens");
    await configuration.update(
      "judge.templates",
      [
        { id: "broken", user: "{step}", level: "token", parser: { kind: "number", minimum: 0, maximum: 1 } },
        {
          id: "yes-or-no",
          title: "Is it short?",
          user: "Is this short? {response}",
          level: "trajectory",
          parser: { kind: "choice", choices: { yes: 1, no: 0 } },
          maxTokens: 3,
        },
      ],
      vscode.ConfigurationTarget.Global,
    );
    try {
      const [one] = await fresh(1);
      chat.behave({ kind: "say", text: "Yes." });
      const report = await judge([one!.id], "yes-or-no");
      assert.deepEqual(report?.failures, []);
      assert.deepEqual([...(report?.series[0]?.values ?? [])], [1]);
      const [request] = chat.told().requests;
      assert.match(request?.prompt ?? "", /^Is this short\? \S/);
      assert.deepEqual(request?.modelOptions, { temperature: 0, max_tokens: 3 });
      const said = await hands().notification(/judge\.templates\[0\]/);
      assert.match(said, /level cannot be used/);
      const entries = await parts.models.getChildren();
      const problems = entries.flatMap((entry) => (entry.kind === "problem" ? [entry.text] : []));
      assert.deepEqual(problems, [said]);
      return said;
    } finally {
      await configuration.update("judge.templates", undefined, vscode.ConfigurationTarget.Global);
    }
  }));
