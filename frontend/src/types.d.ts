// The bundle, schema 1: one manifest and named binary blocks.

export interface BlockRef {
  block: string;
  dtype: "float16" | "float32" | "uint8" | "bytes";
  shape: number[];
  bytes: number;
  sha256: string;
}

export interface Attribute {
  name: string;
  kind: "categorical" | "ordinal" | "continuous" | "circular";
  values: (string | number)[] | null;
  size?: number;
  period?: number | null;
  min?: number | null;
  max?: number | null;
  mean?: number | null;
  std?: number | null;
}

export interface Latent {
  index: number;
  block: string;
  kind: string;
  attribute: string | null;
  label: string;
  low: number;
  high: number;
  median: number;
  kl: number | null;
  active: boolean;
  /** All values that occur, of a quantised latent. */
  values: number[] | null;
}

export interface LatentBlock {
  name: string;
  kind: string;
  attribute: string | null;
  start: number;
  stop: number;
  /** With a unit and a centre the attribute is `code * unit + centre`, else the largest number is the class. */
  unit?: number;
  centre?: number;
  /** The codes of the classes [size, size]; one-hot if null. */
  prototypes?: BlockRef | null;
}

export interface PlaneMap {
  name: string;
  kind: "pair" | "pca" | "tsne" | "umap";
  points: BlockRef;
  exact: boolean;
  inverse: { mean: number[]; components: number[][] } | { pair: [number, number]; rest: number[] } | null;
  variance?: [number, number] | null;
  count?: number;
}

export interface Region {
  map: string;
  attribute: string;
  reader: string;
  x: [number, number];
  y: [number, number];
  width: number;
  height: number;
  labels: BlockRef;
  confidence: BlockRef;
}

export interface Classifier {
  attribute: string;
  layers: { weight: BlockRef; bias: BlockRef }[];
}

/** What a metric says about itself. */
export interface MetricAbout {
  summary: string;
  range: string;
  chance: string;
  better: string;
  weaknesses: string;
  paper: string;
}

export interface Metric {
  value?: number | null;
  note?: string;
  [detail: string]: unknown;
}

export interface Run {
  name: string;
  about: string;
  recipe: string;
  provenance: Record<string, unknown>;
  image: { height: number; width: number; channels: number; crop?: number | null };
  latents: Latent[];
  blocks_of_z: LatentBlock[];
  attributes: Attribute[];
  condition: string[];
  condition_width: number;
  likelihood?: string;
  condition_blocks?: { name: string; start: number; stop: number; size: number; mean: number; std: number }[];
  classifier: Classifier | null;
  models: { encoder: BlockRef; decoder: BlockRef; encoder_inputs: string[]; decoder_inputs: string[] };
  points: {
    count: number;
    total: number;
    split: string;
    /** The row that the page begins with, and its code, which `codes` may hold rounded. */
    typical: { row: number; code: number[] };
    codes: BlockRef;
    attributes: Record<string, BlockRef>;
    predicted?: Record<string, BlockRef> | null;
    confidence?: Record<string, BlockRef> | null;
    thumbnails: { block: BlockRef | string; side: number; columns: number; width?: number; height?: number; count?: number } | null;
  };
  maps: PlaneMap[];
  regions?: Region[] | null;
  /** Training codes [m, c] of the latents `columns`: a code's distance is the smallest |(code - training code) * scale| / unit. */
  training: { columns: number[]; scale: number[]; unit: number; codes: BlockRef };
  collapse: { verdict: string; sentence: string };
  /** What the model made of the same images during training, as WebP. */
  snapshots: { step: number; width: number; height: number; image: BlockRef }[];
  /** The ends of interpolations from class to class: codes [K, D] by attribute, NaN for a class without images. */
  class_ends: { first: string | null; codes: Record<string, BlockRef> };
  evaluation?: { metrics: Record<string, Metric>; left_out?: Record<string, string>; settings?: Record<string, unknown>; versions?: Record<string, unknown> } | null;
  history?: { columns: string[]; data: BlockRef } | null;
  importance?: Record<string, { attributes: string[]; values: BlockRef; what: string }> | null;
  size?: number;
}

export interface Manifest {
  schema: number;
  app?: string;
  version?: string;
  metrics: Record<string, MetricAbout>;
  runs: Run[];
}

/** Where a page gets its bundle from: its own file, a server, or a notebook. */
export interface Host {
  kind: "file" | "server" | "notebook";
  manifest: Manifest;
  /** The uncompressed bytes of a block. */
  block(name: string): Promise<ArrayBuffer>;
  /** The uncompressed bytes of ONNX Runtime's WebAssembly. */
  runtime(): Promise<ArrayBuffer>;
  /** Called when the code, the selected image or the run changes. */
  onChange?(state: { latents: number[]; selection: number; run: number }): void;
}

export interface Images {
  rgba: Uint8ClampedArray;
  count: number;
  width: number;
  height: number;
  milliseconds: number;
}
