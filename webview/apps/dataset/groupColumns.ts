import type { ToDatasetView } from "../../../src/protocol/webviewMessages";
import { el, setText, setTitle } from "../../components/element";
import { ABSENT, aligned, count, exact, oneLine } from "../../components/format";
import { drawBar } from "../../components/stepList";
import type { Column } from "./columns";

/** What the host tells of one group. */
export type GroupFacts = Extract<ToDatasetView, { type: "group" }>;

/** Characters of the shared beginning that are still shown before the place where a text parts. */
const CONTEXT = 24;

/** The columns that only a group has: advantages under two conventions, and the texts from where they part. */
export function groupColumns(facts: GroupFacts): readonly Column[] {
  const places = new Map(facts.members.map((member, index) => [member.id, index]));
  const advantages = facts.advantages.map(({ title, convention, values }): Column => {
    const largest = Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
    return {
      id: `advantage ${title}`,
      title: `adv ${title}`,
      hint: `advantage, ${convention}`,
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
        return (row) => {
          const value = values[places.get(row.id) ?? -1] ?? NaN;
          const known = Number.isFinite(value);
          setText(text, known ? aligned(value, largest, true) : ABSENT);
          setTitle(cell, known ? `${exact(value)}, ${convention}` : "no advantage");
          drawBar(bar, fill, known ? value : undefined, {
            signed: true,
            limits: largest > 0 ? { low: -largest, high: largest } : undefined,
          });
        };
      },
    };
  });
  const text: Column = {
    id: "text",
    title: "where it parts",
    hint: "what the policy wrote, from where it leaves the rollouts above; what is shared is dimmed",
    size: "minmax(160px, 3fr)",
    pixels: 220,
    dispensable: -1,
    numeric: false,
    create: (cell) => {
      const shared = el("span", { class: "quiet" });
      const own = el("span");
      cell.classList.add("parting");
      cell.append(shared, own);
      return (row) => {
        const member = facts.members[places.get(row.id) ?? -1];
        const begin = member?.text.slice(0, member.shared) ?? "";
        const rest = member?.text.slice(member.shared) ?? "";
        const cut = begin.length > CONTEXT || (member?.before ?? 0) > 0;
        setText(shared, `${cut ? "… " : ""}${begin.slice(-CONTEXT).replace(/\s+/g, " ")}`);
        setText(own, rest === "" ? (begin === "" ? "" : " (the same)") : oneLine(rest, 300));
        const same = (member?.before ?? 0) + begin.length;
        setTitle(cell, `${same > 0 ? `${count(same)} characters as above, then:\n` : ""}${rest}`);
      };
    },
  };
  return [...advantages, text];
}
