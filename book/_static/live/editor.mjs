// An editor for one cell: a text field over the code, which is colored anew as one types.
const KEYWORDS = "and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield False None True";
const BUILTINS = "abs all any bool dict enumerate float int len list map max min next open print range repr reversed round set sorted str sum tuple type zip";
const TOKEN = new RegExp(
  String.raw`(?<c1>#[^\n]*)|(?<s1>\b[rbfu]{0,2}(?:"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')` +
  String.raw`|"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')` +
  String.raw`|(?<mi>\b\d[\w.]*)|(?<k>\b(?:${KEYWORDS.replaceAll(" ", "|")})\b)` +
  String.raw`|(?<nb>\b(?:${BUILTINS.replaceAll(" ", "|")})\b)`, "g");

const paint = (pre, text) => {
  pre.replaceChildren();
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    pre.append(text.slice(at, match.index));
    const span = document.createElement("span");
    span.className = Object.keys(match.groups).find((kind) => match.groups[kind] !== undefined);
    span.textContent = match[0];
    pre.append(span);
    at = match.index + match[0].length;
  }
  pre.append(text.slice(at));
  if (text.endsWith("\n") || !text) pre.append("\u200b"); // a last empty line has a height
};

// Open the editor; `close` of the field that is returned puts the page's own code back.
export const open = (pre, text, label, run) => {
  const own = [...pre.childNodes];
  const box = document.createElement("div");
  box.className = "live-editor";
  const field = document.createElement("textarea");
  field.setAttribute("aria-label", label);
  Object.assign(field, { value: text, wrap: "off", spellcheck: false, autocapitalize: "off", autocomplete: "off" });
  pre.before(box);
  box.append(pre, field);
  paint(pre, text);
  field.addEventListener("input", () => paint(pre, field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      event.preventDefault();
      run();
      return;
    }
    const line = field.value.slice(0, field.selectionStart).split("\n").pop();
    const indent = line.match(/^ */)[0] + (/:\s*$/.test(line) ? "    " : "");
    if (!indent) return;
    event.preventDefault();
    document.execCommand("insertText", false, `\n${indent}`); // can be undone, unlike setRangeText
  });
  field.close = () => {
    pre.replaceChildren(...own);
    box.replaceWith(pre);
  };
  return field;
};
