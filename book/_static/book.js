// The little that HTML and CSS leave to do: the choice of light or dark and of code shown or folded,
// copying code, keyboard access to boxes that scroll, turning pages, and the bar that follows.
const root = document.documentElement;
const narrow = matchMedia("(max-width: 54rem)");
const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* works without */ } };

const button = document.querySelector(".bar .theme");
const label = () => { button.textContent = root.dataset.theme === "dark" ? _("Light") : _("Dark"); };
button.hidden = false;
label();
button.addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  store("theme", root.dataset.theme);
  label();
});

// Code: as the author left it on a wide page, folded on a phone, or what the reader chose.
const folds = [...document.querySelectorAll(".hidden-code")].filter((fold) => fold.querySelector(".cell_input"));
const codeSwitch = document.querySelector(".bar .code-switch");
if (folds.length) {
  let shown = stored("code") ?? (narrow.matches ? "folded" : "");
  const say = () => {
    codeSwitch.innerHTML = shown === "folded" ? _("Code<span>: folded</span>") : _("Code<span>: shown</span>");
    codeSwitch.setAttribute("aria-pressed", String(shown !== "folded"));
  };
  const apply = () => {
    for (const fold of folds) fold.open = shown === "shown";
  };
  if (shown) apply();
  say();
  codeSwitch.hidden = false;
  codeSwitch.addEventListener("click", () => {
    shown = shown === "folded" ? "shown" : "folded";
    store("code", shown);
    apply();
    say();
  });
}

// On a phone the evidence is folded, unless the address leads into it.
const evidence = document.querySelector(".evidence");
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let box = target?.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  if (target?.closest(".evidence")) target.scrollIntoView();
};
if (evidence && narrow.matches) evidence.open = false;
reveal();
addEventListener("hashchange", reveal);

for (const code of document.querySelectorAll(".cell_input pre")) {
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "copy";
  copy.textContent = _("Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = _("Copied");
    setTimeout(() => { copy.textContent = _("Copy"); }, 1500);
  });
  if (navigator.clipboard) code.after(copy);
}

const reach = () => {
  for (const box of document.querySelectorAll("pre, .scroll, .math.block")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
reach();
addEventListener("resize", reach);
document.fonts?.ready.then(reach);
document.addEventListener("toggle", reach, true);

const here = document.querySelector(".book-contents .current > a");
if (here) here.setAttribute("aria-current", "page");

// The bar leaves while one reads on, and comes back on the way up; its line tells how far one is.
const bar = document.querySelector(".bar");
const links = [...document.querySelectorAll(".page-contents a[href^='#']")];
const places = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
let before = scrollY;
const follow = () => {
  const far = root.scrollHeight - innerHeight;
  bar.style.setProperty("--progress", far > 0 ? Math.min(1, scrollY / far).toFixed(4) : 0);
  if (Math.abs(scrollY - before) > 8) {
    bar.classList.toggle("away", scrollY > before && scrollY > 200 && !bar.contains(document.activeElement));
    before = scrollY;
  }
  let current = -1;
  places.forEach((place, i) => {
    if (place?.getClientRects().length && place.getBoundingClientRect().top < 120) current = i;
  });
  links.forEach((link, i) => {
    if (i === current) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  });
};
addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
bar.addEventListener("focusin", () => bar.classList.remove("away"));
follow();

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash === "#book-contents") location.hash = "#main";
  const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const busy = event.target.closest("input, textarea, select, button, [tabindex], [contenteditable]");
  if (!way || busy || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  document.querySelector(`.turn [rel="${way}"]`)?.click();
});
