import { binary, number, symbol } from "../expression";
import type { JsonValue } from "../../model/json";
import type { Step } from "../../model/trajectory";
import { derivedSignal } from "../series/derivedSignal";
import { decisionIndices, missing, onSteps } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import {
  blinkLinkWeights,
  blinkReward,
  formatReward,
  linkReward,
  matchedBlinkReward,
  type Corners,
} from "./blinkLink";
import { policyReply } from "./replyText";

interface BlinkLinkSample {
  readonly index: number;
  readonly reply: string;
  readonly box: Corners | undefined;
  readonly solution: string;
  readonly size: readonly [number, number] | undefined;
  readonly maxPixels: number;
}

function numbersOf(value: JsonValue | undefined): readonly number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const list: readonly JsonValue[] = Array.isArray(value[0]) ? (value[0] as readonly JsonValue[]) : value;
  return list.every((entry) => typeof entry === "number") ? (list as readonly number[]) : undefined;
}

function sampleOf(context: SignalContext): BlinkLinkSample | undefined {
  const { trajectory } = context;
  const reply = policyReply(context);
  const index = decisionIndices(trajectory).at(-1);
  const step: Step | undefined = index === undefined ? undefined : trajectory.steps[index];
  const field = (name: string): JsonValue | undefined => step?.extra?.[name] ?? trajectory.extra[name];
  const solution = field("solution");
  if (reply === undefined || index === undefined || typeof solution !== "string") return undefined;
  const box = numbersOf(field("bbox"));
  const size = numbersOf(field("image_sizes")) ?? numbersOf(field("image_size"));
  const maxPixels = field("max_pixels");
  return {
    index,
    reply,
    box: box && box.length >= 4 ? [box[0]!, box[1]!, box[2]!, box[3]!] : undefined,
    solution,
    size: size && size.length >= 2 ? [size[0]!, size[1]!] : undefined,
    maxPixels: typeof maxPixels === "number" ? maxPixels : Infinity,
  };
}

export const blinkLinkSignal = derivedSignal({
  id: "blink-link",
  title: "Blink, think, link (BTL-UI)",
  family: "reward",
  level: "step",
  unit: "reward",
  signed: false,
  needs: ["text", "actions"],
  inputs: [
    { kind: "step", name: "solution", meaning: "JSON text of the recorded action" },
    { kind: "step", name: "bbox", meaning: "true box; empty = none" },
    { kind: "step", name: "image_sizes", meaning: "[[width, height]]" },
    { kind: "step", name: "max_pixels", meaning: "limit of the image processor" },
  ],
  parameters: [
    {
      name: "fence",
      description:
        'Fence of the link block that the format part asks for; as released it is spelt "js·on", which no reply has.',
      type: "choice",
      choices: ["js·on", "json"],
      default: "js·on",
    },
    {
      name: "blink",
      description:
        "All proposed boxes distinct and one on the true box, or the best matched box alone (paper).",
      type: "choice",
      choices: ["distinct", "matched"],
      default: "distinct",
    },
    {
      name: "formatWeight",
      description: "Weight of the format part.",
      type: "number",
      default: blinkLinkWeights[0],
    },
    {
      name: "blinkWeight",
      description: "Weight of the blink part.",
      type: "number",
      default: blinkLinkWeights[1],
    },
    {
      name: "linkWeight",
      description: "Weight of the link part.",
      type: "number",
      default: blinkLinkWeights[2],
    },
  ],
  presets: [
    {
      id: "released",
      title: "BTL-UI, as released",
      values: {},
      source: "xiaomi-research/btl-ui, recipe/btl-ui/reward_fn.py; weights of run_7b.sh",
    },
    {
      id: "paper",
      title: "BTL-UI, as in the paper",
      values: { fence: "json", blink: "matched", formatWeight: 1, blinkWeight: 1, linkWeight: 1 },
      source:
        "Zhang et al. 2025, BTL-UI, paper (boxes matched by the Hungarian method, parts added without weights)",
      asDescribed: true,
    },
  ],
  source: "Zhang et al. 2025, BTL-UI; xiaomi-research/btl-ui, recipe/btl-ui/reward_fn.py",
  description:
    "Rule reward of one GUI step: the reply's blocks are in order (format), its proposed regions meet the true one (blink), and its action is the recorded one (link). As released the format pattern can never match a reply that is fenced as json.",
  derive(context, parameters) {
    const sample = sampleOf(context);
    if (!sample)
      return missing(
        "actions",
        "Needs a reply of the policy and the sample's solution (solution, bbox, image_sizes, max_pixels).",
      );
    if (!sample.size && /"(?:Tap|LongPress)"/u.test(sample.solution))
      return missing(
        "actions",
        "Needs the size of the image (image_sizes): the recorded action is a point on it.",
      );
    const fence = textOf(parameters, "fence") as "js·on" | "json";
    const format = formatReward(sample.reply, fence);
    const blink =
      textOf(parameters, "blink") === "matched"
        ? matchedBlinkReward(sample.reply, sample.box)
        : blinkReward(sample.reply, sample.box);
    // Only points need the size, and there is none of them here without it.
    const link = linkReward(
      sample.reply,
      sample.solution,
      sample.box,
      sample.size ?? [NaN, NaN],
      sample.maxPixels,
    );
    const weights = ["formatWeight", "blinkWeight", "linkWeight"].map((name) => numberOf(parameters, name));
    const scores = [format, blink, link];
    const value = scores.reduce((sum, score, k) => sum + weights[k]! * score, 0);
    const at = (score: number): Float64Array => onSteps(context.trajectory, [sample.index], [score]);
    return {
      values: at(value),
      parts: { format: at(format), blink: at(blink), link: at(link) },
      notes: [
        ...(fence === "js·on" && formatReward(sample.reply, "json") === 1
          ? [
              'The format pattern can never match: it asks for a fence spelt "js·on" with a middle dot; with ```json the reply would pass.',
            ]
          : []),
      ],
      convention: `weights ${weights.join(", ")}, fence ${fence}`,
      lines: () => [
        {
          name: "R",
          expression: ["format", "blink", "link"].reduce(
            (sum, name, k) =>
              binary(
                "+",
                sum,
                binary("*", symbol(`w_${name}`, weights[k]!), symbol(name, scores[k]!, "1 = passed")),
              ),
            number(0),
          ),
          value,
        },
      ],
    };
  },
});
