// Keeps what a reader guesses at the beginning of a chapter, in this browser, and compares it where the
// chapter's answer stands.

const KEPT = "guesses";

// The sentence that compares one guess with its answer.
export const outcome = ({ answer, unit, choices }, yours, words) => {
  const said = { yours: yours + unit, right: answer + unit };
  const [number, right] = [yours, answer].map((text) => Number(text.replaceAll(",", "")));
  let kind = number === right ? "exact" : number > right ? "high" : "low";
  if (choices.length) kind = yours === answer ? "chosen" : "not";
  else if (kind !== "exact" && !(number && right)) kind = "zero";
  else {
    const factor = Number(Math.max(number / right, right / number).toPrecision(2));
    if (factor < 1.1) kind = "exact";
    said.factor = factor.toLocaleString("en-US");
  }
  return words[kind].replace(/\{(\w+)\}/g, (_, name) => said[name]);
};

const render = ({ model, el }) => {
  if (!el.querySelector("form")) el.innerHTML = model.get("markup");
  const { chapter, guesses, words } = model.get("data");
  const form = el.querySelector("form");
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(KEPT)) ?? {}; } catch { /* works without */ }

  const compared = document.createElement("p");
  compared.className = "compared";
  document.getElementById(`answer-${chapter}`)?.after(compared);
  const show = () => {
    const yours = kept[chapter];
    el.querySelector("[role=status] span").hidden = !yours;
    compared.hidden = !yours;
    if (yours) compared.textContent = guesses.map((guess, i) => outcome(guess, yours[i], words)).join(" ");
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    kept[chapter] = guesses.map((_, i) => form.elements[`guess_${i}`].value);
    try { localStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* works without */ }
    show();
  });
  guesses.forEach((_, i) => { form.elements[`guess_${i}`].value = kept[chapter]?.[i] ?? ""; });
  show();
};

export default { render };
