/**
 * Module hooks of the process of user-defined signals: TypeScript loses its types, and a `.js` file that is written as a
 * module is read as one whatever the package.json above it says. Nothing is written to disk.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { LoadHook, ResolveHook } from "node:module";
import { fileURLToPath } from "node:url";
import { transform } from "sucrase";

const typed = /\.[cm]?ts$/u;
const written = /\.(?:[cm]?ts|m?js)$/u;

/** `./rewards` and `./rewards.js` may be the file rewards.ts. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  if (/^\.{1,2}\//u.test(specifier) && context.parentURL?.startsWith("file:")) {
    for (const candidate of [
      specifier,
      `${specifier}.ts`,
      `${specifier}.js`,
      specifier.replace(/\.js$/u, ".ts"),
    ]) {
      const url = new URL(candidate, context.parentURL);
      // A changed file is imported under a new address; what it imports must not be older than it.
      url.search = new URL(context.parentURL).search;
      if (written.test(url.pathname) && existsSync(fileURLToPath(url)))
        return { url: url.href, shortCircuit: true };
    }
  }
  return next(specifier, context);
};

/** Gives TypeScript and modern JavaScript of the user's signals to Node.js as modules it can run. */
export const load: LoadHook = async (url, context, next) => {
  const { protocol, pathname } = new URL(url);
  if (protocol !== "file:" || !written.test(pathname) || pathname.includes("/node_modules/"))
    return next(url, context);
  const source = await readFile(fileURLToPath(url), "utf8");
  const isModule =
    typed.test(pathname) || pathname.endsWith(".mjs") || /^\s*(?:import|export)\b/mu.test(source);
  if (!isModule) return next(url, context);
  const code = typed.test(pathname)
    ? transform(source, { transforms: ["typescript"], disableESTransforms: true }).code
    : source;
  return { format: "module", source: code, shortCircuit: true };
};
