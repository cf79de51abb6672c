import { plainGrpo } from "./plainGrpo";
import { plainPpo } from "./plainPpo";
import { primeRl } from "./primeRl";
import type { Trainer } from "./trainer";
import { trl } from "./trl";
import { verl } from "./verl";

/** Every trainer that is known, specific ones first: where two recognise a function, the first one names it. */
export const trainers: readonly Trainer[] = [verl, trl, primeRl, plainGrpo, plainPpo];
