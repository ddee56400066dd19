// The little that HTML and CSS leave to do: the choice of light or dark and of code shown or folded,
// copying code, keyboard access to boxes that scroll, turning pages, and the bar that follows.
const root = document.documentElement;
const narrow = matchMedia("(max-width: 54rem)");
const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* works without */ } };

const button = document.querySelector(".bar .theme");
const label = () => {
  button.innerHTML = root.dataset.theme === "dark" ? _("Light<span class=unseen> colors</span>") : _("Dark<span class=unseen> colors</span>");
};
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

const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let box = target?.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  if (target?.closest(".evidence")) target.scrollIntoView();
};
reveal();
addEventListener("hashchange", reveal);

// What a listener hears after the word on a button of a cell.
const ofCell = (node) => `<span class="unseen"> ${node.querySelector("summary")?.textContent.match(/: ([^,，]+)/)?.[1] ?? ""}</span>`;
for (const code of document.querySelectorAll(".cell_input pre")) {
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "copy";
  copy.innerHTML = _("Copy") + ofCell(code.closest(".cell"));
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.firstChild.data = _("Copied");
    setTimeout(() => { copy.firstChild.data = _("Copy"); }, 1500);
  });
  if (navigator.clipboard) code.after(copy);
}

// Whoever asks for sizes has the page laid out at once: ask after the next picture, of nothing folded.
const settled = (work) => requestAnimationFrame(() => setTimeout(work));
const isSeen = (node) => node && !node.closest("details:not([open])");
const reach = () => {
  const boxes = [...document.querySelectorAll("pre, .scroll, .math.block")].filter(isSeen);
  const wide = boxes.map((box) => box.scrollWidth > box.clientWidth);
  boxes.forEach((box, i) => {
    if (wide[i]) box.tabIndex = 0;
    else if (box.hasAttribute("tabindex")) box.removeAttribute("tabindex");
  });
};
let due;
addEventListener("resize", reach);
document.addEventListener("toggle", () => {
  due ||= settled(() => { due = 0; reach(); });
}, true);

const here = document.querySelector(".book-contents .current > a");
if (here) here.setAttribute("aria-current", "page");

// The bar leaves while one reads on, and comes back on the way up; its line tells how far one is.
const bar = document.querySelector(".bar");
const links = [...document.querySelectorAll(".page-contents a[href^='#']")];
const places = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
let before;
const follow = () => {
  const far = root.scrollHeight - innerHeight;
  let current = -1;
  places.forEach((place, i) => {
    if (isSeen(place) && place.getBoundingClientRect().top < 120) current = i;
  });
  bar.style.setProperty("--progress", far > 0 ? Math.min(1, scrollY / far).toFixed(4) : 0);
  if (Math.abs(scrollY - before) > 8) {
    bar.classList.toggle("away", scrollY > before && scrollY > 200 && !bar.contains(document.activeElement));
    before = scrollY;
  }
  links.forEach((link, i) => {
    if (i === current) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  });
};
addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
bar.addEventListener("focusin", () => bar.classList.remove("away"));
settled(() => { before = scrollY; reach(); follow(); });

// On a phone the contents of the book cover the page: what lies below is out of reach until they are
// closed, which leads back to the place and the link that opened them.
const menu = document.querySelector(".menu");
const close = document.querySelector(".close");
let opened = false;
const cover = () => {
  const covers = location.hash === "#book-contents" && narrow.matches;
  for (const part of document.querySelectorAll(".skip, .bar, main, .foot")) part.inert = covers;
  if (covers) close.focus();
};
const uncover = (event) => {
  if (!opened) return; // the address was opened with the contents: the link leads to the text
  opened = false;
  event.preventDefault();
  addEventListener("hashchange", () => menu.focus({ preventScroll: true }), { once: true });
  history.back();
};
menu.addEventListener("click", () => { opened = true; });
close.addEventListener("click", uncover);
addEventListener("hashchange", cover);
narrow.addEventListener("change", cover);
cover();

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && close.offsetParent) close.click();
  const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const busy = event.target.closest("input, textarea, select, button, [tabindex], [contenteditable]");
  if (!way || busy || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  document.querySelector(`.turn [rel="${way}"]`)?.click();
});
