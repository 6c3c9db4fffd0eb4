// The threshold of two classes: a picture is predicted positive where a > t. Moving t moves every
// number here.

// The probabilities of the test pictures with a label, in ascending order.
function probabilitiesOf(label) {
  return TEST.probabilities.filter((_, i) => TEST.labels[i] === label).sort();
}

const TEST = TWO && DATA.test && {
  labels: bytesOf(DATA.test.labels),
  probabilities: floatsOf(DATA.test.probabilities),
};
const OF_NEGATIVES = TEST && probabilitiesOf(0);
const OF_POSITIVES = TEST && probabilitiesOf(1);

// How many of ascending values are above t; one that equals t is not.
function countAbove(values, t) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > t) high = middle;
    else low = middle + 1;
  }
  return values.length - low;
}

function ratio(part, whole) {
  return whole ? part / whole : null;
}

function countsAt(t) {
  const truePositives = countAbove(OF_POSITIVES, t);
  const falsePositives = countAbove(OF_NEGATIVES, t);
  const falseNegatives = OF_POSITIVES.length - truePositives;
  const trueNegatives = OF_NEGATIVES.length - falsePositives;
  return {
    truePositives,
    falsePositives,
    falseNegatives,
    trueNegatives,
    accuracy: (truePositives + trueNegatives) / TEST.labels.length,
    precision: ratio(truePositives, truePositives + falsePositives),
    recall: ratio(truePositives, OF_POSITIVES.length),
    recallOfNegatives: ratio(trueNegatives, OF_NEGATIVES.length),
    balancedAccuracy:
      OF_NEGATIVES.length && OF_POSITIVES.length
        ? (truePositives / OF_POSITIVES.length + trueNegatives / OF_NEGATIVES.length) / 2
        : null,
    f1: ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
  };
}

function showThreshold() {
  byId("threshold-text").append(
    "A picture is predicted ",
    named(POSITIVE),
    ", the positive class, where ",
    probabilityOf(POSITIVE),
    " is above the threshold.",
  );
  showRates();
  const line = drawHistogram();
  const curves = drawCurves();
  const slider = byId("threshold-slider");
  const move = () => showCounts(Number(slider.value), line, curves);
  slider.addEventListener("input", move);
  byId("threshold-reset").addEventListener("click", () => {
    slider.value = 0.5;
    move();
  });
  move();
}

function showCounts(t, line, curves) {
  const counts = countsAt(t);
  fill("threshold-value", t.toFixed(3));
  byId("threshold-slider").setAttribute("aria-valuetext", t.toFixed(3));
  line(t);
  curves(counts);
  const heading = (...text) => create("th", { scope: "col" }, ...text);
  const row = (label, right, wrong) =>
    create("tr", {}, create("th", { scope: "row" }, "label ", named(label)), right, wrong);
  const cell = (name, kind) =>
    create("td", { class: kind, "data-count": name }, String(counts[name]));
  fill(
    "confusion",
    create(
      "tr",
      {},
      create("td"),
      heading("predicted", create("br"), named(NEGATIVE)),
      heading("predicted", create("br"), named(POSITIVE)),
    ),
    row(NEGATIVE, cell("trueNegatives", "right"), cell("falsePositives", "wrong")),
    row(POSITIVE, cell("falseNegatives", "wrong"), cell("truePositives", "right")),
  );
  for (const cell of byId("rates").querySelectorAll("td")) {
    cell.textContent = percent(counts[cell.dataset.rate]);
  }
}

function showRates() {
  const rates = [
    [["accuracy"], "accuracy"],
    [["balanced accuracy"], "balancedAccuracy"],
    [["recall of ", named(NEGATIVE)], "recallOfNegatives"],
    [["recall of ", named(POSITIVE)], "recall"],
    [["precision of ", named(POSITIVE)], "precision"],
    [["F1 of ", named(POSITIVE)], "f1"],
  ];
  fill(
    "rates",
    ...rates.map(([name, key]) =>
      create(
        "tr",
        {},
        create("th", { scope: "row" }, ...name),
        create("td", { "data-rate": key }),
      ),
    ),
  );
}
