// The threshold: a picture is predicted positive where a > t. Moving t moves every number here.

// The probabilities of the test pictures with a label, in ascending order.
function probabilitiesOf(label) {
  return TEST.probabilities.filter((_, i) => TEST.labels[i] === label).sort();
}

const TEST = DATA.test && {
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
    f1: ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
  };
}

function showThreshold() {
  byId("threshold-text").append(
    "A picture is predicted ",
    named(POSITIVE),
    " where P(",
    named(POSITIVE),
    ") is above the threshold. ",
  );
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
      heading("predicted ", named(NEGATIVE)),
      heading("predicted ", named(POSITIVE)),
    ),
    row(NEGATIVE, cell("trueNegatives", "right"), cell("falsePositives", "wrong")),
    row(POSITIVE, cell("falseNegatives", "wrong"), cell("truePositives", "right")),
  );
  const rates = [
    [["accuracy"], "accuracy"],
    [["recall of ", named(NEGATIVE)], "recallOfNegatives"],
    [["recall of ", named(POSITIVE)], "recall"],
    [["precision"], "precision"],
    [["F1"], "f1"],
  ];
  fill(
    "rates",
    ...rates.map(([name, key]) =>
      create(
        "tr",
        {},
        create("th", { scope: "row" }, ...name),
        create("td", { "data-rate": key }, percent(counts[key])),
      ),
    ),
  );
}

// The probabilities by label, positives upwards; returns what moves the line of the threshold.
function drawHistogram() {
  const [width, height, bins, middle] = [640, 190, 20, 95];
  const x = (p) => 16 + p * (width - 32);
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    class: "bar histogram",
    role: "img",
  });
  root.setAttribute("aria-label", "how many test pictures have each probability, by label");
  const counted = [OF_NEGATIVES, OF_POSITIVES].map((values) => {
    const counts = new Array(bins).fill(0);
    values.forEach((a) => (counts[Math.min(bins - 1, Math.floor(a * bins))] += 1));
    return counts;
  });
  const most = Math.max(...counted.flat());
  for (let k = 0; k < bins; k++) {
    const [down, up] = counted.map((counts) => (counts[k] / most) * 70);
    const at = { x: x(k / bins) + 1, width: (width - 32) / bins - 2 };
    root.append(svg("rect", { ...at, class: "positives", y: middle - up, height: up }));
    root.append(svg("rect", { ...at, class: "negatives", y: middle, height: down }));
  }
  const line = svg("line", { class: "threshold", y1: 10, y2: 172 });
  root.append(
    svg("line", { class: "axis", x1: x(0), x2: x(1), y1: middle, y2: middle }),
    svg("text", { x: x(0), y: 20 }, `▲ label ${POSITIVE}`),
    svg("text", { x: x(0), y: height - 6 }, `▼ label ${NEGATIVE}`),
    svg("text", { x: x(1), y: height - 6, "text-anchor": "end" }, "probability 1"),
    line,
  );
  byId("histogram").append(root);
  return (t) => {
    line.setAttribute("x1", x(t));
    line.setAttribute("x2", x(t));
  };
}

// ROC and precision-recall; returns what moves their points.
function drawCurves() {
  if (!OF_NEGATIVES.length || !OF_POSITIVES.length) {
    fill(
      "roc",
      create("p", { class: "soft" }, "The test split holds one class only: there are no curves."),
    );
    byId("precision-recall").remove();
    return () => {};
  }
  const thresholds = [...new Set(TEST.probabilities)].sort((a, b) => b - a);
  const points = thresholds.map(countsAt);
  const roc = chart("ROC curve", fractions("false positive rate"), fractions("recall"));
  addLine(
    roc,
    [
      [0, 0],
      [1, 1],
    ],
    "chance",
  );
  const rocPoints = points.map(({ recall, recallOfNegatives }) => [1 - recallOfNegatives, recall]);
  addLine(roc, thinned([...rocPoints, [1, 1]]), "curve");
  const recalled = chart("precision against recall", fractions("recall"), fractions("precision"));
  const share = OF_POSITIVES.length / TEST.labels.length;
  addLine(
    recalled,
    [
      [0, share],
      [1, share],
    ],
    "chance",
  );
  const known = points.filter(({ precision }) => precision !== null);
  addLine(
    recalled,
    thinned([...known.map(({ recall, precision }) => [recall, precision]), [1, share]]),
    "curve",
  );
  byId("roc").append(figure(`ROC curve; area ${decimal(DATA.test.auc)}`, roc.root));
  byId("precision-recall").append(figure("precision and recall", recalled.root));
  const rocPoint = addPoint(roc, [0, 0], "now");
  const recalledPoint = addPoint(recalled, [0, 0], "now");
  return ({ recall, recallOfNegatives, precision }) => {
    movePoint(rocPoint, roc, [1 - recallOfNegatives, recall]);
    recalledPoint.classList.toggle("undefined", precision === null);
    movePoint(recalledPoint, recalled, [recall, precision ?? 0]);
  };
}

function movePoint(point, { x, y }, [px, py]) {
  point.setAttribute("cx", x(px));
  point.setAttribute("cy", y(py));
}
