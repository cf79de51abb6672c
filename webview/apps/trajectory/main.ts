import "./trajectory.css";
import { connect } from "../../components/messages";
import { typesText } from "../../components/element";
import { TrajectoryView, type TrajectoryViewState } from "./trajectoryView";
import type { FromTrajectoryView, ToTrajectoryView } from "../../../src/protocol/webviewMessages";

const root = document.getElementById("app");
if (root) {
  const channel = connect<ToTrajectoryView, FromTrajectoryView, TrajectoryViewState>((message) =>
    view.receive(message),
  );
  const view = new TrajectoryView(root, channel);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || typesText(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (view.key(event.key)) event.preventDefault();
  });
  channel.post({ type: "ready" });
}
