// What a text of some length costs a model: operations to read it and to write one more token, by part,
// and the bytes of its keys and values by precision. paramlab.costs counts the same; a test compares.

const number = new Intl.NumberFormat("en-US").format;

// n / m with so many digits after the point, rounded half up.
export const ratio = (n, m, digits) => {
  const scale = 10n ** BigInt(digits);
  const scaled = (2n * n * scale + m) / (2n * m);
  return digits ? `${number(scaled / scale)}.${String(scaled % scale).padStart(digits, "0")}` : number(scaled);
};

// A number in words, three digits of it: 614 trillion.
export const inWords = (n, scales) => {
  let step = Math.min(scales.length - 1, Math.floor((String(n).length - 1) / 3));
  const rounded = (at) => {
    const unit = 1000n ** BigInt(at), digits = String(n / unit).length;
    return step ? ratio(n, unit, Math.max(0, 3 - digits)) : number(n);
  };
  if (rounded(step) === "1,000" && step + 1 < scales.length) step += 1;
  return `${rounded(step)} ${scales[step]}`.trim();
};

// Multiply-adds of queries and keys in all layers: the pairs that are seen, or every query with every key.
export const lookingBack = (m, tokens, before, full) => m.lookbacks.reduce((sum, numbers) => {
  const [layers, perPair, perCached, window, chosen, , joined] = numbers.map(BigInt);
  const most = window && (!chosen || window < chosen) ? window : chosen;
  const seen = (n) => {
    const end = most * joined - 1n, short = most && n > end ? end : n, whole = short / joined;
    return joined * (whole * (whole - 1n) / 2n) + whole * (short % joined + 1n) + (n - short) * most;
  };
  const pairs = full ? tokens * ((before + tokens) / joined) : seen(before + tokens) - seen(before);
  return sum + layers * pairs * (before && perCached || perPair);
}, 0n);

// FLOPs of reading tokens after others, by part; logits after the last token only.
export const operations = (m, tokens, before, full) => {
  const found = { scores: 2n * lookingBack(m, tokens, before, full) };
  for (const [part, n] of Object.entries(m.by_part)) found[part] = 2n * tokens * BigInt(n);
  for (const [part, n] of Object.entries(m.after_last)) found[part] -= 2n * (tokens - 1n) * BigInt(n);
  return found;
};

// Numbers that are kept of one text: keys and values, and states.
export const numbersKept = (m, tokens) => m.lookbacks.reduce((sum, numbers) => {
  const [layers, , , window, , kept, joined, open, last] = numbers.map(BigInt);
  const near = window && window < tokens ? window : tokens, entries = near / joined;
  return sum + layers * (entries * kept + near % joined * open + (entries ? last : 0n));
}, BigInt(m.state_numbers));

const render = ({ model, el }) => {
  if (!el.querySelector("form")) el.innerHTML = model.get("markup");
  const { models, words, tokens_per_page: perPage } = model.get("data");
  const controls = Object.fromEntries([...el.querySelectorAll("form [name]")].map((control) => [control.name, control]));
  const choices = [...controls.model.options];
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const plain = (text) => text.toLowerCase().replace(/[^a-z0-9.]+/g, "");
  const put = (name, text) => { el.querySelector(`[data-value="${name}"]`).textContent = text; };
  const sum = (parts) => Object.values(parts).reduce((a, b) => a + b, 0n);
  const whole = (control) => BigInt(Math.trunc(Math.min(control.max, Math.max(control.min, control.valueAsNumber || 0))));

  const show = () => {
    const m = models[controls.model.value];
    const tokens = whole(controls.context), other = whole(controls.compared);
    const full = controls.attention.value === "full";
    const reading = operations(m, tokens, 0n, full), writing = operations(m, 1n, tokens - 1n, full);
    const base = operations(m, other, 0n, full);
    const kept = numbersKept(m, tokens);
    const values = {
      model: controls.model.selectedOptions[0].text, context: number(tokens), other: number(other),
      pages: ratio(tokens * BigInt(perPage[1]), BigInt(perPage[0]), 1),
      reading: inWords(sum(reading), words.scales), writing: inWords(sum(writing), words.scales),
      share: ratio(100n * reading.scores, sum(reading), 1),
      work: ratio(sum(reading), sum(base), 1), scores: ratio(reading.scores || 1n, base.scores || 1n, 1),
      length: ratio(tokens, other, 1), window: number(m.n_ctx),
    };
    const answer = say(words.answer, values);
    put("answer", answer);
    put("more", [say(words.compared, values), ...(tokens > BigInt(m.n_ctx) ? [say(words.beyond, values)] : [])].join(" "));
    const line = (head, ...cells) => {
      const row = document.createElement("tr");
      [head, ...cells].forEach((text, i) => {
        const cell = row.appendChild(document.createElement(i ? "td" : "th"));
        if (i) {
          cell.className = "text-right";
          cell.dataset.label = [words.reading, words.writing][i - 1];
        } else cell.scope = "row";
        cell.textContent = text;
      });
      return row;
    };
    const parts = Object.keys(reading).map((part) => line(words.parts[part] ?? part, number(reading[part]), number(writing[part])));
    el.querySelector(".operations").replaceChildren(...parts, line(words.total, number(sum(reading)), number(sum(writing))));
    for (const bits of [32n, 16n, 8n, 4n]) {
      const bytes = (kept * bits + 7n) / 8n;
      put(`gb-${bits}`, ratio(bytes, 1_000_000_000n, 2));
      put(`bytes-${bits}`, number(bytes));
    }
    return answer;
  };

  const adopt = (name) => {
    const value = model.get(name), before = controls[name].value;
    if (value === undefined || before === value) return;
    controls[name].value = name === "model" ? choices.find((choice) => plain(choice.value) === plain(value))?.value ?? before : value;
    if (!controls[name].checkValidity() || controls[name].selectedIndex === -1) controls[name].value = before;
  };

  el.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  el.addEventListener("input", ({ target }) => model.set(target.name, target.value));
  el.addEventListener("keydown", (event) => { // 32k
    if (event.target.type !== "number" || event.key !== "k" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.target.value *= 1024;
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
  });
  el.addEventListener("change", () => {
    model.save_changes();
    el.querySelector("[role=status]").textContent = show();
  });
  for (const name of Object.keys(controls)) {
    model.on(`change:${name}`, () => { adopt(name); show(); });
    adopt(name);
  }
  show();
};

export default { render };
