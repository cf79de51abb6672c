import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../src/model/trajectory";
import { readFile, readParts } from "./readFile";

/** Reads the first of the files, which lie in one folder. */
async function read(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "lens-vehicles-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const trajectories: Trajectory[] = [];
  const result = await readFile(join(folder, Object.keys(files)[0]!), (record, format) =>
    trajectories.push(...readParts(record, format)),
  );
  return { ...result, id: result.format?.id, trajectories };
}

const column = (trajectory: Trajectory | undefined, name: string) => {
  const found = trajectory?.columns?.columns.find((one) => one.name === name);
  return found === undefined ? undefined : [found.role, Array.from(found.data)];
};
const told = (trajectories: readonly Trajectory[]) =>
  trajectories.map((one) => [one.task.id, one.steps.length, one.notes.map((note) => note.code)]);

/** Rows of NGSIM's text files: vehicle, frame, frames, time, x, y, and twelve numbers more. */
const ngsim = (vehicle: number, frame: number, frames: number, y: number): readonly (number | string)[] => [
  ...[
    vehicle,
    frame,
    frames,
    1118846979700 + frame * 100,
    "16.4670",
    y.toFixed(3),
    "6451137.6410",
    "1873344.9620",
  ],
  ...["14.5", "4.9", 2, "40.00", "0.00", 2, 0, 0, "0.00", "0.00"],
];
const rows = [
  ngsim(2, 13, 2, 35.381),
  ngsim(2, 14, 2, 39.38),
  ngsim(4, 13, 1, 50),
  ngsim(4, 90, 2, 7),
  ngsim(4, 91, 2, 8),
];
const expected = [
  ["vehicle_2_from_13", 2],
  ["vehicle_4_from_13", 1],
  ["vehicle_4_from_90", 2],
];

describe("NGSIM", () => {
  it("reads text files between spaces, without a header, and parts two vehicles of one number", async () => {
    const text = rows.map((row) => `  ${row.map((cell) => String(cell).padEnd(15)).join("")}`).join("\r\n");
    const { id, trajectories, problems } = await read({ "trajectories-0750am-0805am.txt": `${text}\r\n` });
    expect(id).toBe("vehicle-tracks");
    expect(problems).toEqual([]);
    expect(told(trajectories)).toEqual(expected.map((one) => [...one, ["guessed-columns"]]));
    expect(column(trajectories[0], "Local_Y")).toEqual(["observation", [35.381, 39.38]]);
    expect(column(trajectories[0], "Global_Time")).toEqual(["info", [1118846981000, 1118846981100]]);
    expect(trajectories[0]?.extra["units"]).toContain("feet");
  });

  it("reads tables without a header, and names a line that breaks off", async () => {
    const { id, trajectories } = await read({
      "us101.csv": rows.map((row) => row.join(",")).join("\n"),
    });
    expect(id).toBe("vehicle-tracks");
    expect(told(trajectories)).toEqual(expected.map((one) => [...one, ["guessed-columns"]]));
    const torn = rows.map((row) => row.join(" "));
    const { problems, trajectories: whole } = await read({ "i-80.txt": [...torn, "x 12 13"].join("\n") });
    expect(whole).toHaveLength(3);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining("Vehicle_ID")]);
  });

  it("reads exports with a header, a place, and commas between thousands", async () => {
    const { trajectories } = await read({
      "export.csv": [
        "Vehicle_ID,Frame_ID,Total_Frames,Global_Time,Local_X,Local_Y,Global_X,v_Vel,Location",
        '7,1,1,"1,113,433,135,300",16.884,48.213,"6,042,842.116",0.5,i-80',
        '7,5,1,"1,113,433,135,700",16.5,48.5,"6,042,842.2",0.25,us-101',
      ].join("\n"),
    });
    expect(told(trajectories)).toEqual([
      ["vehicle_7_from_1", 1, []],
      ["vehicle_7_from_5", 1, []],
    ]);
    expect(column(trajectories[0], "Global_X")).toEqual(["info", [6042842.116]]);
    expect(column(trajectories[0], "Global_Time")).toEqual(["info", [1113433135300]]);
    expect(trajectories[1]?.steps[0]?.extra).toEqual({ Location: "us-101" });
  });
});

describe("highD and its kind", () => {
  const tracks = [
    "frame,id,x,y,width,height,xVelocity,yVelocity,laneId",
    "1,1,362.26,21.68,4.85,2.12,40.85,0.0,5",
    "2,1,363.98,21.68,4.85,2.12,40.87,0.0,5",
    "9,2,1.5,9.5,10,2.5,-22.25,0.25,2",
  ].join("\n");

  it("joins what the tables beside say of vehicle and recording", async () => {
    const { id, trajectories } = await read({
      "01_tracks.csv": tracks,
      "01_tracksMeta.csv": "id,numFrames,class,drivingDirection\n1,2,Car,2\n2,3,Truck,1\n",
      "01_recordingMeta.csv": "id,frameRate,speedLimit,upperLaneMarkings\n1,25,-1.0,8.51;12.59\n",
    });
    expect(id).toBe("vehicle-tracks");
    expect(told(trajectories)).toEqual([
      ["vehicle_1_from_1", 2, []],
      ["vehicle_2_from_9", 1, ["other-length"]],
    ]);
    expect(trajectories[0]?.extra).toMatchObject({
      track: { class: "Car", drivingDirection: 2 },
      recording: { frameRate: 25, speedLimit: -1, upperLaneMarkings: "8.51;12.59" },
    });
    expect(column(trajectories[0], "xVelocity")).toEqual(["observation", [40.85, 40.87]]);
  });

  it("reads a recording alone, and the names of inD and of INTERACTION", async () => {
    expect((await read({ "02_tracks.csv": tracks })).trajectories[0]?.extra["track"]).toBeUndefined();
    const drone = await read({
      "18_tracks.csv": [
        "recordingId,trackId,frame,trackLifetime,xCenter,yCenter,heading,xVelocity,yVelocity",
        "18,0,5,0,1.5,2.5,90,0.5,0.25",
        "18,0,6,1,1.75,2.5,90,0.5,0.25",
        "18,3,6,0,1,1,0,0,0",
      ].join("\n"),
      "18_tracksMeta.csv": "recordingId,trackId,numFrames,class\n18,0,2,pedestrian\n18,3,1,car\n",
    });
    expect(told(drone.trajectories)).toEqual([
      ["vehicle_0_from_5", 2, []],
      ["vehicle_3_from_6", 1, []],
    ]);
    expect(drone.trajectories[0]?.extra["track"]).toMatchObject({ class: "pedestrian" });
    expect(column(drone.trajectories[0], "xCenter")?.[0]).toBe("observation");
    const interaction = await read({
      "vehicle_tracks_000.csv": [
        "track_id,frame_id,timestamp_ms,agent_type,x,y,vx,vy,psi_rad,length,width",
        "1,1,100,car,1000.5,999.25,-3.5,0.5,3.125,4.5,1.75",
        "1,2,200,car,1000.25,999.25,-3.5,0.5,3.125,4.5,1.75",
      ].join("\n"),
    });
    expect(told(interaction.trajectories)).toEqual([["vehicle_1_from_1", 2, []]]);
    expect(interaction.trajectories[0]?.steps[0]?.extra).toEqual({ agent_type: "car" });
  });
});
