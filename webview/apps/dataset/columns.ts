import type { DatasetInfo, TrajectoryRow } from "../../../src/model/summary";
import type { SortKey } from "../../../src/protocol/storeCalls";
import { aligned, count, exact, oneLine, significant, withSign } from "../../components/format";
import { el, icon, setText, setTitle } from "../../components/element";
import { drawBar } from "../../components/stepList";
import { rowNoun } from "./rowQueries";

/** What the bars of the table span, grown with the rows that were seen. */
export interface TableScales {
  reward: { low: number; high: number };
  advantage: number;
  /** Largest magnitude by component. */
  components: Map<string, number>;
}

/** One column of the table of trajectories. */
export interface Column {
  readonly id: string;
  readonly title: string;
  readonly hint: string;
  readonly sort?: SortKey;
  /** CSS track size, and the width in pixels that it needs. */
  readonly size: string;
  readonly pixels: number;
  /** Columns with a higher number go first when it gets narrow. */
  readonly dispensable: number;
  readonly numeric: boolean;
  create(cell: HTMLElement): (row: TrajectoryRow, scales: TableScales) => void;
}

const number = (cell: HTMLElement, text: string, title: string): void => {
  setText(cell, text);
  setTitle(cell, title);
};

const numeric = (
  id: string,
  title: string,
  hint: string,
  sort: SortKey | undefined,
  dispensable: number,
  value: (row: TrajectoryRow) => number | undefined,
): Column => ({
  id,
  title,
  hint,
  size: "64px",
  pixels: 64,
  dispensable,
  numeric: true,
  ...(sort ? { sort } : {}),
  create: (cell) => (row) => {
    const shown = value(row);
    number(
      cell,
      shown === undefined ? "-" : count(shown),
      shown === undefined ? "not recorded" : String(shown),
    );
  },
});

const outcome: Column = {
  id: "outcome",
  title: "outcome",
  hint: "passed or failed, where the file tells",
  size: "72px",
  pixels: 72,
  dispensable: 3,
  numeric: false,
  create: (cell) => {
    const mark = icon("blank");
    const word = el("span");
    cell.append(mark, word);
    return (row) => {
      const name = row.success === true ? "pass-filled" : row.success === false ? "error" : "blank";
      mark.className = `codicon codicon-${name} ${row.success === true ? "passed" : row.success === false ? "failed" : ""}`;
      setText(
        word,
        row.success === true ? "pass" : row.success === false ? "fail" : row.success === null ? "null" : "",
      );
    };
  },
};

const reward: Column = {
  id: "reward",
  title: "reward",
  hint: "total reward as the file records it",
  sort: "reward",
  size: "124px",
  pixels: 124,
  dispensable: 0,
  numeric: true,
  create: (cell) => {
    const text = el("span", { class: "number" });
    const fill = el("span", { class: "bar-fill" });
    const bar = el("span", { class: "bar", aria: { hidden: "true" } }, fill);
    cell.classList.add("with-bar");
    cell.append(text, bar);
    return (row, { reward: { low, high } }) => {
      number(
        text,
        typeof row.reward === "number"
          ? aligned(row.reward, Math.max(Math.abs(low), Math.abs(high)), low < 0)
          : significant(row.reward),
        `reward ${exact(row.reward)}`,
      );
      const signed = low < 0;
      const limit = Math.max(Math.abs(low), Math.abs(high));
      drawBar(
        bar,
        fill,
        typeof row.reward === "number" && Number.isFinite(row.reward) ? row.reward : undefined,
        { signed, limits: signed ? { low: -limit, high: limit } : { low: 0, high } },
      );
    };
  },
};

const advantage: Column = {
  id: "advantage",
  title: "advantage",
  hint: "advantage as the file records it",
  sort: "advantage",
  size: "124px",
  pixels: 124,
  dispensable: 1,
  numeric: true,
  create: (cell) => {
    const text = el("span", { class: "number" });
    const fill = el("span", { class: "bar-fill" });
    const bar = el("span", { class: "bar", aria: { hidden: "true" } }, fill);
    cell.classList.add("with-bar");
    cell.append(text, bar);
    return (row, { advantage: limit }) => {
      number(
        text,
        typeof row.advantage === "number" ? aligned(row.advantage, limit, true) : withSign(row.advantage),
        `advantage ${exact(row.advantage)}, recorded by the file`,
      );
      drawBar(
        bar,
        fill,
        typeof row.advantage === "number" && Number.isFinite(row.advantage) ? row.advantage : undefined,
        { signed: true, limits: { low: -limit, high: limit } },
      );
    };
  },
};

/** The columns of a dataset, in order: only those that its rows can fill. */
export function tableColumns(dataset: DatasetInfo, sample: readonly TrajectoryRow[]): readonly Column[] {
  const some = (test: (row: TrajectoryRow) => boolean): boolean => sample.some(test);
  const title: Column = {
    id: "title",
    title: rowNoun(dataset),
    hint: "order of the file",
    sort: "row",
    size: "minmax(120px, 1fr)",
    pixels: 160,
    dispensable: -1,
    numeric: false,
    create: (cell) => (row) => {
      setText(cell, oneLine(row.title || row.ownId || `row ${row.row}`));
      setTitle(cell, `${row.title}\n${row.path} row ${row.row}${row.part > 0 ? `, part ${row.part}` : ""}`);
    },
  };
  const member: Column = {
    id: "member",
    title: "#",
    hint: "member of its group, counted from 0",
    size: "40px",
    pixels: 40,
    dispensable: 4,
    numeric: true,
    create: (cell) => (row) =>
      number(
        cell,
        row.memberIndex === undefined ? "" : `#${row.memberIndex}`,
        row.groupSize === undefined
          ? ""
          : `member ${row.memberIndex} of ${row.groupSize}${row.groupGuess === undefined ? "" : `, ${row.groupGuess}`}`,
      ),
  };
  const flags: Column = {
    id: "flags",
    title: "flags",
    hint: "truncated, stop reason",
    size: "96px",
    pixels: 96,
    dispensable: 6,
    numeric: false,
    create: (cell) => (row) =>
      number(
        cell,
        [row.truncated === true ? "truncated" : "", row.stopReason ?? ""]
          .filter((text, index, all) => text !== "" && all.indexOf(text) === index)
          .join(", "),
        row.stopReason ?? "",
      ),
  };
  const components = dataset.components.slice(0, 3).map((name): Column => ({
    id: `component ${name}`,
    title: name,
    hint: `component ${name}`,
    size: "76px",
    pixels: 76,
    dispensable: 7,
    numeric: true,
    create:
      (cell) =>
      (row, { components: scales }) => {
        const value = row.components[name];
        number(
          cell,
          typeof value === "number" ? aligned(value, scales.get(name) ?? 0, false) : significant(value),
          `${name} ${exact(value)}`,
        );
      },
  }));
  return [
    title,
    ...(dataset.trainingSteps > 1
      ? [numeric("trainingStep", "step", "training step", "trainingStep", 2, (row) => row.trainingStep)]
      : []),
    ...(some((row) => (row.groupSize ?? 1) > 1) ? [member] : []),
    ...(some((row) => row.success !== undefined) ? [outcome] : []),
    reward,
    ...(some((row) => row.advantage !== undefined) ? [advantage] : []),
    ...components,
    numeric("steps", "steps", "steps of the trajectory", "steps", 5, (row) => row.stepCount),
    ...(some((row) => row.tokenCount !== undefined)
      ? [numeric("tokens", "tokens", "tokens of the trajectory", "tokens", 5, (row) => row.tokenCount)]
      : []),
    ...(some((row) => row.responseCharacters !== undefined)
      ? [
          numeric(
            "length",
            "chars",
            "characters of the policy's own text",
            "length",
            8,
            (row) => row.responseCharacters,
          ),
        ]
      : []),
    ...(some((row) => row.truncated === true || row.stopReason !== undefined) ? [flags] : []),
  ];
}

/** The columns that fit, the dispensable ones left out first. */
export function fittingColumns(columns: readonly Column[], width: number): readonly Column[] {
  const kept = [...columns];
  const needed = (): number => kept.reduce((total, column) => total + column.pixels + 10, 24);
  while (kept.length > 2 && needed() > width) {
    const worst = kept.reduce((most, column) => (column.dispensable > most.dispensable ? column : most));
    if (worst.dispensable < 0) break;
    kept.splice(kept.indexOf(worst), 1);
  }
  return kept;
}
