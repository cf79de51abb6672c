import "./dataset.css";
import type { FromDatasetView, ToDatasetView } from "../../../src/protocol/webviewMessages";
import { typesText } from "../../components/element";
import { connect } from "../../components/messages";
import { DatasetView, type DatasetViewState } from "./datasetView";

const root = document.getElementById("app");
if (root) {
  const channel = connect<ToDatasetView, FromDatasetView, DatasetViewState>((message) =>
    view.receive(message),
  );
  const view = new DatasetView(root, channel);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || typesText(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (view.key(event.key)) event.preventDefault();
  });
  channel.post({ type: "ready" });
}
