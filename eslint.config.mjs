import tseslint from "typescript-eslint";

/** Folders of the layout, upper first: an import may only go to the right-hand side. */
export const arrows = {
  "src/host": ["src/services", "src/trainers", "src/store", "src/inference", "src/formats", "src/signals", "src/protocol", "src/model"],
  "src/services": ["src/trainers", "src/store", "src/inference", "src/formats", "src/signals", "src/protocol", "src/model"],
  "src/trainers": ["src/formats", "src/signals", "src/protocol", "src/model"],
  "src/store": ["src/formats", "src/signals", "src/protocol", "src/model"],
  "src/inference": ["src/formats", "src/signals", "src/protocol", "src/model"],
  "src/formats": ["src/protocol", "src/model"],
  "src/signals": ["src/protocol", "src/model"],
  "src/protocol": ["src/model"],
  "src/model": [],
  webview: ["src/protocol", "src/signals", "src/model"],
};

const folders = ["host", "services", "trainers", "store", "inference", "formats", "signals", "protocol", "model"];

const arrowRules = Object.entries(arrows).map(([folder, allowed]) => {
  const forbidden = folders.filter((name) => `src/${name}` !== folder && !allowed.includes(`src/${name}`));
  return {
    files: [`${folder}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            ...(forbidden.length === 0
              ? []
              : [{ regex: `^(\\.\\./)+(src/)?(${forbidden.join("|")})(/|$)`, message: `Arrows only point down: ${folder} may import ${allowed.join(", ") || "nothing"}.` }]),
            ...(folder === "src/host" ? [] : [{ regex: "^vscode$", message: "vscode is imported in src/extension.ts and src/host alone." }]),
          ],
        },
      ],
    },
  };
});

export default tseslint.config(
  { ignores: ["dist/**", "node_modules/**", ".vscode-test/**", ".venv/**", ".cache/**", "demo-out/**", "test-out/**", "examples/**"] },
  ...tseslint.configs.recommended,
  {
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      eqeqeq: ["error", "always"],
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "No default exports." },
        { selector: "AssignmentExpression[left.property.name='innerHTML']", message: "Trajectories are hostile: text, never HTML." },
      ],
    },
  },
  ...arrowRules,
  { files: ["src/cli.ts", "src/cli/**/*.ts", "scripts/**", "test/**", "*.mjs", "*.ts"], rules: { "no-console": "off" } },
  { files: ["*.config.*", "eslint.config.mjs"], rules: { "no-restricted-syntax": "off" } },
);
