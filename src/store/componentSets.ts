import type { DuckDBConnection, DuckDBListValue } from "@duckdb/node-api";
import { loadDuckdb } from "./duckdb";
import type { ComponentColumn, SummaryBlock } from "./summaryBlock";
import type { AppendColumn } from "./vectors";

/**
 * Which components rows have. Most rows of a run have the same ones, so that a row holds the number of its set and one list
 * of values: rows of a table beside it, one a component, took most of the time of writing.
 */
export class ComponentSets {
  private readonly numbers = new Map<string, number>();
  private added: { readonly number: number; readonly names: readonly string[] }[] = [];

  /** Loads the sets of an index. */
  static async load(connection: DuckDBConnection): Promise<ComponentSets> {
    const sets = new ComponentSets();
    for (const [number, names] of await readComponentSets(connection))
      sets.numbers.set(JSON.stringify(names), number);
    return sets;
  }

  numberOf(names: readonly string[]): number {
    const key = JSON.stringify(names);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const number = this.numbers.size + 1;
    this.numbers.set(key, number);
    this.added.push({ number, names });
    return number;
  }

  /** Writes the sets that are new since the last time. */
  async write(connection: DuckDBConnection): Promise<void> {
    const { added } = this;
    this.added = [];
    if (added.length === 0) return;
    const { INTEGER, LIST, listValue, VARCHAR } = await loadDuckdb();
    for (const { number, names } of added)
      await connection.run(
        "INSERT INTO store.component_sets VALUES ($1, $2)",
        [number, listValue([...names])],
        [INTEGER, LIST(VARCHAR)],
      );
  }
}

/** Names of the components of each set, by its number. */
export async function readComponentSets(
  connection: DuckDBConnection,
): Promise<ReadonlyMap<number, readonly string[]>> {
  const known = await connection.runAndReadAll("SELECT set_no, names FROM store.component_sets");
  return new Map(
    (known.getRows() as [number, DuckDBListValue][]).map(([number, names]) => [
      number,
      names.items as readonly string[],
    ]),
  );
}

/** The number of each row's set, and the values of its components in the order of the set's names. */
export function componentColumns(
  block: SummaryBlock,
  sets: ComponentSets,
): readonly [AppendColumn, AppendColumn] {
  const { count, components } = block;
  // A list that is nothing but NULL still has to be filled as a list: DuckDB refuses a value without its type in its place.
  if (components.length === 0)
    return [
      { kind: "nulls" },
      {
        kind: "lists",
        values: new Float64Array(),
        state: new Uint8Array(),
        ends: new Int32Array(count),
        isNull: () => true,
      },
    ];
  const width = components.length;
  const ends = new Int32Array(count);
  const numbers = new Int32Array(count);
  const values = new Float64Array(count * width);
  const state = new Uint8Array(count * width);
  let end = 0;
  /** Which columns the last row had, as a mask of letters, and the number of that set. */
  let lastMask = "";
  let number = 0;
  const known = new Map<string, number>();
  const isWhole = components.every((column) => !column.state.includes(0));
  if (isWhole) number = sets.numberOf(components.map(({ name }) => name));
  for (let row = 0; row < count; row++) {
    let mask = "";
    for (let position = 0; position < width; position++) {
      const column = components[position] as ComponentColumn;
      const recorded = column.state[row] as number;
      if (recorded === 0) continue;
      values[end] = column.values[row] as number;
      state[end] = recorded;
      end++;
      if (!isWhole) mask += String.fromCharCode(position);
    }
    ends[row] = end;
    if (!isWhole && mask !== lastMask) {
      lastMask = mask;
      number = mask === "" ? 0 : (known.get(mask) ?? sets.numberOf(namesOf(mask, components)));
      known.set(mask, number);
    }
    numbers[row] = number;
  }
  const isNull = (row: number): boolean => numbers[row] === 0;
  return [
    { kind: "numbers", data: numbers, isNull },
    { kind: "lists", values, state, ends, isNull },
  ];
}

function namesOf(mask: string, components: readonly ComponentColumn[]): string[] {
  return Array.from(mask, (letter) => components[letter.charCodeAt(0)]?.name ?? "");
}
