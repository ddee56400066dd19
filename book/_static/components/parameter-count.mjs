// Counts the parameters of a model, part by part: of one of the catalog, or of one whose sizes and
// switches the reader has moved, by the reader's own convention. The sum comes from paramlab.params.

const number = new Intl.NumberFormat("en-US").format;

// A size is written as a sum of products: 4*d_model*n_layers+d_model.
export const valueOf = (written, sizes) => written.split("+").reduce((sum, product) =>
  sum + product.split("*").reduce((n, name) => n * (sizes[name] ?? BigInt(name)), 1n), 0n);

// Numbers by part, and how many of them are biases. Terms: size, part, role, needs, left out by, tied.
// Tied terms count once unless told; a token passes no part that sees or hears, and only some experts.
export const count = (terms, sizes, switches, { leftOut = [], tiedTwice = false, noTokens = [] } = {}) => {
  const byPart = {};
  let biases = 0n;
  for (const [written, part, role, needs, conventions, tied] of terms) {
    byPart[part] ??= 0n;
    if (tied && switches.tied && !tiedTwice) continue;
    if (!needs.every((name) => switches[name]) || conventions.some((name) => leftOut.includes(name))) continue;
    const n = valueOf(written, sizes);
    byPart[part] += n;
    if (role.endsWith("bias")) biases += n;
  }
  const total = Object.values(byPart).reduce((a, b) => a + b, 0n);
  const { n_experts: all = 1n, n_active: chosen = 1n } = sizes;
  const idle = (byPart.experts ?? 0n) / all * (all - (chosen < all ? chosen : all));
  return { byPart, total, biases, active: noTokens.reduce((n, part) => n - (byPart[part] ?? 0n), total - idle) };
};

const render = ({ model, el }) => {
  if (!el.querySelector("form")) el.innerHTML = model.get("markup");
  const { models, templates, no_tokens: noTokens, words } = model.get("data");
  const controls = Object.fromEntries([...el.querySelectorAll("form [name]")].map((control) => [control.name, control]));
  const { model: choice, ...moved } = controls;
  const choices = [...choice.options];
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const plain = (text) => text.toLowerCase().replace(/[^a-z0-9.]+/g, "");
  const isBox = (control) => control.type === "checkbox";
  const isConvention = (control) => Boolean(control.closest("[data-convention]"));
  const put = (name, text) => { el.querySelector(`[data-value="${name}"]`).textContent = text; };

  // What the model has by itself and the reader may change, as text: a size, or 1 and 0 for a switch.
  const own = (name) => {
    const [template, sizes, switches] = models[choice.value];
    if (name === "n_experts" && !templates[template].some(([written]) => written.includes(name))) return "NaN";
    return isConvention(controls[name]) ? "0" : String(sizes[name] ?? Number(switches[name] ?? NaN));
  };

  const asPublished = (conventionsToo) => {
    for (const [name, control] of Object.entries(moved)) if (conventionsToo || !isConvention(control)) model.set(name, undefined);
  };

  const place = () => {
    for (const [name, control] of Object.entries(moved)) {
      const has = own(name) !== "NaN";
      const value = model.get(name) ?? own(name);
      control.closest("label").hidden = !has;
      control.disabled = !has;
      if (isBox(control)) control.checked = value === "1";
      else {
        control.value = has ? value : "";
        if (has && !control.checkValidity()) control.value = own(name);
      }
    }
    for (const group of el.querySelectorAll("fieldset")) group.hidden = !group.querySelector("label:not([hidden])");
  };

  const show = () => {
    const [template, ownSizes, ownSwitches] = models[choice.value];
    const sizes = Object.fromEntries(Object.entries(ownSizes).map(([name, n]) => {
      const control = controls[name];
      return [name, BigInt(control && !control.disabled && control.checkValidity() ? control.valueAsNumber : n)];
    }));
    const switches = Object.fromEntries(Object.keys(ownSwitches).map((name) => [name, controls[name].checked]));
    const boxes = Object.values(moved).filter((control) => isConvention(control) && control.checked);
    const leftOut = boxes.map((control) => control.value).filter((value) => value !== "tied_twice");
    const found = count(templates[template], sizes, switches, { leftOut, tiedTwice: controls.tied_twice.checked, noTokens });
    const big = Object.fromEntries(Object.entries(ownSizes).map(([name, n]) => [name, BigInt(n)]));
    const before = count(templates[template], big, ownSwitches);
    const isMoved = Object.entries(ownSizes).some(([name, n]) => sizes[name] !== BigInt(n))
      || Object.entries(ownSwitches).some(([name, on]) => switches[name] !== on);
    const kind = isMoved ? (boxes.length ? "both" : "changed") : boxes.length ? "counted" : "has";
    const answer = say(words[kind], { model: choice.selectedOptions[0].text, total: number(found.total), before: number(before.total) });
    put("answer", answer);
    put("biases", number(found.biases));
    put("active", number(found.active));
    const rows = Object.entries(found.byPart).map(([part, n]) => {
      const row = document.createElement("tr");
      const [head, size, share] = ["th", "td", "td"].map((tag) => row.appendChild(document.createElement(tag)));
      head.scope = "row";
      head.textContent = words.parts[part] ?? part;
      size.className = share.className = "text-right";
      size.textContent = number(n);
      const tenths = found.total ? (n * 2000n + found.total) / (2n * found.total) : 0n;
      const bar = share.appendChild(document.createElement("span"));
      bar.textContent = `${tenths / 10n}.${tenths % 10n}%`;
      bar.style.setProperty("--share", bar.textContent);
      return row;
    });
    el.querySelector(".parts").replaceChildren(...rows);
    return answer;
  };

  const adopt = () => {
    const wanted = model.get("model");
    const found = wanted && choices.find((option) => plain(option.value) === plain(wanted));
    if (found) choice.value = found.value;
    place();
    show();
  };

  el.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  el.addEventListener("input", ({ target }) => {
    if (target === choice) model.set("model", choice.value);
    else if (isBox(target)) model.set(target.name, target.checked === (own(target.name) === "1") ? undefined : String(Number(target.checked)));
    else if (target.checkValidity()) {
      const follows = target === controls.n_heads && !controls.n_kv_heads.disabled
        && own("n_kv_heads") === own("n_heads") && model.get("n_kv_heads") === model.get("n_heads");
      const typed = target.value;
      for (const name of follows ? ["n_kv_heads", "n_heads"] : [target.name]) model.set(name, typed === own(name) ? undefined : typed);
    }
  });
  el.addEventListener("change", () => {
    place();
    model.save_changes();
    el.querySelector("[role=status]").textContent = show();
  });
  el.querySelector("form").addEventListener("reset", (event) => {
    event.preventDefault();
    asPublished(true);
    model.save_changes();
    el.querySelector("[role=status]").textContent = show();
  });
  model.on("change:model", () => { asPublished(); adopt(); }); // another model is shown as it is
  for (const name of Object.keys(moved)) model.on(`change:${name}`, adopt);
  adopt();
};

export default { render };
