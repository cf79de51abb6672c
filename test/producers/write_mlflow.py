"""MLflow traces an agent into its SQLite database; expected is what MLflow itself gives back for the traces."""

import json

import mlflow
from expectations import folder, write
from mlflow.entities import AssessmentSource, SpanType

out = folder()
database = out / "mlruns.db"
mlflow.set_tracking_uri(f"sqlite:///{database}")
# Without a place for artifacts MLflow makes one in the working folder.
artifacts = (out / "artifacts").as_uri()
experiment = mlflow.create_experiment("agent-loop", artifact_location=artifacts)
mlflow.set_experiment("agent-loop")


def call(argument: int) -> dict:
    function = {"name": "double", "arguments": json.dumps({"x": argument})}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}


for step in (3, 4):
    for sample in range(2):
        question = {"role": "user", "content": f"Double {sample} – é🙂"}
        with mlflow.start_span(name="AgentLoop.run", span_type=SpanType.AGENT) as root:
            tags = {"sample_index": sample, "step": step, "rollout_n": 0, "validate": False, "experiment_name": "e"}
            mlflow.update_current_trace(tags={name: str(value) for name, value in tags.items()})
            root.set_inputs({"raw_prompt": [question]})
            with mlflow.start_span(name="generate", span_type=SpanType.CHAT_MODEL) as span:
                span.set_inputs({"messages": [question]})
                span.set_outputs({"choices": [{"message": call(sample)}]})
            with mlflow.start_span(name="double", span_type=SpanType.TOOL) as span:
                span.set_inputs({"x": sample})
                span.set_outputs(f"{2 * sample} exactly")
            with mlflow.start_span(name="generate", span_type=SpanType.CHAT_MODEL) as span:
                result = {"role": "tool", "tool_call_id": "c1", "content": f"{2 * sample} exactly"}
                span.set_inputs({"messages": [question, call(sample), result]})
                span.set_outputs({"choices": [{"message": {"role": "assistant", "content": f"It is {2 * sample}."}}]})
            root.set_outputs({"reward_score": 0.1 * (sample + step)})
        mlflow.flush_trace_async_logging()
        source = AssessmentSource(source_type="CODE", source_id="check")
        mlflow.log_feedback(trace_id=root.trace_id, name="right", value=sample == 1, source=source)
        mlflow.log_feedback(trace_id=root.trace_id, name="care", value=0.1 + 0.2, source=source)
        mlflow.log_expectation(trace_id=root.trace_id, name="answer", value=f"It is {2 * sample}.")

expected = []
for trace in mlflow.search_traces(locations=[experiment], return_type="list"):
    spans = {span.span_type: span for span in trace.data.spans}
    root, tool = spans[SpanType.AGENT], spans[SpanType.TOOL]
    asked = root.inputs["raw_prompt"][0]["content"]
    last = max((span for span in trace.data.spans if span.span_type == SpanType.CHAT_MODEL), key=lambda span: span.start_time_ns)
    feedback = {one.name: float(one.value) for one in trace.info.assessments if one.feedback is not None}
    expectation = next(one.expectation.value for one in trace.info.assessments if one.expectation is not None)
    expected.append(
        {
            "ownId": trace.info.trace_id,
            "prompt": asked,
            "groundTruth": expectation,
            "trainingStep": int(trace.info.tags["step"]),
            "texts": [
                ["user", asked],
                ["assistant", ""],
                ["tool", tool.outputs],
                ["assistant", last.outputs["choices"][0]["message"]["content"]],
            ],
            "toolCalls": [["double", tool.inputs]],
            "reward": root.outputs["reward_score"],
            "components": feedback,
        }
    )
write(out, mlflow.__version__, [{"path": database.name, "format": "mlflow-traces", "trajectories": expected}])
