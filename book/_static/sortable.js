// Lets a reader sort a table of class "sortable" by a click on a column head. The order is told in
// aria-sort and drawn as an arrow. Without this script the table is complete, in its first order.
{
  const unit = { "": 1, M: 1e6, B: 1e9 };

  // A figure such as 1,320M or >100B counts as a number, anything else as text.
  const key = (cell) => {
    const text = cell.textContent.trim();
    const figure = text.match(/^>?(\d[\d,.]*)([MB]?)/);
    return figure ? Number(figure[1].replaceAll(",", "")) * unit[figure[2]] : text;
  };

  const rank = (value) => (value === "" ? 2 : typeof value === "string" ? 1 : 0);

  // Whichever way: numbers first, then texts, empty cells last.
  const compare = (a, b, way) => rank(a) - rank(b)
    || way * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));

  // Each body of the table is one entry: a row, and the row below it if it has a note.
  const sort = (table, column, way) => {
    const entries = [...table.tBodies].map((body) => [key(body.rows[0].cells[column]), body]);
    entries.sort(([a], [b]) => compare(a, b, way));
    table.append(...entries.map(([, body]) => body));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
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
        sort(table, column, way);
      });
    });
  }
}
