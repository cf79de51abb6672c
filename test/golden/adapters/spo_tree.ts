import {
  edgeCredit,
  treeValues,
  verifierTarget,
  type EdgeMethod,
} from "../../../src/signals/tree/treeCredit";
import type { Adapter, Golden } from "../adapter";

interface Node {
  readonly parent: number;
  readonly text: string;
  readonly path: string;
  readonly leaf: boolean;
  readonly reward: number;
}

type Document = { readonly [key: string]: Golden };

/** Lists the nodes of a nested tree, parents first, children in order. */
function flatten(document: Document, parent: number, path: string, nodes: Node[]): void {
  const children = (Array.isArray(document["children"]) ? document["children"] : []) as readonly Document[];
  const text = String(document["text"] ?? "");
  nodes.push({
    parent,
    text,
    path,
    leaf: children.length === 0,
    reward: typeof document["reward"] === "number" ? document["reward"] : NaN,
  });
  const index = nodes.length - 1;
  for (const child of children) flatten(child, index, path + text, nodes);
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ inputs }) {
    const nodes: Node[] = [];
    flatten(inputs.object("tree"), -1, "", nodes);
    const tree = {
      parents: Int32Array.from(nodes, (node) => node.parent),
      leafRewards: Float64Array.from(nodes, (node) => (node.leaf ? node.reward : NaN)),
    };
    const values = treeValues(tree);
    const credit = edgeCredit(tree, values, inputs.text("adv_method", "rloo") as EdgeMethod);
    const onlyCredited = inputs.flag("only_adv_greater_than_zero", true);
    return nodes.flatMap((node, i) => {
      if (node.parent < 0 || (onlyCredited && credit.advantages[i]! + credit.provers[i]! === 0)) return [];
      const value = values.values[i]!;
      return [
        {
          query_text: node.path,
          response_text: node.text,
          advantage: credit.advantages[i]!,
          prover_advantage: credit.provers[i]!,
          value,
          leaf: node.leaf,
          reward: value,
          pav_target_value_plus_5_prover: verifierTarget(value, credit.provers[i]!),
        },
      ];
    });
  },
};
