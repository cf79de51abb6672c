"""ONNX export of the three trained networks, each compared with PyTorch in onnxruntime."""

import logging
import warnings

import numpy as np
import onnx
import onnxruntime
import torch


def export_onnx(model, path, inputs, outputs, metadata):
    """One ONNX file (opset 18, weights inside, first dimension free), checked against PyTorch on `inputs`.

    inputs: {input name: example [batch, ...]}. Returns the largest absolute difference over all outputs.
    """
    batch = torch.export.Dim("batch")
    model.eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # else it reports that torchvision is not installed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter's own internals; the result is checked below
        program = torch.onnx.export(
            model, tuple(inputs.values()), dynamo=True, opset_version=18, verbose=False, external_data=False,
            input_names=list(inputs), output_names=outputs, dynamic_shapes=tuple({0: batch} for _ in inputs))
    proto = program.model_proto
    for node in proto.graph.node:  # the exporter notes source paths and stack traces here
        del node.metadata_props[:]
    for info in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del info.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save_model(proto, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(outputs, {name: x.numpy() for name, x in inputs.items()})
    with torch.no_grad():
        expected = model(*inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(got, expected))


def export_models(policy, value, reward, folder, reward_results, args, common):
    """Write policy.onnx, value.onnx and reward.onnx; returns {name: max difference from PyTorch}.

    `common` is metadata for all three files: what the numbers are and where they come from.
    Raises RuntimeError when a file does not reproduce PyTorch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    angle = torch.linspace(-torch.pi, torch.pi, 257)
    observation = torch.stack([angle.cos(), angle.sin(), torch.linspace(-8, 8, 257).roll(64)], dim=1)
    action = torch.linspace(-3, 3, 257).roll(17).unsqueeze(1)
    exports = {
        "policy": (policy, {"observation": observation}, ["action_mean", "action_log_std"], {
            "kind": "policy-gaussian", "trained": "PPO"}),
        "value": (value, {"observation": observation}, ["value"], {
            "kind": "value", "trained": "PPO", "gamma": str(args.gamma), "gae_lambda": str(args.lam)}),
        "reward": (reward, {"observation": observation, "action": action}, ["reward"], {
            "kind": "reward", "trained": f"Bradley-Terry on {reward_results['train_pairs']} pairs of "
            f"{args.segment}-step segments labelled by true return",
            "unit": "mean 0 and standard deviation 1 on the training segments; only differences mean something",
            "test_accuracy": str(reward_results["test_accuracy"])}),
    }
    differences = {}
    for name, (model, inputs, outputs, metadata) in exports.items():
        difference = export_onnx(model, folder / f"{name}.onnx", inputs, outputs, common | metadata)
        tolerance = 1e-4 * (value.unit if name == "value" else 1.0)  # values are `unit` times as large
        if not difference <= tolerance:
            raise RuntimeError(f"{name}.onnx differs from PyTorch by {difference}, more than {tolerance}")
        differences[name] = difference
    return differences
