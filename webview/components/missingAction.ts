import type { TrackData } from "../../src/protocol/webviewMessages";
import { button } from "./controls";

/** What mends a missing number. */
export type MissingAction = NonNullable<NonNullable<TrackData["missing"]>["action"]>;

const LABELS: Readonly<Record<MissingAction, readonly [icon: string, label: string]>> = {
  score: ["play", "Score"],
  chooseModel: ["chip", "Choose a model"],
  openGroup: ["group-by-ref-type", "Open the group"],
};

/** The button that stands beside the sentence about a missing number. */
export function missingButton(action: MissingAction, onClick: (action: MissingAction) => void): HTMLElement {
  const [icon, label] = LABELS[action];
  return button({ label, icon, onClick: () => onClick(action) }).element;
}
