import "./tree.css";
import type { FromTreeView, ToTreeView } from "../../../src/protocol/webviewMessages";
import { typesText } from "../../components/element";
import { connect } from "../../components/messages";
import { TreeView, type TreeViewState } from "./treeView";

const root = document.getElementById("app");
if (root) {
  const channel = connect<ToTreeView, FromTreeView, TreeViewState>((message) => view.receive(message));
  const view = new TreeView(root, channel);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || typesText(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (view.key(event.key)) event.preventDefault();
  });
  channel.post({ type: "ready" });
}
