import { el, icon } from "./element";

/** The thin progress line on top and the one sentence for errors and waiting below it. Neither moves what is drawn. */
export class StatusLine {
  readonly element = el("div", {
    class: "progress-line",
    role: "progressbar",
    aria: { label: "Loading" },
    hidden: true,
  });
  readonly sentence = el("div", { class: "status-sentence", role: "status", hidden: true });
  private readonly fill = el("div", { class: "progress-fill" });

  constructor() {
    this.element.append(this.fill);
  }

  /** @param share done so far, or undefined when it is not known */
  busy(share: number | undefined): void {
    this.element.hidden = false;
    this.element.classList.toggle("endless", share === undefined);
    this.fill.style.width = share === undefined ? "30%" : `${Math.round(Math.min(1, share) * 100)}%`;
    if (share === undefined) this.element.removeAttribute("aria-valuenow");
    else this.element.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }

  idle(): void {
    this.element.hidden = true;
  }

  /** @param action what can be done about it, as a button behind the sentence */
  error(message: string, hint: string, action?: HTMLElement): void {
    this.say("error", hint === "" ? message : `${message} ${hint}`);
    if (action) this.sentence.append(action);
    this.sentence.setAttribute("role", "alert");
  }

  /** A sentence that is no error; empty hides it. */
  tell(text: string): void {
    if (text === "") this.sentence.hidden = true;
    else this.say("info", text);
    this.sentence.setAttribute("role", "status");
  }

  private say(kind: "error" | "info", text: string): void {
    this.sentence.hidden = false;
    this.sentence.className = `status-sentence ${kind}`;
    this.sentence.replaceChildren(icon(kind), el("span", { text }));
  }
}
