// Which of more than two classes are taken for which: the confusion matrix, or of many classes the
// most confused pairs. A number that is chosen shows its pictures.

const BUTTONS = new Map(); // by cell

function showConfused() {
  const { cells, is_matrix: isMatrix, confused_pairs: pairs } = DATA.test;
  fill(
    "confused-text",
    isMatrix
      ? "The confusion matrix has a row for each label and a column for each predicted class. "
      : "These are the pairs of label and predicted class that are confused most often" +
          (cells.length < pairs ? `, ${cells.length} of ${pairs}. ` : ". "),
    "Choose a number to see its pictures. The stronger its color, the larger its part of the " +
      "pictures of that label.",
  );
  byId("cells").append(
    create("div", { class: isMatrix ? "scrolled" : "scrolled high" }, isMatrix ? matrix() : pairTable()),
  );
  showClassRates();
  const [cell] = cells; // the most frequent mistake, if there is one
  if (cell !== undefined) return chooseCell(cell);
  fill("cell-heading", "No test picture is predicted wrong.");
  fill("confused-text");
  fill("cells");
}

function matrix() {
  const { cells, counts } = DATA.test;
  const found = new Map(cells.map((cell) => [cell.label * CLASSES.length + cell.predicted, cell]));
  const row = (name, label) =>
    create(
      "tr",
      {},
      create("th", { scope: "row" }, clipped(name)),
      ...CLASSES.map((_, predicted) => {
        const cell = found.get(label * CLASSES.length + predicted);
        return create("td", {}, cell ? cellButton(cell) : create("span", { class: "soft" }, "0"));
      }),
    );
  const table = create(
    "table",
    { class: "matrix" },
    create("caption", {}, "Confusion matrix"),
    create(
      "thead",
      {},
      create(
        "tr",
        {},
        create("td"),
        ...CLASSES.map((name) =>
          create("th", { scope: "col" }, create("bdi", { class: "upright", title: name }, name)),
        ),
      ),
    ),
    create("tbody", {}, ...CLASSES.map(row)),
  );
  table.style.setProperty("--classes", CLASSES.length);
  table.style.setProperty("--digits", String(Math.max(...counts)).length);
  return table;
}

function headings(...texts) {
  const heads = texts.map((text) => create("th", { scope: "col" }, text));
  return create("thead", {}, create("tr", {}, ...heads));
}

function pairTable() {
  return create(
    "table",
    { class: "pair-table" },
    headings("label", "predicted", "pictures", "of the label"),
    create(
      "tbody",
      {},
      ...DATA.test.cells.map((cell) =>
        create(
          "tr",
          {},
          create("th", { scope: "row" }, clipped(CLASSES[cell.label])),
          create("td", {}, clipped(CLASSES[cell.predicted])),
          create("td", {}, cellButton(cell)),
          create("td", {}, percent(shareOf(cell))),
        ),
      ),
    ),
  );
}

function shareOf({ label, count }) {
  return count / DATA.test.counts[label];
}

function cellButton(cell) {
  const { label, predicted, count } = cell;
  const isRight = label === predicted;
  const button = create(
    "button",
    {
      type: "button",
      class: isRight ? "cell right" : "cell wrong",
      "aria-pressed": "false",
      "aria-label": cellWords(cell)
        .map((part) => part.textContent ?? part)
        .join(""),
    },
    String(count),
  );
  button.style.setProperty("--share", shareOf(cell));
  button.addEventListener("click", () => chooseCell(cell));
  BUTTONS.set(cell, button);
  return button;
}

// Such as "cat predicted as dog", or "cat predicted right".
function pairWords({ label, predicted }) {
  const how = label === predicted ? [" predicted right"] : [" predicted as ", named(CLASSES[predicted])];
  return [named(CLASSES[label]), ...how];
}

function cellWords(cell) {
  return [...pairWords(cell), `: ${counted(cell.count, "test picture")}`];
}

function chooseCell(cell) {
  for (const [each, button] of BUTTONS) button.setAttribute("aria-pressed", String(each === cell));
  const { label, predicted, count, pictures } = cell;
  const part = pictures.length < count ? `, ${pictures.length} shown` : "";
  fill("cell-heading", ...cellWords(cell), part);
  fill(
    "cell-pictures",
    ...pictures.map(({ name, jpeg, of_predicted: ofPredicted, of_label: ofLabel }) =>
      figure(
        [
          probabilityOf(CLASSES[predicted], ` = ${ofPredicted.toFixed(4)}`),
          " ",
          ...(label === predicted
            ? []
            : [probabilityOf(CLASSES[label], ` = ${ofLabel.toFixed(4)}`), " "]),
          create("span", { class: "name" }, named(name)),
        ],
        jpegCanvas(jpeg, name),
      ),
    ),
  );
}

// Recall, precision and F1 of each class, the lowest recall first, and their means.
function showClassRates() {
  const { counts, rates, macro } = DATA.test;
  const names = ["recall", "precision", "f1"];
  const order = [...CLASSES.keys()].sort(
    (i, j) => (rates.recall[i] ?? 2) - (rates.recall[j] ?? 2), // those without pictures last
  );
  const row = (name, count, rateOf) =>
    create(
      "tr",
      {},
      create("th", { scope: "row" }, name, create("small", {}, counted(count, "picture"))),
      ...names.map((rate) => create("td", { "data-rate": rate }, percent(rateOf(rate)))),
    );
  const table = create(
    "table",
    { class: "class-rates" },
    create("caption", {}, "Each class, the lowest recall first"),
    headings("class", "recall", "precision", "F1"),
    create(
      "tbody",
      {},
      ...order.map((label) => row(clipped(CLASSES[label]), counts[label], (rate) => rates[rate][label])),
    ),
    create("tfoot", {}, row("macro average", DATA.test.total, (rate) => macro[rate])),
  );
  byId("class-rates").append(
    create(
      "p",
      {},
      "The balanced accuracy, the mean of the recalls, is " +
        (macro.recall === null
          ? "not defined: of some classes there is no test picture."
          : `${percent(macro.recall)}.`),
    ),
    create(
      "div",
      { class: "scrolled high", role: "region", "aria-label": "Rates of each class", tabindex: 0 },
      table,
    ),
  );
}
