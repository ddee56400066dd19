// Run and Edit on the code cells. What they do is loaded when one of them is pressed; until then a
// page has this script only. The sizes of what a first Run loads stand on the script's own element.
(() => {
  const script = document.currentScript;
  const sizes = script.dataset; // of Python alone, with NumPy, with Matplotlib too
  const USES = [["matplotlib", /\bplots\b|matplotlib/], ["numpy", /\bnumpy\b|\bnp\./]];
  const FILE = "Code runs only in a page that comes from a server: start python -m http.server in the folder of this site, and open http://localhost:8000.";
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };

  let panel = null;
  const say = (words) => {
    if (!panel) {
      panel = document.createElement("div");
      panel.className = "live-panel";
      panel.setAttribute("role", "region");
      panel.setAttribute("aria-label", "Code of this page");
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
      say(location.protocol === "file:" ? FILE : "The connection was lost. Try again.");
      return;
    }
    page.connect(cells, say);
    await page[action](cell);
  };
  const button = (parent, name, action, cell) => {
    parent.insertAdjacentHTML("beforeend", `<button type="button">${name}</button>`);
    parent.lastChild.addEventListener("click", () => act(action, cell));
    return parent.lastChild;
  };

  let before = "";
  for (const node of document.querySelectorAll(".cell[id]")) {
    const pre = node.querySelector(".cell_input pre");
    if (!pre) continue;
    before += pre.textContent;
    const uses = USES.filter(([part, sign]) => sizes[part] && sign.test(before)).map(([part]) => part);
    const cell = { node, pre, uses, size: Number(sizes[uses[0] ?? "core"]), own: pre.textContent.trimEnd() };
    cells.push(cell);
    // The box of a claim is made by the book's site, not by a page
    if (node.querySelector(".claim")) continue;
    cell.tools = document.createElement("div");
    cell.tools.className = "live-tools";
    cell.run = button(cell.tools, "Run", "run", cell);
    cell.edit = button(cell.tools, "Edit", "edit", cell);
    if (Number(stored("live-loaded")) < cell.size) {
      const size = `${Math.ceil(cell.size / 1e6)} MB`;
      cell.run.insertAdjacentHTML("beforeend", ` <span class="size">${size}</span>`);
      cell.run.title = `The first run loads Python, ${size}, from this site`;
    }
    pre.closest(".cell_input").before(cell.tools);
  }
  const all = document.querySelector(".bar .run-all");
  all.hidden = false;
  all.addEventListener("click", () => act("runAll"));
  if (stored(`live ${location.pathname}`)) act("restore");
})();
