import type { Store } from "./store.js";
import type { RunModel, Values } from "../model/run.js";
import type { Engine } from "../engine/client.js";
import type { Host } from "../types";

export interface End {
  code: Float32Array;
  condition: Values;
  name: string;
}

/** What the page is showing; the address's hash holds most of it. */
export interface State {
  run: number;
  view: string;
  /** The current code and what goes with it: every view draws from these and may set them. */
  code: Float32Array;
  condition: Values;
  /** A condition between two values, while a mix is shown. */
  mixed: Float32Array | null;
  /** The test picture that the code is of, -1 if none. */
  row: number;
  theme: "auto" | "light" | "dark";
  dark: boolean;
  map: string;
  colour: string;
  borders: boolean;
  thumbnails: boolean;
  hidden: Set<number>;
  from: End;
  to: End;
  path: "straight" | "spherical";
  t: number;
  /** The latent whose row the traversals point at, -1 if none. */
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
  /** Show another code; `row` if it is a test picture's. */
  show(code: Float32Array, options?: { row?: number; condition?: Values; mixed?: Float32Array | null }): void;
  go(view: string): void;
  announce(text: string): void;
  fail(error: unknown): void;
}

/** A tab's content. */
export interface View {
  element: HTMLElement;
  /** Called each time the tab comes to the front. */
  enter?(): void;
  /** Called when another tab does. */
  leave?(): void;
}
