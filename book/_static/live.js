// Run and Edit on the code cells. What they do is loaded when one of them is pressed; until then a
// page has this script only. The sizes of what a first Run loads stand on the script's own element.
(() => {
  const script = document.currentScript;
  const sizes = script.dataset; // of Python alone, with NumPy, with Matplotlib too
  const USES = [["matplotlib", /\bplots\b|matplotlib/], ["numpy", /\bnumpy\b|\bnp\./]];
  const load = () => import(new URL("live/page.mjs", script.src).href);
  const loaded = () => { try { return Number(localStorage.getItem("live-loaded")); } catch { return 0; } };

  let before = "";
  const cells = [];
  for (const node of document.querySelectorAll(".cell[id]")) {
    const pre = node.querySelector(".cell_input pre");
    if (!pre) continue;
    before += pre.textContent;
    const uses = USES.filter(([part, sign]) => sizes[part] && sign.test(before)).map(([part]) => part);
    const cell = { node, pre, uses, size: Number(sizes[uses[0] ?? "core"]), own: pre.textContent };
    cells.push(cell);
    // The box of a claim is made by the book's site, not by a page
    if (node.querySelector(".claim")) continue;
    cell.tools = document.createElement("div");
    cell.tools.className = "live-tools";
    const add = (name, action) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", async () => (await load())[action](cells, cell));
      cell.tools.append(button);
      return button;
    };
    cell.run = add("Run", "run");
    cell.edit = add("Edit", "edit");
    if (loaded() < cell.size) {
      const size = `${Math.ceil(cell.size / 1e6)} MB`;
      cell.run.insertAdjacentHTML("beforeend", ` <span class="size">${size}</span>`);
      cell.run.title = `The first run loads Python, ${size}, from this site`;
    }
    pre.closest(".cell_input").before(cell.tools);
  }
  const all = document.querySelector(".bar .run-all");
  all.hidden = false;
  all.addEventListener("click", async () => (await load()).runAll(cells));
  try {
    if (localStorage.getItem(`live ${location.pathname}`)) load().then((page) => page.restore(cells));
  } catch { /* without storage nothing was kept */ }
})();
