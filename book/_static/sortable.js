// Lets a reader sort a table of class "sortable" by a click on a column head, choose rows by a word, and
// open the note of a row. The order is told in aria-sort and drawn as an arrow; a bar under each number of
// parameters shows its logarithm. Without this script the table is complete, in its first order.
{
  const unit = { "": 1, M: 1e6, B: 1e9 };

  // A figure such as 1,320M or >100B counts as a number, anything else as text.
  const key = (cell) => {
    const text = cell.textContent.trim();
    const figure = text.match(/^>?(\d[\d,.]*)([MB]?)/);
    return figure ? Number(figure[1].replaceAll(",", "")) * unit[figure[2]] : text;
  };

  const rank = (value) => (value === "" ? 2 : typeof value === "string" ? 1 : 0);

  const collator = new Intl.Collator("en", { numeric: true });
  // Whichever way: numbers first, then texts, empty cells last.
  const compare = (a, b, way) => rank(a) - rank(b)
    || way * (typeof a === "number" ? a - b : collator.compare(a, b));

  // Each body of the table is one entry: a row, and the row below it if it has a note.
  const sort = (table, column, way) => {
    const entries = [...table.tBodies].map((body) => [key(body.rows[0].cells[column]), body]);
    entries.sort(([a], [b]) => compare(a, b, way));
    table.append(...entries.map(([, body]) => body));
  };

  // A box above the table; what is typed must stand in the entry, its note included.
  const filter = (table) => {
    const bodies = [...table.tBodies];
    const form = document.createElement("form");
    const words = document.createElement("input");
    const status = document.createElement("p");
    form.className = "filter";
    form.setAttribute("role", "search");
    form.setAttribute("aria-label", _("Choose models"));
    words.type = "search";
    words.placeholder = _("Llama, 2024, Apache …");
    words.setAttribute("aria-label", _("Name, year, license, or another word"));
    status.setAttribute("role", "status");
    form.append(words, status);
    const show = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const body of bodies) body.hidden = !wanted.every((word) => body.textContent.toLowerCase().includes(word));
      const shown = bodies.filter((body) => !body.hidden).length;
      status.textContent = _(`${shown} of ${bodies.length} are shown. The bars are logarithmic: ten times as many are one step longer.`);
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    show();
    table.parentElement.before(form);
  };

  // The second row of an entry, its note, waits behind a button in the first.
  const fold = (body) => {
    const [row, note] = body.rows;
    if (!note) return;
    const more = document.createElement("button");
    more.type = "button";
    more.className = "more";
    more.innerHTML = _(`source<span class="unseen"> of ${row.cells[0].firstElementChild.textContent}</span>`);
    const set = (open) => {
      note.hidden = !open;
      row.cells[0].rowSpan = open ? 2 : 1;
      more.setAttribute("aria-expanded", String(open));
    };
    more.addEventListener("click", () => set(note.hidden));
    row.cells[0].append(more);
    set(false);
  };

  const STEPS = 6; // powers of ten from a million to a trillion
  const bar = (cell) => {
    const value = key(cell);
    if (typeof value === "number") cell.style.setProperty("--size", Math.max(0, Math.log10(value / 1e6) / STEPS));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const size = heads.findIndex((head) => head.textContent === "parameters");
    for (const body of table.tBodies) {
      if (size > 0) bar(body.rows[0].cells[size]);
      fold(body);
    }
    filter(table);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      const arrow = document.createElement("span");
      button.type = "button";
      arrow.setAttribute("aria-hidden", "true");
      arrow.textContent = " ↕";
      button.append(...head.childNodes, arrow);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const way = head.ariaSort === "ascending" ? -1 : 1;
        for (const other of heads) {
          other.removeAttribute("aria-sort");
          other.querySelector("span").textContent = " ↕";
        }
        head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
        arrow.textContent = way === 1 ? " ↑" : " ↓";
        requestAnimationFrame(() => setTimeout(sort, 0, table, column, way)); // once the arrow is seen
      });
    });
  }
}
