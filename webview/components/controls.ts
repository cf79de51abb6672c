import { provideVSCodeDesignSystem, vsCodeButton, vsCodeTextField } from "@vscode/webview-ui-toolkit";
import { el, icon } from "./element";

// The only file that knows the toolkit: a successor takes its place here. Menus of choices are native <select>
// elements, because the toolkit's drop-down is clipped by the scrolling panes that it would have to stand in.
provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeTextField());

export interface ButtonOptions {
  readonly label: string;
  readonly icon?: string;
  /** Said on hover and to screen readers; names the key. */
  readonly title?: string;
  readonly appearance?: "primary" | "secondary" | "icon";
  readonly class?: string;
  onClick(event: MouseEvent): void;
}

export interface Button {
  readonly element: HTMLElement;
  setLabel(label: string): void;
  setTitle(title: string): void;
  setDisabled(disabled: boolean): void;
}

/** A button; with the appearance "icon" the label is only told, not shown. */
export function button(options: ButtonOptions): Button {
  const appearance = options.appearance ?? "secondary";
  const element = document.createElement("vscode-button");
  element.setAttribute("appearance", appearance);
  element.className = `button ${options.class ?? ""}`.trim();
  // Not a <span>: the toolkit gives every span inside a button the size of an icon.
  const label = el("bdi", { class: "button-label", text: appearance === "icon" ? "" : options.label });
  if (options.icon !== undefined) element.append(icon(options.icon));
  if (appearance !== "icon") element.append(label);
  const name = (title: string, text: string): void => {
    element.title = title;
    element.setAttribute(
      "aria-label",
      appearance === "icon" ? title : `${text}${title === text ? "" : `, ${title}`}`,
    );
  };
  let title = options.title ?? options.label;
  let text = options.label;
  name(title, text);
  element.addEventListener("click", (event) => options.onClick(event as MouseEvent));
  return {
    element,
    setLabel: (value) => {
      text = value;
      if (appearance !== "icon") label.textContent = value;
      name(title, text);
    },
    setTitle: (value) => {
      title = value;
      name(title, text);
    },
    setDisabled: (disabled) => element.toggleAttribute("disabled", disabled),
  };
}

export interface Field {
  readonly element: HTMLElement;
  readonly value: string;
  setValue(value: string): void;
  focus(): void;
}

/** A text field that reports while typing; Escape empties it and gives the focus back. */
export function textField(options: {
  readonly label: string;
  readonly placeholder: string;
  onInput(value: string): void;
  onEnter?(back: boolean): void;
  onEscape?(): void;
}): Field {
  const element = document.createElement("vscode-text-field") as HTMLElement & { value: string };
  element.className = "field";
  element.setAttribute("placeholder", options.placeholder);
  // The toolkit calls every field "Text field" when it is put into the page; this one keeps its own name.
  const name = (): void => {
    if (element.getAttribute("aria-label") !== options.label)
      element.setAttribute("aria-label", options.label);
  };
  name();
  new MutationObserver(name).observe(element, { attributeFilter: ["aria-label"] });
  element.addEventListener("input", () => options.onInput(element.value));
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      element.value = "";
      options.onInput("");
      options.onEscape?.();
    } else if (event.key === "Enter") options.onEnter?.(event.shiftKey);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return {
    element,
    get value() {
      return element.value ?? "";
    },
    setValue: (value) => {
      element.value = value;
    },
    focus: () => element.focus(),
  };
}

export interface Choice {
  readonly id: string;
  readonly title: string;
}

export interface Select {
  readonly element: HTMLSelectElement;
  setChoices(choices: readonly Choice[], selected: string | undefined): void;
}

/** A menu of choices. */
export function select(options: { readonly label: string; onChange(id: string): void }): Select {
  const element = el("select", { class: "select", title: options.label, aria: { label: options.label } });
  element.addEventListener("change", () => options.onChange(element.value));
  return {
    element,
    setChoices: (choices, selected) => {
      const same =
        element.options.length === choices.length &&
        choices.every(
          (choice, index) =>
            element.options[index]?.value === choice.id && element.options[index]?.text === choice.title,
        );
      if (!same) {
        element.replaceChildren(
          ...choices.map((choice) => {
            const option = el("option", { text: choice.title });
            option.value = choice.id;
            return option;
          }),
        );
      }
      if (selected !== undefined && element.value !== selected) element.value = selected;
    },
  };
}
