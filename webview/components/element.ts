/** What an element gets at birth. Text is always set as text; there is no way to pass HTML. */
export interface ElementProperties {
  readonly class?: string;
  readonly id?: string;
  readonly text?: string;
  readonly title?: string;
  readonly role?: string;
  readonly tabIndex?: number;
  readonly hidden?: boolean;
  /** `aria-` attributes, without the prefix. */
  readonly aria?: Readonly<Record<string, string>>;
  /** `data-` attributes, without the prefix. */
  readonly data?: Readonly<Record<string, string>>;
  readonly on?: { readonly [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };
}

export type ElementChild = Node | string | undefined | false;

/** Makes an element with its properties and children; strings become text nodes. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: ElementProperties = {},
  ...children: readonly ElementChild[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (properties.class !== undefined) element.className = properties.class;
  if (properties.id !== undefined) element.id = properties.id;
  if (properties.text !== undefined) element.textContent = properties.text;
  if (properties.title !== undefined) element.title = properties.title;
  if (properties.role !== undefined) element.setAttribute("role", properties.role);
  if (properties.tabIndex !== undefined) element.tabIndex = properties.tabIndex;
  if (properties.hidden !== undefined) element.hidden = properties.hidden;
  for (const [name, value] of Object.entries(properties.aria ?? {}))
    element.setAttribute(`aria-${name}`, value);
  for (const [name, value] of Object.entries(properties.data ?? {})) element.dataset[name] = value;
  for (const [name, listener] of Object.entries(properties.on ?? {})) {
    element.addEventListener(name, listener as EventListener);
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
}

/** A codicon; decoration only, so always beside a word or under an accessible name. */
export function icon(name: string, extra = ""): HTMLSpanElement {
  return el("span", { class: `codicon codicon-${name} ${extra}`.trim(), aria: { hidden: "true" } });
}

/** Sets text only when it differs, so that redrawing a list does not touch the layout needlessly. */
export function setText(element: HTMLElement, text: string): void {
  const only = element.firstChild;
  if (only instanceof Text && only.nextSibling === null) {
    // A text node that stays is cheaper to lay out again than a new one.
    if (only.data !== text) only.data = text;
  } else if (element.textContent !== text) element.textContent = text;
}

/** Sets a tooltip only when it differs. */
export function setTitle(element: HTMLElement, title: string): void {
  if (element.title !== title) element.title = title;
}

/** True when a key press belongs to a field that takes text. */
export function typesText(event: Event): boolean {
  for (const target of event.composedPath()) {
    if (!(target instanceof HTMLElement)) continue;
    if (/^(INPUT|TEXTAREA|SELECT|VSCODE-TEXT-FIELD)$/.test(target.tagName) || target.isContentEditable)
      return true;
  }
  return false;
}
