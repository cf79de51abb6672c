import type { Signal } from "../signal";
import { barfi } from "./alignmentSignal";
import { archiveMetrics, behaviourSurprise } from "./archiveSignals";
import { asafScore } from "./asafSignal";
import { behaviourConstraints } from "./behaviourSignals";
import { clipChoice } from "./clipSignal";
import { carlDriving, rideComfortSignal } from "./drivingSignals";
import { dynamicsRewardSignal, proxyActionSignal, transitionChoice } from "./dynamicsSignals";
import { emitterImprovementSignal } from "./emitterSignal";
import { explors } from "./explorsSignal";
import { forecastError, forecastLikelihood } from "./forecastSignals";
import { cocoa, returnHindsight, stateHindsight } from "./hindsightSignals";
import { discountScheduling, transportImitation } from "./imitationSignals";
import { lucyKrc } from "./kineticReward";
import { neighbourCentrality } from "./neighbourSignal";
import { behaviourNovelty } from "./noveltySignals";
import { trajectoryObjective } from "./objectiveSignal";
import { carlPlanning } from "./planningSignal";
import { potentialShaping } from "./potentialShaping";
import { optimisationRegret } from "./regretSignal";
import { rudder } from "./returnDecomposition";
import { shapingInvariance } from "./shapingInvariance";
import { exprdGap } from "./exprdSignal";
import { adaptiveTeacher } from "./teacherSignal";
import { eventRewards, teamSpirit } from "./teamSignals";

/** Signals of control, reward design and credit assignment. */
export const controlSignals: readonly Signal[] = [
  trajectoryObjective,
  potentialShaping,
  shapingInvariance,
  rudder,
  stateHindsight,
  returnHindsight,
  cocoa,
  exprdGap,
  adaptiveTeacher,
  explors,
  asafScore,
  behaviourConstraints,
  transportImitation,
  discountScheduling,
  dynamicsRewardSignal,
  transitionChoice,
  proxyActionSignal,
  barfi,
  lucyKrc,
  eventRewards,
  teamSpirit,
  carlDriving,
  carlPlanning,
  rideComfortSignal,
  forecastError,
  forecastLikelihood,
  neighbourCentrality,
  clipChoice,
  optimisationRegret,
  behaviourNovelty,
  behaviourSurprise,
  archiveMetrics,
  emitterImprovementSignal,
];
