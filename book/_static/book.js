// The little that HTML and CSS leave to do: the choice of light or dark, copying code,
// keyboard access to boxes that scroll, and the contents list on a phone.
const root = document.documentElement;

const button = document.querySelector(".bar .theme");
const label = () => { button.textContent = root.dataset.theme === "dark" ? "Light" : "Dark"; };
button.hidden = false;
label();
button.addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* works without storage */ }
  label();
});

for (const code of document.querySelectorAll(".cell_input pre")) {
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "copy";
  copy.textContent = "Copy";
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  if (navigator.clipboard) code.after(copy);
}

const reach = () => {
  for (const box of document.querySelectorAll("pre, .scroll")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
reach();
addEventListener("resize", reach);
document.addEventListener("toggle", reach, true);

const here = document.querySelector(".book-contents .current > a");
if (here) here.setAttribute("aria-current", "page");
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash === "#book-contents") location.hash = "#main";
});
