import protobuf from "protobufjs/light.js";

/** ONNX element types used here (TensorProto.DataType). */
const elementType = { float32: 1, int64: 7, bool: 9 } as const;

const string = (id: number) => ({ type: "string", id });
const message = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: "repeated", type, id });

/**
 * The part of ONNX's schema (onnx.proto3, field numbers of IR version 10) that this program writes.
 * Field numbers are the wire format, so they are the standard's own.
 */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: message("int64", 1),
        producerName: string(2),
        graph: message("GraphProto", 7),
        opsetImport: repeated("OperatorSetIdProto", 8),
        metadataProps: repeated("StringStringEntryProto", 14),
      },
    },
    OperatorSetIdProto: { fields: { domain: string(1), version: message("int64", 2) } },
    StringStringEntryProto: { fields: { key: string(1), value: string(2) } },
    GraphProto: {
      fields: {
        node: repeated("NodeProto", 1),
        name: string(2),
        initializer: repeated("TensorProto", 5),
        input: repeated("ValueInfoProto", 11),
        output: repeated("ValueInfoProto", 12),
      },
    },
    NodeProto: {
      fields: {
        input: repeated("string", 1),
        output: repeated("string", 2),
        name: string(3),
        opType: string(4),
        attribute: repeated("AttributeProto", 5),
      },
    },
    AttributeProto: {
      fields: {
        name: string(1),
        f: message("float", 2),
        i: message("int64", 3),
        ints: repeated("int64", 8),
        type: message("int32", 20),
      },
    },
    TensorProto: {
      fields: {
        dims: repeated("int64", 1),
        dataType: message("int32", 2),
        name: string(8),
        rawData: message("bytes", 9),
      },
    },
    ValueInfoProto: { fields: { name: string(1), type: message("TypeProto", 2) } },
    TypeProto: { fields: { tensorType: message("TensorTypeProto", 1) } },
    TensorTypeProto: { fields: { elemType: message("int32", 1), shape: message("TensorShapeProto", 2) } },
    TensorShapeProto: { fields: { dim: repeated("DimensionProto", 1) } },
    DimensionProto: { fields: { dimValue: message("int64", 1), dimParam: string(2) } },
  },
});

export interface GraphValue {
  readonly name: string;
  readonly type: keyof typeof elementType;
  /** A number is fixed, a string is a free dimension of that name. */
  readonly shape: readonly (number | string)[];
}

export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface GraphConstant {
  readonly name: string;
  readonly type: keyof typeof elementType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface GraphDescription {
  readonly name: string;
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly GraphConstant[];
  readonly metadata?: Readonly<Record<string, string>>;
}

const valueInfo = (value: GraphValue) => ({
  name: value.name,
  type: {
    tensorType: {
      elemType: elementType[value.type],
      shape: {
        dim: value.shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size })),
      },
    },
  },
});

/** ONNX AttributeProto.AttributeType: INT = 2, INTS = 7. */
const attribute = (name: string, value: number | readonly number[]) =>
  typeof value === "number" ? { name, i: value, type: 2 } : { name, ints: [...value], type: 7 };

const rawData = (constant: GraphConstant): Uint8Array => {
  const array =
    constant.type === "float32"
      ? Float32Array.from(constant.values)
      : constant.type === "int64"
        ? BigInt64Array.from(constant.values, BigInt)
        : Uint8Array.from(constant.values);
  return new Uint8Array(array.buffer);
};

const graphMessage = (graph: GraphDescription) => ({
  ...(graph.name === "" ? {} : { name: graph.name }),
  input: graph.inputs.map(valueInfo),
  output: graph.outputs.map(valueInfo),
  initializer: graph.constants.map((constant) => ({
    name: constant.name,
    dims: [...constant.shape],
    dataType: elementType[constant.type],
    rawData: rawData(constant),
  })),
  node: graph.nodes.map((node, index) => ({
    name: `${graph.name === "" ? "trajectory_lens_" : ""}${node.op}_${index}`,
    opType: node.op,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attribute(name, value)),
  })),
});

/** The bytes of an ONNX model (IR 8, opset 17) with the given graph. Attributes are integers. */
export function encodeModel(graph: GraphDescription): Uint8Array {
  const type = root.lookupType("ModelProto");
  const model = type.fromObject({
    irVersion: 8,
    producerName: "trajectory-lens",
    opsetImport: [{ domain: "", version: 17 }],
    metadataProps: Object.entries(graph.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: graphMessage(graph),
  });
  return type.encode(model).finish();
}

/** Bytes that, appended to a model's, add to its graph; the name is left empty, as the model has its own. */
export function encodeGraphAddition(graph: GraphDescription): Uint8Array {
  const type = root.lookupType("ModelProto");
  return type.encode(type.fromObject({ graph: graphMessage(graph) })).finish();
}
