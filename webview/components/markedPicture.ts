import type { MediaReference, PictureMark } from "../../src/model/trajectory";
import { el } from "./element";
import { significant } from "./format";

const SVG = "http://www.w3.org/2000/svg";

/** A picture with what the step did on it drawn over it: taps, ways of swipes, boxes. Also where the picture is missing. */
export class MarkedPicture {
  readonly element = el("figure", { class: "marked-picture" });
  private readonly overlay = document.createElementNS(SVG, "svg");

  /** @param uri address of the picture; undefined where it may not be loaded or is not there */
  constructor(
    private readonly media: MediaReference,
    uri: string | undefined,
    alt: string,
  ) {
    const marks = media.marks ?? [];
    if (uri !== undefined) {
      const image = el("img", { class: "media" });
      image.alt = alt;
      image.addEventListener("load", () => this.draw(image.naturalWidth, image.naturalHeight));
      image.addEventListener("error", () => {
        image.remove();
        this.element.append(
          el("p", { class: "quiet", text: "The picture cannot be shown: it is missing or damaged." }),
        );
        this.frameAlone();
      });
      image.src = uri;
      this.element.append(el("div", { class: "picture-plane" }, image));
      this.plane().append(this.overlay);
    } else this.frameAlone();
    if (marks.length > 0)
      this.element.append(el("figcaption", { class: "quiet number", text: marks.map(markText).join(" · ") }));
    this.overlay.setAttribute("aria-hidden", "true");
  }

  private plane(): HTMLElement {
    return this.element.firstElementChild as HTMLElement;
  }

  /** Without the picture its frame still tells where on the screen something was done. */
  private frameAlone(): void {
    const { frame, marks } = this.media;
    if (!frame || !marks || marks.length === 0) return;
    const plane = el("div", { class: "picture-plane missing" }, this.overlay);
    this.element.prepend(plane);
    this.draw(frame.width, frame.height);
  }

  private draw(naturalWidth: number, naturalHeight: number): void {
    const { width, height } = this.media.frame ?? { width: naturalWidth, height: naturalHeight };
    if (!(width > 0) || !(height > 0)) return;
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.overlay.setAttribute("preserveAspectRatio", "none");
    // Strokes are given in parts of the frame, so that they are as thick on a phone's picture as on a screen's.
    const unit = Math.max(width, height) / 100;
    this.overlay.replaceChildren(...(this.media.marks ?? []).flatMap((mark) => shapes(mark, unit)));
  }
}

function shape(
  name: string,
  mark: PictureMark,
  attributes: Readonly<Record<string, number | string>>,
): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.setAttribute("class", mark.role === "truth" ? "mark truth" : "mark");
  return made;
}

function shapes(mark: PictureMark, unit: number): SVGElement[] {
  switch (mark.kind) {
    case "point":
      return [
        shape("circle", mark, { cx: mark.x, cy: mark.y, r: 2.2 * unit }),
        shape("circle", mark, { cx: mark.x, cy: mark.y, r: 0.5 * unit, "data-filled": "" }),
      ];
    case "box":
      return [
        shape("rect", mark, {
          x: Math.min(mark.x0, mark.x1),
          y: Math.min(mark.y0, mark.y1),
          width: Math.abs(mark.x1 - mark.x0),
          height: Math.abs(mark.y1 - mark.y0),
        }),
      ];
    case "arrow": {
      const angle = Math.atan2(mark.y1 - mark.y0, mark.x1 - mark.x0);
      const barb = (turn: number): string =>
        `L ${mark.x1 - 3 * unit * Math.cos(angle + turn)} ${mark.y1 - 3 * unit * Math.sin(angle + turn)} M ${mark.x1} ${mark.y1}`;
      return [
        shape("path", mark, {
          d: `M ${mark.x0} ${mark.y0} L ${mark.x1} ${mark.y1} ${barb(0.5)} ${barb(-0.5)}`,
        }),
      ];
    }
  }
}

/** The marks in words, for those who cannot see the picture and for pictures that are not there. */
function markText(mark: PictureMark): string {
  const name = mark.label ?? (mark.kind === "point" ? "at" : mark.kind === "arrow" ? "from" : "box");
  const who = mark.role === "truth" ? "truth: " : "";
  if (mark.kind === "point") return `${who}${name} (${significant(mark.x)}, ${significant(mark.y)})`;
  const join = mark.kind === "arrow" ? "→" : "–";
  return `${who}${name} (${significant(mark.x0)}, ${significant(mark.y0)}) ${join} (${significant(mark.x1)}, ${significant(mark.y1)})`;
}
