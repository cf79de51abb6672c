import type { TreeNode } from "../../../src/model/tree";
import { el, icon, setText, setTitle } from "../../components/element";
import { aligned, exact, oneLine, significant } from "../../components/format";
import { drawBar } from "../../components/stepList";
import type { TreeScales } from "../../components/treeScales";
import { VirtualList } from "../../components/virtualList";

export interface PathSource {
  readonly path: readonly number[];
  readonly nodes: readonly TreeNode[];
  readonly scales: TreeScales;
}

const STATUS_ICONS: Readonly<Record<TreeNode["status"], string>> = {
  kept: "circle-outline",
  pruned: "circle-slash",
  suppressed: "circle-slash",
  generated: "sparkle",
};

/** The selected path as rows: the tree's twin in words. */
export function pathList(
  source: () => PathSource,
  onNode: (index: number) => void,
  onOpen: (index: number) => void,
): VirtualList {
  return new VirtualList({
    role: "tree",
    label: "Selected path",
    onCursor: (row) => {
      const index = source().path[row];
      if (index !== undefined) onNode(index);
    },
    onActivate: (row, event) => {
      const index = source().path[row];
      if (index !== undefined && event instanceof KeyboardEvent) onOpen(index);
    },
    createRow: () => {
      const depth = el("span", { class: "step-index" });
      const mark = icon("circle-outline", "step-icon");
      const words = el("span", { class: "step-words" });
      const value = el("span", { class: "number path-value" });
      const advantage = el("span", { class: "number step-value" });
      const fill = el("span", { class: "bar-fill" });
      const bar = el("span", { class: "bar", aria: { hidden: "true" } }, fill);
      const element = el("div", { class: "path-row from-policy" }, depth, mark, words, value, advantage, bar);
      return {
        element,
        update: (row) => {
          const { path, nodes, scales } = source();
          const node = nodes[path[row] ?? -1];
          if (!node) return;
          element.setAttribute("aria-level", String(row + 1));
          setText(depth, String(row));
          mark.className = `codicon step-icon codicon-${node.leaf ? "primitive-square" : STATUS_ICONS[node.status]}`;
          setText(words, oneLine(node.text) || (node.parent < 0 ? "(root)" : "(end)"));
          setTitle(words, node.text.slice(0, 600));
          setText(value, significant(node.value));
          setTitle(value, `value ${exact(node.value)}`);
          setText(
            advantage,
            typeof node.advantage === "number"
              ? aligned(node.advantage, scales.advantage, true)
              : node.advantage === null
                ? "null"
                : "",
          );
          setTitle(advantage, `advantage ${exact(node.advantage)}`);
          drawBar(
            bar,
            fill,
            typeof node.advantage === "number" && Number.isFinite(node.advantage)
              ? node.advantage
              : undefined,
            {
              signed: true,
              limits: scales.advantage > 0 ? { low: -scales.advantage, high: scales.advantage } : undefined,
            },
          );
        },
      };
    },
  });
}
