// Finds what was typed: every word, or the whole phrase, in the stored text of each section. The texts lie in
// a file for each page; those are loaded that the index of words says may have it.
const folder = new URL("search/", document.currentScript.src);
const index = globalThis.searchIndex;
globalThis.searchTexts = [];
const page = document.querySelector(".search");
const query = (new URLSearchParams(location.search).get("q") ?? "").trim();
const status = page.querySelector(".search-status");
const [traditional, simplified] = [[...index.traditional], [...index.simplified]];
// A text in small letters and simplified characters, as long as it was.
const plain = (text) => text.toLowerCase().replace(/[\u3400-\u9fff]/g, (character) => simplified[traditional.indexOf(character)] ?? character);
const words = plain(query).split(/\s+/).filter(Boolean);
const AROUND = 90; // characters of text shown on either side of a finding

const pieces = (word) => (word.match(/[\p{L}\p{N}]+/gu) ?? [])
  .flatMap((piece) => (/[\u3400-\u9fff]/.test(piece) ? [...piece] : [piece]));

const mayHave = (piece) => new Set(Object.entries(index.words)
  .filter(([known]) => known.includes(piece)).flatMap(([, digits]) => [...digits]));

const candidates = () => {
  const sets = words.flatMap(pieces).map(mayHave);
  return index.files.filter((_, i) => sets.every((set) => set.has(index.digits[i])));
};

const load = (name) => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = new URL(name, folder);
  script.onload = resolve;
  script.onerror = () => reject(new Error(name));
  document.head.append(script);
});

const score = (entry) => {
  const title = plain(entry.title);
  const text = plain(entry.text);
  if (!words.every((word) => title.includes(word) || text.includes(word))) return 0;
  const phrase = words.join(" ");
  return 1 + 20 * title.includes(phrase) + 5 * text.includes(phrase)
    + words.reduce((sum, word) => sum + Math.min(text.split(word).length - 1, 5), 0);
};

const excerpt = (text) => {
  const at = plain(text).indexOf(words.find((word) => plain(text).includes(word)) ?? "");
  const from = Math.max(0, at - AROUND);
  const cut = text.slice(from, at + AROUND);
  return `${from ? "… " : ""}${cut}${at + AROUND < text.length ? " …" : ""}`;
};

const marked = (text) => {
  const paragraph = document.createElement("p");
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/[\u3400-\u9fff]/g,
    (character) => `[${character}${traditional.filter((_, i) => simplified[i] === character).join("")}]`));
  for (const piece of text.split(new RegExp(`(${escaped.join("|")})`, "i"))) {
    const node = words.includes(plain(piece)) ? document.createElement("mark") : null;
    if (node) node.textContent = piece;
    paragraph.append(node ?? piece);
  }
  return paragraph;
};

const show = () => {
  const found = searchTexts.map((entry) => [score(entry), entry])
    .filter(([points]) => points).sort((a, b) => b[0] - a[0]).slice(0, 50);
  status.textContent = found.length
    ? (found.length === 1 ? _(`1 section with “${query}”`) : _(`${found.length} sections with “${query}”`))
    : _(`Nothing found for “${query}”. Fewer words find more; the glossary has the terms in English and Chinese.`);
  for (const [, entry] of found) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = entry.url;
    link.textContent = entry.title;
    item.append(link);
    if (entry.page !== entry.title) item.append(_(` in ${entry.page}`));
    item.append(marked(excerpt(entry.text)));
    page.querySelector(".search-results").append(item);
  }
};

page.querySelector("input").value = query;
if (!query) {
  status.textContent = _("Type a word or a phrase, in English or Chinese.");
} else {
  status.textContent = _("Searching …");
  Promise.all(candidates().map(load)).then(show, () => {
    status.textContent = _("The texts could not be loaded. Is there a connection?");
  });
}
