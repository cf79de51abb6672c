import { Failure } from "../model/failure";
import { episodeFormat } from "./numericEpisode";
import { sliceColumn } from "./arrayEpisodes";
import { fieldsOf, numbersIn, type Numbers } from "./plainFields";

/** The ball has place, velocity and spin; a car has place, angles, velocity, spin and boost. */
const BALL = 9;
const CAR = 13;
/** The field with its goals, in Unreal units, with room for how far a replay overshoots. */
const FIELD = [4300, 6200, 2300] as const;
const CHECKED_ROWS = 64;

/** Number of cars that a row of this width holds. */
function carsOf(width: number | undefined): number | undefined {
  const cars = ((width ?? 0) - BALL) / CAR;
  return [2, 4, 6].includes(cars) ? cars : undefined;
}

const inField = (data: ArrayLike<number>, at: number): boolean =>
  FIELD.every((limit, axis) => Math.abs(data[at + axis]!) <= limit);

/** True when the numbers can be a ball and cars: places on the field, angles within a turn, boost between 0 and 1. */
function plausible({ data, shape }: Numbers, cars: number): boolean {
  const numbers = data();
  const width = BALL + cars * CAR;
  const rows = Math.min(shape[0] ?? 0, CHECKED_ROWS);
  for (let row = 0; row < rows; row++) {
    const at = row * width;
    if (!inField(numbers, at)) return false;
    for (let car = 0; car < cars; car++) {
      const own = at + BALL + car * CAR;
      if (!inField(numbers, own)) return false;
      if ([3, 4, 5].some((offset) => Math.abs(numbers[own + offset]!) > 2 * Math.PI)) return false;
      const boost = numbers[own + 12]!;
      if (!(boost >= 0 && boost <= 1)) return false;
    }
  }
  return rows > 0;
}

const axes = (name: string): string[] => ["x", "y", "z"].map((axis) => `${name}.${axis}`);

/** Names of the numbers of a row. */
function labelsOf(cars: number): string[] {
  const car = (name: string): string[] => [
    ...axes(`${name}.position`),
    `${name}.pitch`,
    `${name}.yaw`,
    `${name}.roll`,
    ...axes(`${name}.velocity`),
    ...axes(`${name}.spin`),
    `${name}.boost`,
  ];
  return [
    ...axes("ball.position"),
    ...axes("ball.velocity"),
    ...axes("ball.spin"),
    ...Array.from({ length: cars }, (_, index) => car(`car_${index}`)).flat(),
  ];
}

/** Rocket League replays as Lucy-SKG's state arrays: one row a frame, without actions and rewards. */
export const rocketStates = episodeFormat({
  id: "rocket-states",
  title: "Rocket League states",
  source: "Enkhai/Lucy, replay-samples/*/states.npy, by rlgym-tools' replay converter",
  containers: ["arrays"],
  plainRecords: (value) => [value],
  detect({ plain }) {
    const fields = fieldsOf(plain);
    const numbers = numbersIn(fields?.get("arr_0"));
    const cars = carsOf(numbers?.shape[1]);
    if (fields?.size !== 1 || numbers?.shape.length !== 2 || cars === undefined) return undefined;
    return plausible(numbers, cars)
      ? { confidence: 0.7, reason: `rows of a ball and ${cars} cars, all on the field` }
      : undefined;
  },
  episodes(record) {
    const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
    const numbers = numbersIn(fields?.get("arr_0"));
    const cars = carsOf(numbers?.shape[1]);
    if (numbers === undefined || cars === undefined)
      throw new Failure("unfit-record", "The rows are not a ball and cars.", "Check that it is a replay.");
    const rows = numbers.shape[0] ?? 0;
    return [
      {
        title: `replay with ${cars} cars`,
        steps: rows,
        columns: [
          { ...sliceColumn("states", numbers, 0, rows), role: "observation", labels: labelsOf(cars) },
        ],
        extra: { cars },
        notes: [
          {
            code: "guessed-columns",
            message:
              "The file has no names: what each number is follows from its width and range (a ball of 9 numbers, cars of 13).",
          },
        ],
      },
    ];
  },
});
