// A signal of this workspace: it appears in "Add Track" as "Longer than the group" and on the command line as
// user-longer-than-group. It runs in a process of its own, and only where the workspace is trusted.

interface Member {
  readonly trajectoryId: string;
  readonly stepCount: number;
}

interface Context {
  readonly trajectory: { readonly id: string; readonly steps: readonly unknown[] };
  readonly group?: { readonly members: readonly Member[] };
}

export const longerThanGroup = {
  id: "longer-than-group",
  title: "Longer than the group",
  level: "trajectory",
  unit: "steps",
  signed: true,
  needs: ["group"],
  parameters: [
    { name: "relative", description: "As a share of the group's mean.", type: "boolean", default: false },
  ],
  source: "The example workspace",
  description: "Steps of this rollout minus the mean number of steps of its group.",
  compute({ trajectory, group }: Context, { relative }: { readonly relative: boolean }) {
    if (!group) return { missing: ["group"], how: "Open the dataset that holds the whole group." };
    const mean = group.members.reduce((sum, member) => sum + member.stepCount, 0) / group.members.length;
    const difference = trajectory.steps.length - mean;
    return {
      values: [relative ? difference / mean : difference],
      notes: [`Mean of the group: ${mean} steps.`],
    };
  },
};
