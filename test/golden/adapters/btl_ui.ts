import {
  blinkReward,
  formatReward,
  linkReward,
  overlap,
  swipeTowards,
  textsAgree,
  type Corners,
} from "../../../src/signals/reward/blinkLink";
import { InputError, type Adapter, type Inputs } from "../adapter";

function boxOf(inputs: Inputs, name: string): Corners | undefined {
  const value = inputs.get(name);
  return Array.isArray(value) && value.length > 0 ? (value as unknown as Corners) : undefined;
}

export const adapter: Adapter = {
  text: true,
  run({ fn, inputs }) {
    const box = (name: string): Corners => {
      const found = boxOf(inputs, name);
      if (!found) throw new InputError(name, "a box");
      return found;
    };
    switch (fn) {
      case "GUIAgentFormatReward":
        return formatReward(inputs.text("response"), "js·on");
      case "GUIAgentBlinkReward":
        return blinkReward(inputs.text("response"), boxOf(inputs, "bbox"));
      case "GUIAgentAccuracyReward": {
        const [width, height] = inputs.vector("image_size_wh");
        return linkReward(
          inputs.text("response"),
          inputs.text("solution"),
          boxOf(inputs, "bbox"),
          [width!, height!],
          inputs.number("MAX_PIXELS"),
        );
      }
      case "get_iou":
        return overlap(box("box1"), box("box2"));
      case "text_determination":
        return textsAgree(inputs.text("pred"), inputs.text("gt"), inputs.number("threshold", 0.5));
      case "direction_determination":
        return swipeTowards(Array.from(inputs.vector("start")), Array.from(inputs.vector("end")));
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
