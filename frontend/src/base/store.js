/**
 * A few named values and who wants to know when they change.
 * @template {object} T
 */
export class Store {
  /** @param {T} values */
  constructor(values) {
    this.values = values;
    /** @type {{keys: Set<keyof T>, run: () => void}[]} */
    this.listeners = [];
  }

  /** @param {Partial<T>} changes */
  set(changes) {
    const changed = /** @type {(keyof T)[]} */ (Object.keys(changes)).filter(
      (key) => changes[key] !== this.values[key],
    );
    Object.assign(this.values, changes);
    for (const { keys, run } of [...this.listeners]) if (changed.some((key) => keys.has(key))) run();
  }

  /**
   * @param {(keyof T)[]} keys
   * @param {() => void} run called after a change, not at once
   * @returns {() => void} stops it
   */
  on(keys, run) {
    const listener = { keys: new Set(keys), run };
    this.listeners.push(listener);
    return () => {
      this.listeners = this.listeners.filter((each) => each !== listener);
    };
  }
}
