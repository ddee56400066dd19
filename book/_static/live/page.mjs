// Runs the cells of a page: sends them to the worker in their order, shows what comes back, and
// keeps what a reader changed.
const KEPT = `live ${location.pathname}`;
const LOCAL = _("on your own machine, with make lab");
let worker = null; // lives until Stop, or until Python breaks
let ask = null; // the answer that is waited for
let running = false;
let model = 0; // bytes of the real model, if the reader wants it in the page
let cells = [];
let say = null; // shows a sentence in the panel of the page, and returns the panel
let usesOf = null; // the large packages that some code imports

export const connect = (ofPage, voice, judge) => {
  cells = ofPage;
  say = voice;
  usesOf = judge;
};

const megabytes = (bytes) => `${Math.ceil(bytes / 1e6)} MB`;
const nameOf = (cell) => cell.node.id.replace(/^cell-/, "");
const wordsOf = (cell) => nameOf(cell).replaceAll("-", " ");
const sourceOf = (cell) => (cell.field ? cell.field.value : cell.own);

// Why no code can run here at all, or nothing.
const obstacle = () => ("WebAssembly" in globalThis && "Worker" in globalThis ? ""
  : _("This browser cannot run Python in a page, since it has no WebAssembly or no workers."));

// The buttons of the panel; those of a cell that was changed or run.
const offer = (parent, name, action, more = "") => {
  const found = [...parent.querySelectorAll("button")].find((button) => button.firstChild.data === name);
  if (found) return found;
  const button = document.createElement("button");
  button.type = "button";
  button.innerHTML = name + more;
  button.addEventListener("click", action);
  parent.append(button);
  return button;
};

// Ends Python, also in the midst of something.
const stopper = (panel) => {
  const stop = offer(panel, _("Stop"), () => {
    forget();
    ask({ status: "stopped" });
  });
  stop.hidden = false;
  return stop;
};

const offers = (words) => {
  const panel = say(words);
  offer(panel, _("Run all"), runAll);
  offer(panel, _("Save notebook"), download);
  return panel;
};

const forget = () => {
  worker?.terminate();
  worker = null;
  for (const cell of cells) cell.ran = undefined;
};

const start = (uses) => {
  worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data.printed === undefined) ask(data);
    else say(data.printed.replace(/[\ue000-\ue002]/g, " ").split(/[\n\r]/).filter(Boolean).pop() ?? "");
  };
  worker.onerror = (event) => {
    event.preventDefault();
    ask({ status: "unreachable", reason: "Python" });
  };
  worker.postMessage({ uses, withModel: model > 0 });
};

const send = (uses, task) => new Promise((resolve) => {
  ask = resolve;
  if (!worker) start(uses);
  worker.postMessage(task);
});

const usesUntil = (cell) => usesOf(cells.slice(0, cells.indexOf(cell) + 1).map(sourceOf).join("\n"));

const statics = (cell) => [...cell.node.querySelectorAll(".cell_output:not(.live)")];

const region = (cell) => {
  if (!cell.region) {
    cell.region = document.createElement("div");
    cell.region.className = "cell_output live";
    cell.region.tabIndex = 0;
    cell.region.setAttribute("role", "region");
    cell.region.setAttribute("aria-label", _(`Output of ${wordsOf(cell)}, computed in this page`));
    const place = statics(cell).find((output) => output.querySelector("svg.figure")) ?? statics(cell).pop();
    if (place) place.after(cell.region);
    else cell.node.append(cell.region);
  }
  cell.region.replaceChildren();
  return cell.region;
};

const write = (box, outputs) => {
  for (const [kind, content] of outputs) {
    if (kind === "html") box.insertAdjacentHTML("beforeend", content);
    if (kind !== "text" && kind !== "error") continue;
    const pre = document.createElement("pre");
    pre.textContent = content;
    if (kind === "error") pre.className = "live-error";
    box.append(pre);
  }
};

const show = (cell, { status, outputs = [], reason, modelSize }) => {
  const box = region(cell);
  const isOwn = status === "local"; // the output that the book has stays
  for (const output of statics(cell)) output.hidden = !isOwn;
  if (isOwn) {
    const note = document.createElement("p");
    note.className = "live-note";
    note.textContent = _(`This cell needs ${reason}, which a page does not have. Its output is the book's; run it ${LOCAL}.`);
    box.append(note);
    if (reason === "the real model" && modelSize && !model) {
      const about = document.createElement("p");
      about.className = "live-note";
      about.textContent = _("Or load the model into this page: there it writes about one token in a second, and takes 0.8 GB of memory or more.");
      box.append(about);
      offer(box, _(`Load the model, ${megabytes(modelSize)}`), () => loadModel(cell, modelSize));
    }
    return;
  }
  const drawings = outputs.filter(([kind]) => kind === "figure").map(([, markup]) => markup);
  if (drawings.length) {
    const own = cell.node.querySelector(".cell_output:not(.live) figure");
    const figure = own?.cloneNode(true) ?? document.createElement("figure");
    const words = figure.querySelector("svg")?.getAttribute("aria-label");
    figure.removeAttribute("id");
    for (const old of figure.querySelectorAll("svg, [id], .headerlink")) {
      if (old.matches("svg, .headerlink")) old.remove();
      else old.removeAttribute("id");
    }
    figure.insertAdjacentHTML("afterbegin", drawings.join(""));
    if (words && sourceOf(cell) === cell.own) {
      for (const svg of figure.querySelectorAll("svg")) svg.setAttribute("aria-label", words);
    }
    box.append(figure);
  }
  write(box, outputs);
  if (!box.childNodes.length) {
    box.remove();
    cell.region = null;
  }
};

const ENDINGS = ["unreachable", "broken", "stopped"];
const result = (words, { status, outputs, reason }, seconds, why = outputs?.at(-1)?.[1].split("\n").pop()) => ({
  done: _(`${words}: done in ${seconds} s`),
  local: _(`${words} needs ${reason}: run it ${LOCAL}`),
  failed: _(`${words} stopped: ${why}`),
  unreachable: _(`${reason} could not be loaded: the connection was lost, or a file is not the right one. Run tries again.`),
  broken: _("Python has ended: it ran out of memory, or broke. The next Run starts it anew."),
  stopped: _("Stopped. The next Run starts Python anew."),
})[status];

// Run what has to be run, in the order of the page; show the results of those in `shown`.
const runTo = async (wanted, shown) => {
  const why = obstacle() || (running && _("Python is still running. Stop ends it."));
  if (why) {
    say(why);
    return;
  }
  running = true;
  const panel = offers(_("Loading Python"));
  const stop = stopper(panel);
  try {
    for (const cell of wanted) {
      const source = sourceOf(cell);
      if (cell.ran === source && !shown.includes(cell)) continue;
      const isFirst = !worker;
      const size = megabytes(wanted.at(-1).size + model);
      const loading = model ? _(`Loading Python and the real model, ${size}`) : _(`Loading Python, ${size}`);
      say(isFirst ? loading : _(`Running ${wordsOf(cell)}`));
      cell.node.setAttribute("aria-busy", "true");
      const began = performance.now();
      const answer = await send(usesUntil(cell), { source, name: nameOf(cell) });
      cell.node.removeAttribute("aria-busy");
      const ended = ENDINGS.includes(answer.status);
      if (isFirst && !ended) settled(wanted.at(-1).size);
      if (!ended) {
        cell.ran = source;
        if (cell.tools && (shown.includes(cell) || source !== cell.own || answer.status === "failed")) {
          show(cell, answer);
          offer(cell.tools, _("Reset"), () => reset(cell), ofCell(cell.node));
        }
      }
      say(result(wordsOf(cell), answer, ((performance.now() - began) / 1000).toFixed(1)));
      if (ended) forget();
      if (ended || (answer.status === "failed" && cell !== wanted.at(-1) && shown.length === 1)) return;
    }
  } finally {
    running = false;
    stop.hidden = true;
  }
};

// What was loaded once comes from the browser's cache.
const settled = (size) => {
  try { localStorage.setItem("live-loaded", size); } catch { /* works without */ }
  for (const cell of cells) {
    if (cell.size > size) continue;
    cell.run?.querySelector(".size")?.remove();
    cell.run?.removeAttribute("title");
  }
};

// Python starts anew with the model; the cells above that waited for it are shown, too.
const loadModel = async (cell, size) => {
  if (running) {
    say(_("Python is still running. Stop ends it."));
    return;
  }
  forget();
  model = size;
  const above = cells.slice(0, cells.indexOf(cell) + 1);
  await runTo(above, above.filter((each) => each.node.querySelector(".live-note")));
};

export const run = (cell) => runTo(cells.slice(0, cells.indexOf(cell) + 1), [cell]);

export const runAll = async () => {
  for (const cell of cells) cell.ran = undefined;
  await runTo(cells, cells);
};

// Count what a reader brings: a configuration, or the header of a file of weights.
export const count = async ({ box, files }) => {
  const why = obstacle() || (running && _("Python is still running. Stop ends it."));
  if (why || !files.length) {
    say(why || _("No file was chosen."));
    return;
  }
  running = true;
  const stop = stopper(say(_("Counting")));
  const began = performance.now();
  const name = files.length === 1 ? files[0].name : _("your files");
  const answer = await send([], { files, name });
  running = false;
  stop.hidden = true;
  box.parentElement.querySelector("input").value = ""; // the same file can be chosen again
  if (ENDINGS.includes(answer.status)) forget();
  else {
    box.replaceChildren();
    write(box, answer.outputs);
  }
  say(result(name, answer, ((performance.now() - began) / 1000).toFixed(1)));
};

const keep = () => {
  const changed = cells.filter((cell) => sourceOf(cell) !== cell.own);
  const kept = Object.fromEntries(changed.map((cell) => [nameOf(cell), sourceOf(cell)]));
  try {
    if (changed.length) localStorage.setItem(KEPT, JSON.stringify(kept));
    else localStorage.removeItem(KEPT);
  } catch { /* works without */ }
};

export const edit = async (cell, text = cell.own) => {
  const { open } = await import("./editor.mjs");
  cell.field = open(cell.pre, text, _(`Code of ${wordsOf(cell)}`), () => run(cell));
  cell.field.addEventListener("input", () => keep());
  cell.edit.hidden = true;
  offer(cell.tools, _("Reset"), () => reset(cell), ofCell(cell.node));
  cell.field.focus({ preventScroll: true });
};

const reset = (cell) => {
  cell.field?.close();
  cell.field = null;
  cell.region?.remove();
  cell.region = null;
  for (const output of statics(cell)) output.hidden = false;
  cell.edit.hidden = false;
  offer(cell.tools, _("Reset")).remove();
  keep();
  if (!running) say(_(`${wordsOf(cell)}: as in the book`));
  cell.run.focus();
};

export const restore = async () => {
  const kept = JSON.parse(localStorage.getItem(KEPT));
  for (const cell of cells) {
    if (!cell.tools || !(nameOf(cell) in kept)) continue;
    await edit(cell, kept[nameOf(cell)]);
    cell.node.querySelector("details.hidden-code").open = true;
  }
  document.activeElement.blur();
  offers(_("What you changed here is kept in this browser."));
};

// The page's own notebook, with the code as the reader has changed it.
const download = async () => {
  const own = document.querySelector(".foot a[download]");
  const notebook = await (await fetch(own.href)).json();
  for (const cell of cells.filter((each) => sourceOf(each) !== each.own)) {
    const entry = notebook.cells.find(({ metadata }) => metadata.name === nameOf(cell));
    Object.assign(entry, { source: sourceOf(cell), outputs: [] });
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(notebook, null, 1)], { type: "application/json" }));
  link.download = own.download;
  link.click();
  URL.revokeObjectURL(link.href);
};
