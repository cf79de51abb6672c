import { el, setText, setTitle } from "./element";
import { ABSENT, exact, significant, visibleToken } from "./format";
import type { TokenWindow } from "./tokenStrip";
import { VirtualList } from "./virtualList";

export interface TokenTable {
  readonly element: HTMLElement;
  set(window: TokenWindow): void;
}

/** The tokens of a window as a table, for reading aloud and copying. */
export function tokenTable(onToken: (token: number) => void): TokenTable {
  let window: TokenWindow | undefined;
  const head = el("div", { class: "table-head token-table-row" });
  const list = new VirtualList({
    role: "grid",
    label: "Tokens as a table",
    createRow: () => {
      const row = el("div", { class: "token-table-row" });
      return {
        element: row,
        update: (index) => {
          if (!window) return;
          const series = Object.values(window.series);
          while (row.childElementCount < series.length + 4)
            row.append(el("span", { class: "number", role: "gridcell" }));
          while (row.childElementCount > series.length + 4) row.lastElementChild!.remove();
          const cells = [...row.children] as HTMLElement[];
          setText(cells[0]!, String(window.start + index + 1));
          setText(cells[1]!, visibleToken(window.text[index] ?? ""));
          setText(cells[2]!, window.ids ? String(window.ids[index]) : ABSENT);
          setText(cells[3]!, window.mask ? (window.mask[index] === 1 ? "trained" : "no") : ABSENT);
          series.forEach((values, at) => {
            const value = values[index];
            setText(cells[at + 4]!, value === undefined || Number.isNaN(value) ? ABSENT : significant(value));
            setTitle(cells[at + 4]!, exact(value));
          });
        },
      };
    },
    onCursor: (index) => window && onToken(window.start + index),
  });
  return {
    element: el("div", { class: "token-table" }, head, list.element),
    set: (next) => {
      window = next;
      head.replaceChildren(
        ...["#", "token", "id", "mask", ...Object.keys(next.series)].map((name) =>
          el("span", { text: name }),
        ),
      );
      list.setCount(next.text.length);
    },
  };
}
