/** @import {Host, Images} from "../types" */
import source from "engine:text";

/**
 * The page's side of the engine: asks a worker, or the page itself where workers are forbidden.
 */
export class Engine {
  /** @param {Host} host */
  constructor(host) {
    this.host = host;
    this.asked = 0;
    /** @type {Map<number, {resolve: (value: any) => void, reject: (reason: Error) => void}>} */
    this.open = new Map();
    /** @type {(request: any, transfer: Transferable[]) => void} */
    this.post = () => {};
    /** Where the models run, for the page's own account. */
    this.place = "worker";
    /** @type {Map<string, Promise<void>>} */
    this.loaded = new Map();
    /** @type {Promise<void>} */
    this.ready = this.start();
  }

  async start() {
    const runtime = this.host.runtime();
    try {
      await this.startWorker();
    } catch {
      await this.startHere();
    }
    await this.ask("start", { runtime: await runtime });
  }

  startWorker() {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(address);
    this.worker = worker;
    this.post = (request, transfer) => worker.postMessage(request, transfer);
    worker.onmessage = (event) => this.settle(event.data);
    return new Promise((resolve, reject) => {
      // A worker that may not start says so by an error event; one that starts answers.
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error("no worker"));
      };
      this.ask("ping", {}).then(resolve, reject);
    }).finally(() => URL.revokeObjectURL(address));
  }

  async startHere() {
    this.place = "page";
    this.worker?.terminate();
    this.open.clear();
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = resolve;
      script.onerror = () => reject(new Error("The program that shows this page does not allow it to run its own code."));
      document.head.append(script);
      script.remove();
    });
    URL.revokeObjectURL(address);
    const engine = /** @type {any} */ (self).distaffEngine;
    this.post = async (request) => this.settle(await engine(request));
  }

  /** @param {{id: number, result?: any, error?: string}} reply */
  settle(reply) {
    const waiting = this.open.get(reply.id);
    this.open.delete(reply.id);
    if (reply.error !== undefined) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.result);
  }

  /**
   * @param {string} op
   * @param {object} content
   * @param {Transferable[]} [transfer]
   * @returns {Promise<any>}
   */
  ask(op, content, transfer = []) {
    const id = ++this.asked;
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve, reject });
      this.post({ id, op, ...content }, transfer);
    });
  }

  /**
   * Load a model once.
   * @param {string} key
   * @param {() => Promise<ArrayBuffer>} bytes
   */
  load(key, bytes) {
    let loading = this.loaded.get(key);
    if (!loading) {
      loading = Promise.all([this.ready, bytes()]).then(([, model]) => this.ask("load", { key, model }));
      this.loaded.set(key, loading);
    }
    return loading;
  }

  /**
   * @param {string} key
   * @param {Float32Array} code [n, D]
   * @param {Float32Array | null} condition [n, k]
   * @param {number} count
   * @returns {Promise<Images>}
   */
  decode(key, code, condition, count) {
    return this.ask("decode", { key, code, condition, count });
  }

  /**
   * @param {string} key
   * @param {Float32Array} image [n, c, h, w]
   * @param {number[]} shape c, h, w
   * @param {Float32Array | null} condition
   * @param {number} count
   * @returns {Promise<Float32Array>} [n, D]
   */
  encode(key, image, shape, condition, count) {
    return this.ask("encode", { key, image, shape, condition, count });
  }

  stop() {
    this.worker?.terminate();
  }
}
