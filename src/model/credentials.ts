/**
 * Recognises strings that look like credentials, so that views can hide them. A guess by shape: what is found may be an
 * example, and a credential of no known shape is not found.
 */

/** Where in a text something looks like a credential: the half-open range [start, end) of what is to be hidden. */
export interface CredentialSpan {
  readonly start: number;
  readonly end: number;
  /** What it looks like, in words. */
  readonly kind: string;
}

interface Shape {
  readonly kind: string;
  /** Global; the named group `secret` is what is hidden, or the whole match without its first `keep` characters. */
  readonly pattern: RegExp;
  readonly keep?: number;
  /** Letters and digits must both occur, so that names and prose are left alone. */
  readonly mixed?: boolean;
}

const SHAPES: readonly Shape[] = [
  {
    kind: "private key",
    pattern:
      /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?<secret>[\s\S]*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|$)/g,
  },
  { kind: "API key", pattern: /\bsk-[A-Za-z0-9_-]{20,}/g, keep: 3, mixed: true },
  { kind: "Stripe key", pattern: /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}/g, keep: 8 },
  {
    kind: "GitHub token",
    pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})/g,
    keep: 4,
  },
  { kind: "GitLab token", pattern: /\bglpat-[A-Za-z0-9_-]{20,}/g, keep: 6 },
  { kind: "Hugging Face token", pattern: /\b(?:hf|api_org)_[A-Za-z0-9]{30,}/g, keep: 3 },
  { kind: "Slack token", pattern: /\bx(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10,}/g, keep: 5, mixed: true },
  { kind: "AWS access key", pattern: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g, keep: 4 },
  { kind: "Google key", pattern: /\b(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,})/g, keep: 4 },
  { kind: "package registry token", pattern: /\b(?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,})/g, keep: 4 },
  {
    kind: "LangSmith key",
    pattern: /\b(?:lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}|ls__[a-f0-9]{32})/g,
    keep: 5,
  },
  {
    kind: "API key",
    pattern: /\b(?:tvly-|gsk_|xai-|r8_|nvapi-|pplx-|e2b_|fw_)[A-Za-z0-9_-]{20,}/g,
    keep: 3,
    mixed: true,
  },
  { kind: "SendGrid key", pattern: /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/g, keep: 3 },
  {
    kind: "JSON web token",
    pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g,
    keep: 3,
  },
  {
    kind: "authorization header",
    pattern:
      /\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+(?<secret>[A-Za-z0-9._~+/=-]{8,})/gi,
  },
  { kind: "bearer token", pattern: /\bbearer\s+(?<secret>[A-Za-z0-9._~+/=-]{20,})/gi, mixed: true },
  {
    kind: "password in an address",
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@'"]{0,200}:(?<secret>[^\s/@'"]{1,200})@[^\s@]/gi,
  },
  {
    kind: "AWS secret key",
    pattern:
      /aws_?secret_?(?:access_?)?key["']?\s*[:=]\s*["']?(?<secret>[A-Za-z0-9/+=]{40})(?![A-Za-z0-9/+=])/gi,
  },
  {
    kind: "named secret",
    pattern:
      /(?:api[_-]?key|secret[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret|_token|passw(?:or)?d)["']?\s*[:=]\s*["']?(?<secret>[A-Za-z0-9_+/=.-]{16,})/gi,
    mixed: true,
  },
];

/** A text without any of these cannot hold a credential of the shapes above. */
const HINT =
  /sk[-_]|rk_|gh[pousr]_|github_pat|glpat|hf_|api_org|xox|xapp|A[KS]IA|A[BC][CI]A|AIza|ya29|npm_|pypi-|ls(?:v2|_)_|tvly|xai-|r8_|nvapi|pplx|e2b_|fw_|SG\.|eyJ|bearer|authorization|PRIVATE KEY|:\/\/|key|secret|token|passw/i;

/** Names of fields whose whole value is a secret. */
const SECRET_FIELD =
  /^(?:.*[_-])?(?:api_?key|apikey|secret|secret_?key|secret_access_key|password|passwd|access_token|auth_token|refresh_token|client_secret|private_key)$/i;
const SHORTEST_FIELD = 6;
/** Values nested deeper than this are no data that a view could show. */
const DEEPEST = 500;

/** The ranges of a text that look like credentials, in order, without overlaps. */
export function credentialSpans(text: string): readonly CredentialSpan[] {
  if (text.length < 8 || !HINT.test(text)) return [];
  const found: CredentialSpan[] = [];
  for (const { kind, pattern, keep, mixed } of SHAPES) {
    for (const match of text.matchAll(pattern)) {
      const secret = match.groups?.["secret"];
      const hidden = secret ?? match[0].slice(keep ?? 0);
      if (mixed === true && !(/\d/.test(hidden) && /[A-Za-z]/.test(hidden))) continue;
      // Already hidden by whoever wrote it.
      if (/^[*•xX.]*$/.test(hidden)) continue;
      const start = match.index + (secret === undefined ? (keep ?? 0) : match[0].lastIndexOf(secret));
      found.push({ start, end: start + hidden.length, kind });
    }
  }
  found.sort((a, b) => a.start - b.start || b.end - a.end);
  const spans: CredentialSpan[] = [];
  for (const span of found) {
    const last = spans.at(-1);
    if (last === undefined || span.start >= last.end) spans.push(span);
    else if (span.end > last.end) spans[spans.length - 1] = { ...last, end: span.end };
  }
  return spans;
}

/** The mask has the text's length and line ends, so that places in the text stay what they are. */
const masked = (text: string): string => text.replace(/[^\r\n]/g, "•");

/** The text with what looks like credentials hidden, of the same length; `count` says how many there were. */
export function maskText(text: string): { readonly text: string; readonly count: number } {
  const spans = credentialSpans(text);
  if (spans.length === 0) return { text, count: 0 };
  let out = "";
  let at = 0;
  for (const { start, end } of spans) {
    out += text.slice(at, start) + masked(text.slice(start, end));
    at = end;
  }
  return { text: out + text.slice(at), count: spans.length };
}

/**
 * A copy of a plain value with every text masked, and whole the values of fields that are named as secrets. Parts without
 * credentials, typed arrays among them, are the same objects as before; the value itself is never changed. What is nested
 * deeper than 500 levels is left out.
 */
export function maskCredentials<T>(value: T): { readonly value: T; readonly count: number } {
  let count = 0;
  const walk = (item: unknown, field: string | undefined, depth: number): unknown => {
    if (typeof item === "string") {
      if (
        field !== undefined &&
        item.length >= SHORTEST_FIELD &&
        !/\s/.test(item) &&
        SECRET_FIELD.test(field) &&
        !/^[*•xX.]*$/.test(item)
      ) {
        count++;
        return masked(item);
      }
      const result = maskText(item);
      count += result.count;
      return result.text;
    }
    if (typeof item !== "object" || item === null || ArrayBuffer.isView(item)) return item;
    if (depth > DEEPEST) return "…";
    if (Array.isArray(item)) {
      let changed = false;
      const copy = item.map((one: unknown) => {
        const other = walk(one, field, depth + 1);
        if (!Object.is(other, one)) changed = true;
        return other;
      });
      return changed ? copy : item;
    }
    let copy: Record<string, unknown> | undefined;
    for (const [key, one] of Object.entries(item)) {
      const other = walk(one, key, depth + 1);
      if (!Object.is(other, one)) (copy ??= { ...(item as Record<string, unknown>) })[key] = other;
    }
    return copy ?? item;
  };
  return { value: walk(value, undefined, 0) as T, count };
}
