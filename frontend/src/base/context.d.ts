import type { Store } from "./store.js";
import type { RunModel, Values } from "../model/run.js";
import type { Engine } from "../engine/client.js";
import type { Host } from "../types";

/** One end of an interpolation. */
export interface End {
  code: Float32Array;
  condition: Values;
  name: string;
}

/** Where the current code came from. */
export type Origin = "test" | "map" | "path" | "own" | "given";

/** Why the current code is no training image's, beside its own distance: a place of the map far from all points, or an image that the model reconstructs badly. */
export type Doubt = "place" | "error" | null;

/** What the page shows; the hash of the address holds most of it. */
export interface State {
  run: number;
  view: string;
  /** The current code and its condition: every view shows them and may set them. */
  code: Float32Array;
  condition: Values;
  /** A condition between two values, while an interpolation is shown. */
  blended: Float32Array | null;
  origin: Origin;
  /** The test image whose code was chosen, -1 for any other origin. */
  row: number;
  /** Whether the code or the condition was changed since it was chosen. */
  edited: boolean;
  doubt: Doubt;
  theme: "auto" | "light" | "dark";
  dark: boolean;
  map: string;
  colour: string;
  borders: boolean;
  /** What stands on the map beside its points. */
  layer: "points" | "thumbnails" | "decoded";
  hidden: Set<number>;
  from: End;
  to: End;
  path: "linear" | "spherical";
  t: number;
  /** The latent whose traversal is marked, -1 if none. */
  latent: number;
}

/** What every part of the page is given. */
export interface Context {
  root: HTMLElement;
  host: Host;
  engine: Engine;
  runs: RunModel[];
  state: Store<State>;
  /** The run that is shown. */
  readonly run: RunModel;
  /** Show another code. `row`: the test image that it is of, if it is one's. */
  show(code: Float32Array, options: { origin: Origin; row?: number; condition?: Values; doubt?: Doubt }): void;
  /** Show a test image's code. */
  showRow(row: number): void;
  /** Change the current code or condition and keep its origin. */
  edit(changes: { code?: Float32Array; condition?: Values }): void;
  go(view: string): void;
  announce(text: string): void;
  fail(error: unknown): void;
  /** The address of what is shown, null where the page has none. */
  link(): string | null;
}

/** A tab's content. */
export interface View {
  element: HTMLElement;
  /** Called each time the tab comes to the front. */
  enter?(): void;
  /** Called when another tab does. */
  leave?(): void;
}
