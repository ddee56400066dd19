// Chooses records of the ledger by verdict and by a word, and lets a reader judge each before the book's
// verdict is shown. What the reader said is kept in this browser.

const KEPT = "verdicts";

// How many of the judged claims have the book's verdict, and how many have the one that it gives most often.
export const score = (said, books, usual) => {
  const judged = Object.keys(books).filter((id) => said[id]);
  const agreeing = (verdict) => judged.filter((id) => books[id] === verdict(id)).length;
  return { n: judged.length, same: agreeing((id) => said[id]), baseline: agreeing(() => usual) };
};

const render = ({ model, el }) => {
  if (!el.querySelector("form")) el.innerHTML = model.get("markup");
  const { verdicts, shapes, usual, judgeable, words } = model.get("data");
  const records = [...document.querySelectorAll(".record")];
  if (!records.length) return; // nothing to choose from
  const form = el.querySelector("form");
  const { first, mention } = form.elements;
  const boxes = [...form.querySelectorAll("[name='verdict[]']")];
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const make = (tag, className, content = "") => Object.assign(document.createElement(tag), { className, textContent: content });

  let kept = { first: false, said: {} };
  try { kept = { ...kept, ...JSON.parse(localStorage.getItem(KEPT)) }; } catch { /* works without */ }
  const keep = () => { try { localStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* works without */ } };

  const texts = new Map(records.map((record) => [record, [record, record.querySelector("dd")].map((part) => part.textContent.toLowerCase())]));
  const books = {};
  const asked = records.filter((record) => judgeable.includes(record.id)).map((record) => {
    const title = record.querySelector("h3");
    const claim = title.firstChild.textContent.trim();
    const judgment = make("span", "judgment");
    judgment.append(...[...title.childNodes].slice(1));
    title.append(judgment);
    books[record.id] = record.dataset.verdict;
    const choice = make("fieldset", "yours");
    choice.append(make("legend", "", say(words.yours, { claim })));
    for (const [verdict, text] of Object.entries(verdicts)) {
      const button = choice.appendChild(make("button", "", ` ${text}`));
      button.type = "button";
      button.value = verdict;
      const shape = make("span", "", shapes[verdict]);
      shape.setAttribute("aria-hidden", "true");
      button.prepend(shape);
    }
    const result = make("p", "yours");
    result.tabIndex = -1;
    const change = make("button", "", words.change);
    change.type = "button";
    title.after(result);
    record.append(choice);
    choice.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (!button) return;
      kept.said[record.id] = button.value;
      show();
      result.focus();
    });
    change.addEventListener("click", () => {
      delete kept.said[record.id];
      show();
      choice.querySelector("button").focus();
    });
    return { record, choice, result, change };
  });
  const total = make("p", "score");
  records.at(-1).after(total);

  const show = () => {
    for (const { record, choice, result, change } of asked) {
      const yours = kept.said[record.id];
      const open = kept.first && !yours;
      record.classList.toggle("unjudged", open);
      choice.hidden = !open;
      result.hidden = !kept.first || !yours;
      if (!result.hidden) result.replaceChildren(say(words.judged, { yours: verdicts[yours], book: verdicts[books[record.id]] }), " ", change);
    }
    const phrase = mention.value.trim().toLowerCase();
    const wanted = new Set(boxes.filter((box) => box.checked || kept.first).map((box) => box.value));
    let n = 0;
    for (const record of records) {
      const [all, claimed] = texts.get(record);
      const text = record.classList.contains("unjudged") ? claimed : all;
      record.hidden = !(wanted.has(record.dataset.verdict) && text.includes(phrase));
      n += !record.hidden;
    }
    first.checked = kept.first;
    boxes[0].closest("fieldset").hidden = kept.first;
    const found = score(kept.said, books, usual);
    form.querySelector("[type=reset]").hidden = !found.n;
    const sum = say(found.n ? words.score : words.none, { ...found, all: judgeable.length, usual: verdicts[usual] });
    total.textContent = sum;
    total.hidden = !kept.first;
    el.querySelector("[data-value=shown]").textContent = [say(words.shown, { n, all: records.length }), kept.first ? sum : ""].join(" ").trim();
    keep();
  };
  // Whoever follows a link to a claim must find it.
  const reveal = () => {
    const record = location.hash && document.getElementById(location.hash.slice(1));
    if (!record?.hidden) return;
    for (const box of boxes) box.checked = true;
    mention.value = "";
    show();
    record.scrollIntoView();
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    kept.first = first.checked;
    show();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    kept.said = {};
    show();
  });
  addEventListener("hashchange", reveal);
  show();
};

export default { render };
