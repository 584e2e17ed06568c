/**
 * Runs the encoders and decoders. The same text runs in a worker, where it answers messages, and in pages whose
 * host forbids workers, where it leaves `distaffEngine` behind.
 */
import * as ort from "onnxruntime-web/wasm";

/** @typedef {{id: number, op: string, [key: string]: any}} Request */

/** @type {Map<string, Promise<ort.InferenceSession>>} */
const sessions = new Map();

/** @type {Record<string, (request: Request) => Promise<{result: any, transfer?: Transferable[]}>>} */
const operations = {
  async ping() {
    return { result: null };
  },

  async start({ runtime }) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = runtime;
    ort.env.logLevel = "error";
    return { result: null };
  },

  async load({ key, model }) {
    const made = ort.InferenceSession.create(new Uint8Array(model), {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    });
    sessions.set(key, made);
    await made;
    return { result: null };
  },

  /** Codes [n, D] into RGBA bytes [n, h, w, 4]; with `floats`, the values in [0, 1] as they come. */
  async decode({ key, code, condition, count, floats }) {
    const started = performance.now();
    const found = await run(key, { code: [code, [count, code.length / count]], condition: [condition, [count]] });
    const values = /** @type {Float32Array} */ (found.data);
    const [, channels, height, width] = found.dims;
    if (floats) return { result: values.slice() };
    const rgba = toBytes(values, count, channels, height * width);
    const milliseconds = performance.now() - started;
    return { result: { rgba, count, width, height, milliseconds }, transfer: [rgba.buffer] };
  },

  /** Images [n, c, h, w] in [0, 1] into mean codes [n, D]. */
  async encode({ key, image, shape, condition, count }) {
    const found = await run(key, { image: [image, [count, ...shape]], condition: [condition, [count]] });
    return { result: /** @type {Float32Array} */ (found.data).slice() };
  },
};

/**
 * The first output of a model.
 * @param {string} key
 * @param {Record<string, [Float32Array | null, number[]]>} given values and shape by input name
 */
async function run(key, given) {
  const session = await sessions.get(key);
  if (!session) throw new Error(`The model ${key} is not loaded.`);
  /** @type {Record<string, ort.Tensor>} */
  const feeds = {};
  for (const name of session.inputNames) {
    const [values, shape] = given[name] ?? [null, []];
    if (!values) throw new Error(`The input ${name} of the model ${key} is missing.`);
    const full = shape.length > 1 ? shape : [shape[0], values.length / shape[0]];
    feeds[name] = new ort.Tensor("float32", values, full);
  }
  return (await session.run(feeds))[session.outputNames[0]];
}

/**
 * Round half to even, as Python's side does.
 * @param {Float32Array} values [n, c, pixels]
 * @param {number} count
 * @param {number} channels
 * @param {number} pixels
 */
function toBytes(values, count, channels, pixels) {
  const bytes = new Uint8ClampedArray(count * pixels * 4);
  const second = channels > 2 ? pixels : 0;
  const third = channels > 2 ? 2 * pixels : 0;
  for (let n = 0; n < count; n++) {
    const from = n * channels * pixels;
    for (let i = 0; i < pixels; i++) {
      const to = (n * pixels + i) * 4;
      // A clamped array rounds half to even by itself.
      bytes[to] = values[from + i] * 255;
      bytes[to + 1] = values[from + second + i] * 255;
      bytes[to + 2] = values[from + third + i] * 255;
      bytes[to + 3] = 255;
    }
  }
  return bytes;
}

/** @param {Request} request */
async function answer(request) {
  try {
    const { result, transfer } = await operations[request.op](request);
    return { reply: { id: request.id, result }, transfer: transfer ?? [] };
  } catch (error) {
    return { reply: { id: request.id, error: String(/** @type {Error} */ (error)?.message ?? error) }, transfer: [] };
  }
}

// One session runs one thing at a time.
let last = Promise.resolve();
/** @param {Request} request */
function inTurn(request) {
  const mine = last.then(() => answer(request));
  last = mine.then(() => undefined);
  return mine;
}

if (typeof document === "undefined") {
  self.onmessage = async (event) => {
    const { reply, transfer } = await inTurn(event.data);
    self.postMessage(reply, { transfer });
  };
} else {
  /** @type {any} */ (self).distaffEngine = async (/** @type {Request} */ request) => (await inTurn(request)).reply;
}
