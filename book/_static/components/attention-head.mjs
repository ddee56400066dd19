// One attention head on three tokens: scores, shares, and the mixture of values, from whole numbers that
// the reader types or drags. All of it is exact, on fractions of big integers.

const minus = (text) => String(text).replace("-", "−");

// n / m with so many digits after the point, rounded half away from zero; m is positive.
export const decimal = (n, m, digits) => {
  const scale = 10n ** BigInt(digits), size = n < 0n ? -n : n;
  const scaled = (2n * size * scale + m) / (2n * m);
  return `${n < 0n && scaled ? "−" : ""}${(scaled / scale).toLocaleString("en-US")}.${String(scaled % scale).padStart(digits, "0")}`;
};

// Scores, what the powers are in words, shares in percent, and the mixture; numbers are big integers.
export const look = (query, keys, values, base) => {
  const scores = keys.map((key) => query[0] * key[0] + query[1] * key[1]);
  const least = scores.reduce((a, b) => (b < a ? b : a));
  const weights = scores.map((score) => base ** (score - least));
  const together = weights.reduce((a, b) => a + b);
  const powers = scores.map((score) => {
    const size = base ** (score < 0n ? -score : score);
    if (size >= 1_000_000n) return `${base}^${minus(score)}`;
    return score < 0n && size > 1n ? `1/${size}` : String(size);
  });
  const shares = weights.map((weight) => decimal(100n * weight, together, 1));
  const mixture = [0, 1].map((place) => decimal(weights.reduce((sum, weight, i) => sum + weight * values[i][place], 0n), together, 2));
  return { scores: scores.map(minus), powers, shares, mixture };
};

const STEP = 12; // pixels that a finger moves for one more

const render = ({ model, el }) => {
  if (!el.querySelector("form")) el.innerHTML = model.get("markup");
  const { tokens, words } = model.get("data");
  const controls = Object.fromEntries([...el.querySelectorAll("form [name]")].map((control) => [control.name, control]));
  const read = (control) => BigInt(control.checkValidity() ? control.value : control.defaultValue);
  const pair = (kind, token) => [1, 2].map((place) => read(controls[`${kind}_${token}_${place}`]));

  const show = () => {
    const base = read(controls.base);
    const asks = pair("query", tokens.at(-1));
    const { scores, powers, shares, mixture } = look(asks, tokens.map((t) => pair("key", t)), tokens.map((t) => pair("value", t)), base);
    const said = { ...Object.fromEntries(tokens.map((token, i) => [token, shares[i]])), first: mixture[0], second: mixture[1] };
    const answer = words.answer.replace(/\{(\w+)\}/g, (_, name) => said[name]);
    el.querySelector("[data-value=answer]").textContent = answer;
    el.querySelector("[data-value=base]").textContent = String(base);
    [...el.querySelectorAll(".looks tr")].forEach((row, i) => {
      const [score, power, share] = row.querySelectorAll("td");
      score.textContent = scores[i];
      power.textContent = powers[i];
      share.firstChild.textContent = `${shares[i]}%`;
      share.firstChild.style.setProperty("--share", `${shares[i]}%`);
    });
    return answer;
  };
  const adopt = (name) => {
    const control = controls[name];
    control.value = model.get(name) ?? control.defaultValue;
    if (!control.checkValidity()) control.value = control.defaultValue;
    show();
  };
  const keep = () => {
    model.save_changes();
    el.querySelector("[role=status]").textContent = show();
  };
  const move = (control, value) => {
    control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const form = el.querySelector("form");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const name of Object.keys(controls)) model.set(name, undefined);
    keep();
  });
  form.addEventListener("input", ({ target }) => {
    if (target.checkValidity()) model.set(target.name, target.value === target.defaultValue ? undefined : target.value);
  });
  form.addEventListener("change", keep);
  for (const control of form.querySelectorAll("[type=number]")) {
    control.addEventListener("pointerdown", (down) => {
      const start = Number(control.value) || 0;
      const drag = ({ clientX }) => {
        const value = start + Math.round((clientX - down.clientX) / STEP);
        if (value === start && control.value === String(start)) return;
        move(control, Math.max(control.min, Math.min(control.max, value)));
      };
      const end = () => {
        control.removeEventListener("pointermove", drag);
        if (control.value !== String(start)) keep();
      };
      control.setPointerCapture(down.pointerId);
      control.addEventListener("pointermove", drag);
      control.addEventListener("lostpointercapture", end, { once: true });
    });
  }
  for (const name of Object.keys(controls)) {
    model.on(`change:${name}`, () => adopt(name));
    adopt(name);
  }
};

export default { render };
