import { openDataset, openGroup } from "../open";
import type { Command } from "./command";
import { isEntry, oneTrajectory, resolveTarget } from "./target";

export const openGroupCommand: Command = {
  what: "open the group",
  make:
    (parts) =>
    async (...args) => {
      const [argument] = args;
      if (isEntry(argument) && argument.kind === "group") {
        await openDataset(
          argument.dataset,
          { groupId: argument.group.groupId },
          { label: argument.group.title },
        );
        return;
      }
      const target = await resolveTarget(parts, args);
      if (target?.kind === "query" && target.query.groupId !== undefined) {
        const { group } = await parts.host.library.services.datasets.group(target.query.groupId);
        await openGroup(parts.host, group);
        return;
      }
      await openGroup(parts.host, await oneTrajectory(parts, args));
    },
};
