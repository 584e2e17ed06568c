// Builds the page that Python ships: index.html (one file, all code and style inside), widget.js, ort.wasm.gz.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../src/distaff/explorer/page");
const common = {
  bundle: true,
  minify: true,
  write: false,
  charset: "utf8",
  legalComments: "none",
  target: ["chrome111", "firefox113", "safari16.4"],
  absWorkingDir: here,
};

/** The engine is code and data at once: it runs in a worker made from its own text, or in the page. */
const engineAsText = {
  name: "engine-as-text",
  setup(plugins) {
    plugins.onResolve({ filter: /^engine:text$/ }, () => ({ path: "engine", namespace: "engine" }));
    plugins.onLoad({ filter: /.*/, namespace: "engine" }, async () => {
      const built = await build({
        ...common,
        entryPoints: ["src/engine/engine.js"],
        format: "iife",
        // The runtime looks for files beside itself; here there are none, it is handed all it needs.
        define: { "import.meta.url": '""' },
        logOverride: { "empty-import-meta": "silent" },
      });
      return { contents: built.outputFiles[0].text, loader: "text" };
    });
  },
};

const style = (await build({ ...common, entryPoints: ["src/style/index.css"] })).outputFiles[0].text;
const styleAsText = {
  name: "style-as-text",
  setup(plugins) {
    plugins.onResolve({ filter: /^style:text$/ }, () => ({ path: "style", namespace: "style" }));
    plugins.onLoad({ filter: /.*/, namespace: "style" }, () => ({ contents: style, loader: "text" }));
  },
};
const plugins = [engineAsText, styleAsText];

const page = await build({ ...common, entryPoints: ["src/main.js"], format: "iife", plugins });
const widget = await build({ ...common, entryPoints: ["src/widget.js"], format: "esm", plugins });
// The guard must run where the page itself cannot.
const guard = await build({ ...common, entryPoints: ["src/guard.js"], format: "iife", target: ["es5"] });
/** @param {string} text */
const inline = (text) => text.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--").trim();
const html = readFileSync(join(here, "src/index.html"), "utf8")
  .replace("/*guard*/", () => inline(guard.outputFiles[0].text))
  .replace("/*style*/", () => style.trim())
  .replace("/*script*/", () => inline(page.outputFiles[0].text));

mkdirSync(out, { recursive: true });
writeFileSync(join(out, "index.html"), html);
writeFileSync(join(out, "widget.js"), widget.outputFiles[0].text);

// Other versions of zlib pack the same bytes otherwise; what counts is what is inside.
const runtime = readFileSync(join(here, "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"));
const packed = join(out, "ort.wasm.gz");
if (!existsSync(packed) || !gunzipSync(readFileSync(packed)).equals(runtime)) {
  writeFileSync(packed, gzipSync(runtime, { level: 9 }));
}
console.log(`page ${(html.length / 1024).toFixed(0)} kB, widget ${(widget.outputFiles[0].text.length / 1024).toFixed(0)} kB`);
