// Run and Edit on the code cells. What they do is loaded when one of them is pressed; until then a
// page has this script only. The sizes of what a first Run loads stand on the script's own element.
(() => {
  const script = document.currentScript;
  const sizes = script.dataset; // of Python alone, with NumPy, with Matplotlib too
  const USES = [["matplotlib", /\bplots\b|matplotlib/], ["numpy", /\bnumpy\b|\bnp\./]];
  const FILE = _("Code runs only in a page that comes from a server: start python -m http.server in the folder of this site, and open http://localhost:8000.");
  const usesOf = (code) => USES.filter(([part, sign]) => sizes[part] && sign.test(code)).map(([part]) => part);
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };

  let panel = null;
  const say = (words) => {
    if (!panel) {
      panel = document.createElement("div");
      panel.className = "live-panel";
      panel.setAttribute("role", "region");
      panel.setAttribute("aria-label", _("Code of this page"));
      panel.innerHTML = '<p role="status"></p>';
      document.querySelector("main").append(panel);
    }
    panel.firstChild.textContent = words;
    return panel;
  };

  const cells = [];
  const act = async (action, cell) => {
    let page;
    try {
      page = await import(new URL("live/page.mjs", script.src).href);
    } catch {
      say(location.protocol === "file:" ? FILE : _("The connection was lost. Try again."));
      return;
    }
    page.connect(cells, say, usesOf);
    await page[action](cell);
  };
  const button = (parent, name, action, cell) => {
    parent.insertAdjacentHTML("beforeend", `<button type="button">${name}${ofCell(cell.node)}</button>`);
    parent.lastChild.addEventListener("click", () => act(action, cell));
    return parent.lastChild;
  };

  let before = "";
  for (const node of document.querySelectorAll(".cell[id]")) {
    const pre = node.querySelector(".cell_input pre");
    if (!pre) continue;
    before += pre.textContent;
    const cell = { node, pre, size: Number(sizes[usesOf(before)[0] ?? "core"]), own: pre.textContent.trimEnd() };
    cells.push(cell);
    // The box of a claim is made by the book's site, not by a page
    if (node.querySelector(".claim")) continue;
    cell.tools = document.createElement("div");
    cell.tools.className = "live-tools";
    cell.run = button(cell.tools, _("Run"), "run", cell);
    cell.edit = button(cell.tools, _("Edit"), "edit", cell);
    if (Number(stored("live-loaded")) < cell.size) {
      const size = `${Math.ceil(cell.size / 1e6)} MB`;
      cell.run.lastChild.insertAdjacentHTML("beforebegin", ` <span class="size">${size}</span>`);
      cell.run.title = _(`The first run loads Python, ${size}, from this site`);
    }
    pre.closest(".cell_input").before(cell.tools);
  }
  for (const place of document.querySelectorAll(".count-file")) {
    const size = `${Math.ceil(Number(sizes.core) / 1e6)} MB`;
    place.insertAdjacentHTML("beforeend", _(`<p><label>Or here, in this page: <input type="file" multiple
      accept=".json,.gguf,.safetensors"></label> The file is not sent anywhere; of weights only the header
      is read. The first time this loads Python, ${size}. A file may also be dropped here.</p>`)
      + `<div class="cell_output live" role="region" aria-label="${_("Count of your file")}" tabindex="0"></div>`);
    const box = place.lastElementChild;
    const take = (files) => act("count", { box, files: [...files] });
    place.querySelector("input").addEventListener("change", ({ target }) => take(target.files));
    place.addEventListener("dragover", (event) => event.preventDefault());
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      take(event.dataTransfer.files);
    });
  }
  const all = document.querySelector(".bar .run-all");
  all.hidden = false;
  all.addEventListener("click", () => act("runAll"));
  if (stored(`live ${location.pathname}`)) act("restore");
})();
