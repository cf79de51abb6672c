import type { TrackData } from "../../src/protocol/webviewMessages";
import { el, setText, setTitle } from "./element";
import { ABSENT, exact, valueText } from "./format";
import { intervalText } from "./stepSeries";
import { VirtualList } from "./virtualList";

export interface TrackTable {
  readonly element: HTMLElement;
  set(tracks: readonly TrackData[], steps: number): void;
  setCursor(step: number): void;
}

/** The tracks as numbers: one row a step, one column a track; token series are in the token table. */
export function trackTable(onStep: (step: number) => void): TrackTable {
  let columns: readonly TrackData[] = [];
  const head = el("div", { class: "table-head track-table-row" });
  const list = new VirtualList({
    role: "grid",
    label: "Tracks as a table",
    createRow: () => {
      const row = el("div", { class: "track-table-row" });
      return {
        element: row,
        update: (step) => {
          while (row.childElementCount > columns.length + 1) row.lastElementChild!.remove();
          while (row.childElementCount < columns.length + 1)
            row.append(el("span", { class: "number", role: "gridcell" }));
          setText(row.children[0] as HTMLElement, String(step + 1));
          columns.forEach((track, index) => {
            const value =
              track.level === "trajectory" && track.values?.length === 1
                ? track.values[0]
                : track.values?.[step];
            const cell = row.children[index + 1] as HTMLElement;
            const shown = value !== undefined && !Number.isNaN(value);
            const sure = intervalText(track, step);
            setText(cell, shown ? `${valueText(value, track.signed)}${sure}` : ABSENT);
            setTitle(cell, shown ? `${exact(value)}${sure}` : (track.missing?.how ?? "no number here"));
          });
        },
      };
    },
    onCursor: onStep,
  });
  return {
    element: el("div", { class: "track-table" }, head, list.element),
    set: (tracks, steps) => {
      columns = tracks.filter((track) => track.level !== "token");
      head.replaceChildren(
        el("span", { text: "step" }),
        ...columns.map((track) =>
          el("span", { text: track.title, title: `${track.title}\n${track.convention}` }),
        ),
      );
      list.setCount(steps);
    },
    setCursor: (step) => list.setCursor(step),
  };
}
