import { Failure } from "../model/failure";
import type { TrajectoryRow } from "../model/summary";
import type { Trajectory } from "../model/trajectory";
import type { Datasets, Task } from "./services";

/** Trajectories that are on their way together, and about how many characters and numbers they may hold. */
const MOST_TOGETHER = 256;
const MOST_CONTENT = 4_000_000;

/** Rows that belong together, with their trajectories. */
export interface LoadedRows {
  readonly members: readonly TrajectoryRow[];
  /** In the order of the members. */
  readonly trajectories: readonly Trajectory[];
}

/**
 * The trajectories of lists of rows, list by list and in order. Many lists are read with one question to the index, and
 * the next ones while the caller works on these; what is large is held list by list.
 * @param lists rows that the caller needs together, such as the members of a group
 * @param what names the work in the sentence of a cancellation: "The diagnosis"
 * @throws Failure `cancelled`
 */
export async function* loadedRows(
  datasets: Pick<Datasets, "trajectories">,
  lists: readonly (readonly TrajectoryRow[])[],
  what: string,
  task?: Task<{ done: number; total: number }>,
): AsyncGenerator<LoadedRows> {
  const total = lists.reduce((sum, rows) => sum + rows.length, 0);
  const check = (): void => {
    if (task?.signal?.aborted)
      throw new Failure("cancelled", `${what} was cancelled.`, "Start it again when you want it.");
  };
  const read = (batch: readonly (readonly TrajectoryRow[])[]): Promise<readonly Trajectory[]> => {
    const found = datasets.trajectories(batch.flat().map(({ id }) => id));
    // Told when its turn comes; until then it is not a rejection that nobody handles.
    found.catch(() => undefined);
    return found;
  };
  const batches = batchesOf(lists);
  let done = 0;
  let next = batches[0] && read(batches[0]);
  for (const [index, batch] of batches.entries()) {
    check();
    const loaded = await next!;
    const following = batches[index + 1];
    next = following && read(following);
    let start = 0;
    for (const members of batch) {
      check();
      yield { members, trajectories: loaded.slice(start, start + members.length) };
      start += members.length;
      done += members.length;
      task?.report?.({ done, total });
    }
  }
}

/** Lists that are small enough to be read together. */
function batchesOf(
  lists: readonly (readonly TrajectoryRow[])[],
): readonly (readonly (readonly TrajectoryRow[])[])[] {
  const batches: (readonly TrajectoryRow[])[][] = [];
  let count = Infinity;
  let content = 0;
  for (const rows of lists) {
    const size = rows.reduce((sum, row) => sum + contentOf(row), 0);
    if (count + rows.length > MOST_TOGETHER || content + size > MOST_CONTENT) {
      batches.push([]);
      [count, content] = [0, 0];
    }
    batches.at(-1)!.push(rows);
    count += rows.length;
    content += size;
  }
  return batches;
}

/** Roughly how much a trajectory holds, by what the index counts: tokens and numeric steps have several columns each. */
const contentOf = ({ responseCharacters = 0, tokenCount = 0, stepCount }: TrajectoryRow): number =>
  Math.max(responseCharacters, 4 * tokenCount, 16 * stepCount, 2_000);
