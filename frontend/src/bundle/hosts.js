/** @import {Host, Manifest} from "../types" */
import { BundleError } from "./blocks.js";
import { fromText } from "./text.js";

const AGAIN = "Copy or download it again, or export the run again.";

/** The bundle inside the page itself, or null if there is none. @returns {Host | null} */
export function fromPage() {
  const element = document.getElementById("distaff-manifest");
  if (!element) return null;
  /** @param {string} name */
  const block = (name) => {
    const script = document.querySelector(`script[data-block="${CSS.escape(name)}"]`);
    if (!script) throw new Error(`The file is incomplete: its part “${name}” is missing. ${AGAIN}`);
    return inflate(fromText(script.textContent ?? ""));
  };
  return {
    kind: "file",
    manifest: parsed(element.textContent ?? ""),
    block: async (name) => block(name),
    runtime: async () => {
      try {
        return await block("ort");
      } catch {
        throw new BundleError(`The file is damaged: its part “ort” cannot be read. ${AGAIN}`);
      }
    },
  };
}

/** @param {string} text @returns {Manifest} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new BundleError(`The file is damaged: its manifest cannot be read. ${AGAIN}`);
  }
}

/** The bundle that a server hands out beside the page. @returns {Promise<Host>} */
export async function fromServer() {
  /** @param {string} path */
  const get = async (path) => {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`The server answered ${response.status} for ${path}.`);
    return response;
  };
  const manifest = /** @type {Manifest} */ (await (await get("manifest.json")).json());
  return {
    kind: "server",
    manifest,
    block: async (name) => (await get(`blocks/${name}`)).arrayBuffer(),
    runtime: async () => (await get("assets/ort.wasm")).arrayBuffer(),
  };
}

/** Unpack gzip. @param {Uint8Array<ArrayBuffer>} bytes */
export function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
