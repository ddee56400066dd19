(() => {
  const slides = [...document.querySelectorAll(".slide")];
  const root = document.documentElement;
  const turn = document.querySelector(".turn");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let at = -1;
  const paint = (theme) => { root.dataset.theme = theme; };
  const show = (index) => {
    const next = Math.max(0, Math.min(slides.length - 1, index));
    if (next === at) return;
    slides[at]?.classList.remove("now");
    at = next;
    slides[at].classList.add("now");
    turn.querySelector(".at").textContent = _(`${at + 1} of ${slides.length}`);
    history.replaceState(null, "", `#${slides[at].id || at + 1}`);
    scrollTo(0, 0);
  };
  // An answer is a step of its own.
  const forward = () => {
    const answer = slides[at].querySelector("details:not([open])");
    if (answer) answer.open = true;
    else show(at + 1);
  };
  const back = () => show(at - 1);
  const named = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    const found = slides.findIndex((slide) => name && slide.id === name);
    show(found >= 0 ? found : (parseInt(name, 10) || 1) - 1);
  };
  const keys = {
    ArrowRight: forward, ArrowDown: forward, PageDown: forward, " ": forward,
    ArrowLeft: back, ArrowUp: back, PageUp: back,
    Home: () => show(0), End: () => show(slides.length - 1),
  };
  const actions = {
    back, forward,
    paint: () => paint(root.dataset.theme === "dark" ? "light" : "dark"),
    fill: () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
  };
  addEventListener("keydown", (event) => {
    const { key } = event;
    const pressed = key === " " && event.target.closest("button, summary, a");
    if (!keys[key] || pressed || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[key]();
  });
  turn.addEventListener("click", (event) => {
    actions[event.target.closest("[data-do]")?.dataset.do]?.();
  });
  addEventListener("hashchange", named);
  paint(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => paint(dark.matches ? "dark" : "light"));
  root.classList.add("live");
  turn.hidden = false;
  named();
})();
