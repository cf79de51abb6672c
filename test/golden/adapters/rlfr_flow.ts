import { flowNetwork, velocityDeviation } from "../../../src/signals/agentic/rlfrFlow";
import { InputError, list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 2e-5, absolute: 1e-6 },
  run({ inputs }) {
    const rule = inputs.text("parameters");
    const found = /= ([\d.]+)\*sin\(([\d.]+)\+([\d.]+)\*i\)/u.exec(rule);
    if (!found) throw new InputError("parameters", `"... = a*sin(b+c*i)" (${rule})`);
    const [a, b, c] = found.slice(1).map(Number);
    let offset = 0;
    const parameters = new Map(
      inputs.list("parameter_shapes").map((entry) => {
        const [name, shape] = list(entry);
        const sizes = [...vector(shape)];
        const size = sizes.reduce((product, value) => product * value, 1);
        const data = Float64Array.from({ length: size }, (_, i) =>
          Math.fround(a! * Math.sin(b! + c! * (offset + i))),
        );
        offset += size;
        return [String(name), { shape: sizes, data }] as const;
      }),
    );
    const times = inputs.text("rewarding_timesteps").split("+").map(Number);
    const result = velocityDeviation(
      flowNetwork(parameters),
      inputs.matrix("target"),
      inputs.matrix("cond"),
      inputs.matrix("noise"),
      times,
      inputs.number("layer_percentile"),
    );
    return { loss: result.losses, score: result.scores };
  },
};
