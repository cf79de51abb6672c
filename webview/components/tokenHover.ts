import { el } from "./element";
import { exact, significant, visibleToken } from "./format";

/** What a policy held likeliest at the places [start, start + text.length / width), likeliest first. */
export interface Alternatives {
  readonly start: number;
  readonly width: number;
  readonly text: readonly string[];
  readonly logprob: Float64Array;
}

export interface Alternative {
  readonly text: string;
  readonly logprob: number;
}

/** The likeliest tokens at one place; empty where none are known. */
export function alternativesAt(
  alternatives: Alternatives | undefined,
  token: number,
): readonly Alternative[] {
  if (!alternatives) return [];
  const row = token - alternatives.start;
  if (row < 0 || row * alternatives.width >= alternatives.text.length) return [];
  return Array.from({ length: alternatives.width }, (_, rank) => ({
    text: alternatives.text[row * alternatives.width + rank] ?? "",
    logprob: alternatives.logprob[row * alternatives.width + rank] ?? NaN,
  })).filter(({ logprob }) => Number.isFinite(logprob));
}

/** "instead: 1. “7” p 0.61, 2. “3” p 0.20", for reading aloud and copying. */
export const alternativeWords = (alternatives: readonly Alternative[]): string =>
  alternatives.length === 0
    ? ""
    : `likeliest ${alternatives.map(({ text, logprob }, rank) => `${rank + 1}. ${JSON.stringify(text)} p ${significant(Math.exp(logprob))}`).join(", ")}`;

/** A small box beside a token: its numbers, and what the policy held likeliest there. */
export class TokenHover {
  readonly element = el("div", { class: "token-hover", role: "tooltip", hidden: true });

  /**
   * @param facts name and number of each series
   * @param own text of the token itself, which is marked among the likeliest
   * @param at place of the token in the window
   */
  show(
    title: string,
    facts: readonly (readonly [name: string, text: string])[],
    alternatives: readonly Alternative[],
    own: string,
    at: { readonly x: number; readonly top: number; readonly bottom: number },
  ): void {
    this.element.replaceChildren(
      el("div", { class: "strong", text: title }),
      ...facts.map(([name, text]) =>
        el(
          "div",
          { class: "token-fact" },
          el("span", { class: "quiet", text: name }),
          el("span", { class: "number", text }),
        ),
      ),
      ...(alternatives.length > 0
        ? [
            el("div", { class: "quiet token-likeliest", text: "likeliest here" }),
            ...alternatives.map(({ text, logprob }, rank) => {
              const bar = el("span", { class: "token-bar", aria: { hidden: "true" } });
              bar.style.width = `${Math.round(60 * Math.exp(logprob))}px`;
              return el(
                "div",
                {
                  class: text === own ? "token-alternative own" : "token-alternative",
                  title: exact(logprob),
                },
                el("span", { class: "number quiet", text: `${rank + 1}` }),
                el("span", { class: "token-word", text: visibleToken(text) }),
                el("span", { class: "number", text: significant(Math.exp(logprob)) }),
                bar,
              );
            }),
          ]
        : []),
    );
    this.element.hidden = false;
    const { offsetWidth, offsetHeight } = this.element;
    this.element.style.left = `${Math.max(4, Math.min(at.x, window.innerWidth - offsetWidth - 4))}px`;
    // Above the token where there is room, so that what follows can still be read.
    this.element.style.top = `${at.top - offsetHeight - 4 >= 0 ? at.top - offsetHeight - 4 : Math.min(at.bottom + 4, Math.max(0, window.innerHeight - offsetHeight))}px`;
  }

  hide(): void {
    this.element.hidden = true;
  }
}
