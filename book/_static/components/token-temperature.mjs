// The chances of the next token at a temperature: logits divided by it, then softmax. All tokens but a few
// are one sum for each temperature, recorded; paramlab's softmax gives the same.

// Of each named token, and of all others together, at tenths of a temperature.
export const chances = ({ logits, others }, tenths) => {
  const weights = [...logits.map((logit) => Math.exp(10 * logit / tenths)), Math.exp(others[tenths])];
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
};

// In percent, two digits of it.
export const percent = (p, least, tiny) => {
  if (100 * p < least) return tiny;
  const digits = Math.max(0, 1 - Number((100 * p).toExponential(1).split("e")[1]));
  return `${(100 * p).toFixed(digits)}%`;
};

const render = ({ model, el }) => {
  if (!el.querySelector("form")) el.innerHTML = model.get("markup");
  const { words, least, ...recorded } = model.get("data");
  const slider = el.querySelector("[name=temperature]");

  const show = () => {
    const found = chances(recorded, slider.value);
    const row = found.map((p) => percent(p, least, words.tiny));
    const temperature = (slider.value / 10).toFixed(1);
    const said = { temperature, chance: row[0], others: row.at(-1) };
    const answer = words.answer.replace(/\{(\w+)\}/g, (_, name) => said[name]);
    slider.setAttribute("aria-valuetext", temperature);
    el.querySelector("[data-value=answer]").textContent = answer;
    [...el.querySelectorAll(".chances span")].forEach((bar, i) => {
      bar.textContent = row[i];
      bar.style.setProperty("--share", `${(100 * found[i]).toFixed(2)}%`);
    });
    return answer;
  };
  const adopt = () => {
    slider.value = model.get("temperature") ?? slider.defaultValue;
    show();
  };

  el.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  slider.addEventListener("input", () => model.set("temperature", slider.value));
  slider.addEventListener("change", () => {
    model.save_changes();
    el.querySelector("[role=status]").textContent = show();
  });
  model.on("change:temperature", adopt);
  adopt();
};

export default { render };
