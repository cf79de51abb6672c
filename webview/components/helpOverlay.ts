import { button } from "./controls";
import { el } from "./element";

/** The keys of a view, in a dialog that "?" opens. */
export class HelpOverlay {
  readonly element: HTMLDialogElement;

  constructor(title: string, keys: readonly (readonly [string, string])[]) {
    this.element = el(
      "dialog",
      { class: "help", aria: { label: title } },
      el(
        "div",
        { class: "help-title" },
        el("span", { class: "strong", text: title }),
        button({ label: "Close", icon: "close", appearance: "icon", onClick: () => this.element.close() })
          .element,
      ),
      el(
        "dl",
        { class: "help-keys" },
        ...keys.flatMap(([key, meaning]) => [
          el("dt", {}, ...key.split(" ").map((part) => el("kbd", { text: part }))),
          el("dd", { text: meaning }),
        ]),
      ),
    );
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.element.close();
    });
  }

  toggle(): void {
    if (this.element.open) this.element.close();
    else this.element.showModal();
  }
}
