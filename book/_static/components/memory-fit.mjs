// How much memory a model needs for its weights and the caches of its texts, whether a device has it,
// and how fast the device can write at most. paramlab.memory_fit computes the same; a test compares.

const matrices = 0, vectors = 1, expertMatrices = 2, expertVectors = 3; // kinds of numbers
const least = (a, b) => (a < b ? a : b);
const number = new Intl.NumberFormat("en-US").format;

// Bytes as GB with two digits, rounded half up.
export const gigabytes = (bytes) => {
  const hundredths = (bytes + 5_000_000n) / 10_000_000n;
  return `${number(hundredths / 100n)}.${String(hundredths % 100n).padStart(2, "0")}`;
};

// Bits are told in quarters, so that they are whole: 18 for 4.5. What is not rounded takes 16 bits.
const bytesOf = (numbers, { quarters, onlyExperts }) => {
  const [rest, experts] = [onlyExperts ? 64n : quarters, quarters];
  const quarterBits = numbers[matrices] * rest + numbers[expertMatrices] * experts
    + (numbers[vectors] + numbers[expertVectors]) * 64n;
  return (quarterBits + 31n) / 32n;
};

export const weightBytes = (m, bits) => bytesOf(m.numbers.map(BigInt), bits);

// Of the weights, what one step of writing reads at most.
export const bytesRead = (m, bits, texts) => {
  const numbers = m.numbers.map(BigInt);
  for (const [kind, all, row] of m.rows) numbers[kind] += texts * BigInt(row) - BigInt(all);
  const chosen = least(BigInt(m.n_experts), texts * BigInt(m.n_active));
  for (const kind of [expertMatrices, expertVectors]) numbers[kind] = numbers[kind] / BigInt(m.n_experts) * chosen;
  return least(bytesOf(numbers, bits), weightBytes(m, bits));
};

// Keys and values of one text, and states: two bytes a number.
export const cacheBytes = (m, tokens) => {
  const kept = m.lookbacks.reduce((sum, numbers) => {
    const [layers, , , window, , kept, joined, open, last] = numbers.map(BigInt);
    const near = least(window || tokens, tokens), entries = near / joined;
    return sum + layers * (entries * kept + near % joined * open + (entries ? last : 0n));
  }, 0n);
  return 2n * (kept + BigInt(m.state_numbers));
};

// The same, as far as one more token must look at it: where an indexer chooses, the chosen.
export const bytesLookedAt = (m, tokens) => 2n * m.lookbacks.reduce((sum, numbers) => {
  const [layers, , , window, chosen, kept, joined] = numbers.map(BigInt);
  const entries = least(window || tokens, tokens) / joined;
  return sum + layers * kept * least(entries, chosen || entries);
}, BigInt(m.state_numbers));

// FLOPs of one more token, the last of so many.
export const stepFlops = (m, tokens) => {
  const scores = m.lookbacks.reduce((sum, numbers) => {
    const [layers, perPair, perCached, window, chosen, , joined] = numbers.map(BigInt);
    const seen = tokens / joined, most = least(window || seen, chosen || seen);
    return sum + layers * least(seen, most) * (tokens > 1n && perCached || perPair);
  }, 0n);
  return 2n * (Object.values(m.by_part).reduce((sum, n) => sum + BigInt(n), 0n) + scores);
};

export const secondsPerToken = (m, device, tokens, bits, texts) => {
  const read = bytesRead(m, bits, texts) + texts * bytesLookedAt(m, tokens);
  return Math.max(Number(read) / device.bytes_per_s, Number(texts * stepFlops(m, tokens)) / device.flops_per_s);
};

// The most tokens of each text for which all fits; 0n: none.
export const longestContext = (m, memory, bits, texts, program) => {
  const fits = (tokens) => weightBytes(m, bits) + texts * cacheBytes(m, tokens) + program <= memory;
  if (fits(BigInt(m.n_ctx))) return BigInt(m.n_ctx);
  let [short, long] = [0n, BigInt(m.n_ctx)];
  while (long - short > 1n) {
    const middle = (short + long) / 2n;
    if (fits(middle)) short = middle;
    else long = middle;
  }
  return short;
};

const render = ({ model, el }) => {
  if (!el.querySelector("form")) el.innerHTML = model.get("markup");
  const { models, devices, words } = model.get("data");
  const controls = Object.fromEntries([...el.querySelectorAll("form [name]")].map((control) => [control.name, control]));
  const choices = [...controls.model.options];
  const say = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const plain = (text) => text.toLowerCase().replace(/[^a-z0-9.]+/g, "");
  const put = (name, text) => { el.querySelector(`[data-value="${name}"]`).textContent = text; };
  const between = (control) => Math.min(control.max, Math.max(control.min, control.valueAsNumber || 0));
  const whole = (control) => BigInt(Math.trunc(between(control)));

  const show = () => {
    const m = models[controls.model.value];
    const onlyExperts = controls.bits.querySelector("[value$=experts]");
    onlyExperts.disabled = m.n_experts === 1;
    if (onlyExperts.disabled && onlyExperts.selected) controls.bits.selectedIndex = 0;
    const [quarters, only] = controls.bits.value.split(" ");
    const bits = { quarters: BigInt(4 * quarters), onlyExperts: only === "experts" };
    const asked = whole(controls.context), texts = whole(controls.texts);
    const tokens = least(asked, BigInt(m.n_ctx));
    const giga = (control) => BigInt(Math.round(between(control) * 1e9));
    const device = controls.memory.value ? null : devices[controls.device.value];
    const program = giga(controls.program);
    const partsOf = (m, bits) => [weightBytes(m, bits), texts * cacheBytes(m, least(asked, BigInt(m.n_ctx))), program];
    const together = (...how) => partsOf(...how).reduce((a, b) => a + b);
    const parts = partsOf(m, bits);
    const memory = device ? BigInt(device.memory_bytes) : giga(controls.memory);
    const needed = together(m, bits);
    const fitting = choices.filter(({ value }) => together(models[value], bits) <= memory);
    const largest = fitting.reduce((a, b) => (weightBytes(models[b.value], bits) > weightBytes(models[a.value], bits) ? b : a), fitting[0]);
    const spare = memory - needed;
    const bytes = { weights: parts[0], cache: parts[1], program: parts[2], needed, memory, spare: spare < 0n ? -spare : spare };
    for (const [name, n] of Object.entries(bytes)) {
      put(name, gigabytes(n));
      put(`${name}-bytes`, number(n));
    }
    put("spare-head", words[spare < 0n ? "missing" : "left"]);
    const values = {
      model: controls.model.selectedOptions[0].text,
      bits: controls.bits.selectedOptions[0].text,
      context: texts > 1n ? `${number(texts)} × ${number(tokens)}` : number(tokens),
      device: device ? controls.device.selectedOptions[0].text : words.own,
      needed: gigabytes(needed), memory: gigabytes(memory), spare: gigabytes(bytes.spare),
      window: number(m.n_ctx), longest: number(longestContext(m, memory, bits, texts, program)),
      fewer: gigabytes(together(m, { quarters: 18n, onlyExperts: false })),
      all: choices.length, fitting: fitting.length, largest: largest?.text, unknown,
    };
    const answer = (unknown ? `${say(words.unknown, values)} ` : "") + say(words[spare < 0n ? "lacks" : "fits"], values);
    put("answer", answer);
    const more = [say(words[values.longest === "0" ? "none" : "longest"], values)];
    if (device && spare >= 0n) {
      const speed = 1 / secondsPerToken(m, device, tokens, bits, texts);
      more.push(say(words.speed, { ...values, speed: speed < 100 ? speed.toPrecision(3) : number(Math.round(speed)) }));
    }
    if (spare < 0n && bits.quarters > 18n) more.push(say(words.fewer, values));
    if (largest) more.push(say(words.others, values));
    if (asked > tokens) more.unshift(say(words.beyond, values));
    put("more", more.join(" "));
    const scale = Number(spare < 0n ? needed : memory) || 1;
    el.querySelectorAll(".meter i").forEach((bar, i) => { bar.style.width = `${100 * Number(parts[i]) / scale}%`; });
    el.querySelector(".meter b").style.left = `${100 * Number(memory) / scale}%`;
    return answer;
  };

  // What the state says, the controls show; what no control can show is left as it was.
  const adopt = (name) => {
    const value = model.get(name);
    if (value === undefined || controls[name].value === value) return;
    const before = controls[name].value;
    if (name === "model") {
      if (controls.model.length < choices.length) controls.model.replaceChildren(...choices);
      controls.model.value = choices.find((choice) => plain(choice.value) === plain(value))?.value ?? before;
    } else {
      controls[name].value = value;
      if (!controls[name].checkValidity() || controls[name].selectedIndex === -1) controls[name].value = before;
    }
  };
  let unknown = "", settled; // what was typed and no model is called; the model before the typing
  const find = () => {
    const asked = controls.find.value.trim().toLowerCase();
    const name = asked.replace(/^.*\//, "").replace(/(-(base|chat|gguf|instruct|it))+$/, ""); // of a file's address
    const found = choices.filter((choice) => name.split(/\s+/).every((word) => plain(choice.text).includes(plain(word))));
    const before = found.length ? controls.model.value : settled;
    const offered = found.length ? found : choices;
    unknown = found.length ? "" : asked;
    controls.model.replaceChildren(...offered);
    controls.model.value = offered.some((choice) => choice.value === before) ? before : offered[0].value;
  };

  el.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  el.addEventListener("input", ({ target }) => {
    if (target === controls.find) find();
    else if (target === controls.model) unknown = "";
    const name = target === controls.find ? "model" : target.name;
    model.set(name, controls[name].value);
    if (target === controls.find) show();
  });
  el.addEventListener("change", () => {
    settled = controls.model.value;
    model.save_changes();
    el.querySelector("[role=status]").textContent = show();
  });
  controls.context.addEventListener("keydown", (event) => { // 32k
    if (event.key !== "k" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    controls.context.value *= 1024;
    controls.context.dispatchEvent(new Event("input", { bubbles: true }));
  });
  for (const name of Object.keys(controls).filter((name) => name !== "find")) {
    model.on(`change:${name}`, () => { adopt(name); show(); });
    adopt(name);
  }
  settled = controls.model.value;
  show();
};

export default { render };
