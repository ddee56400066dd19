// Lets a reader choose which records of the ledger to see: by verdict, and by a word in any of them.
// Without this script all records stand there, one below the other.
{
  const records = [...document.querySelectorAll(".record")];
  const groups = [...document.querySelectorAll(".cell")].filter((cell) => cell.querySelector(".record"));
  const order = ["holds", "holds if", "misleading", "false", "cannot be checked"];
  const verdicts = order.filter((verdict) => records.some((one) => one.dataset.verdict === verdict));

  const form = document.createElement("form");
  form.className = "filter";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", _("Choose claims"));
  const fieldset = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = _("Show claims whose verdict is");
  fieldset.append(legend);
  const boxes = verdicts.map((verdict) => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.value = verdict;
    const shape = records.find((one) => one.dataset.verdict === verdict).querySelector("h3 span");
    label.append(box, ` ${shape.textContent}${shape.nextSibling.textContent}`); // as the record says it
    fieldset.append(label);
    return box;
  });
  const words = document.createElement("input");
  words.type = "search";
  words.placeholder = _("and that mention …");
  words.setAttribute("aria-label", _("Word or phrase in the claim"));
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  form.append(fieldset, words, status);

  const show = () => {
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const phrase = words.value.trim().toLowerCase();
    let shown = 0;
    for (const record of records) {
      const fits = wanted.has(record.dataset.verdict) && record.textContent.toLowerCase().includes(phrase);
      record.hidden = !fits;
      shown += fits;
    }
    status.textContent = _(`${shown} of ${records.length} claims are shown.`);
  };
  // Whoever follows a link to a claim must find it.
  const reveal = () => {
    const record = location.hash && document.getElementById(location.hash.slice(1));
    if (!record?.hidden) return;
    for (const box of boxes) box.checked = true;
    words.value = "";
    show();
    record.scrollIntoView();
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", reveal);
  show();
  groups[0].closest("section").before(form);
}
