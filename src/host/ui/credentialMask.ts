import { maskCredentials, maskText } from "../../model/credentials";
import { maskedTokens, maskedTrajectory } from "../../model/maskedTrajectory";
import type { Trajectory } from "../../model/trajectory";
import { settings } from "./settings";

/** A trajectory as views show it: with credentials masked, unless the user wants to see them. */
export const shownTrajectory = (trajectory: Trajectory): Trajectory =>
  settings.maskCredentials() ? maskedTrajectory(trajectory) : trajectory;

/** A model's own tokens as views show them. */
export const shownTokens = (tokens: readonly string[]): readonly string[] =>
  settings.maskCredentials() ? maskedTokens(tokens).tokens : tokens;

/** A message as views show it. Whole texts are masked before they are cut into messages; this catches what is not. */
export const shownMessage = <T>(message: T): T =>
  settings.maskCredentials() ? maskCredentials(message).value : message;

/** A line of text in a list or a tooltip. */
export const shownText = (text: string): string => (settings.maskCredentials() ? maskText(text).text : text);
