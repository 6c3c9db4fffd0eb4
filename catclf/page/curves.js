// What the threshold moves along: the probabilities by label, the ROC curve, and precision-recall.

// Positives upwards, negatives downwards; returns what moves the line of the threshold. Its axes
// are text beside it: it is stretched to the slider's width.
function drawHistogram() {
  const [width, height, bins] = [640, 150, 20];
  const middle = height / 2;
  const x = (p) => p * width;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "histogram", role: "img" });
  root.setAttribute("preserveAspectRatio", "none");
  root.setAttribute("aria-label", "how many test pictures have each probability, by label");
  const [negatives, positives] = [OF_NEGATIVES, OF_POSITIVES].map((values) => {
    const counts = new Array(bins).fill(0);
    values.forEach((a) => (counts[Math.min(bins - 1, Math.floor(a * bins))] += 1));
    return counts;
  });
  const most = ticksUpTo(Math.max(...negatives, ...positives)).at(-1);
  const heightOf = (count) => (count / most) * middle;
  for (let k = 0; k < bins; k++) {
    const bar = { x: x(k / bins) + 1, width: width / bins - 2 };
    const up = heightOf(positives[k]);
    root.append(
      svg("rect", { ...bar, class: "positives", y: middle - up, height: up }),
      svg("rect", { ...bar, class: "negatives", y: middle, height: heightOf(negatives[k]) }),
    );
  }
  const line = svg("line", { class: "threshold", y1: 0, y2: height });
  root.append(svg("line", { class: "axis", x1: x(0), x2: x(1), y1: middle, y2: middle }), line);
  fill(
    "histogram",
    create("p", { class: "positives" }, "▲ test pictures with label ", named(POSITIVE)),
    root,
    ...[most, 0, most].map((count) => create("span", { class: "count" }, String(count))),
    create("div", { class: "ticks" }, ...fractions("").ticks.map(tickAt)),
    create("p", { class: "soft ticks-name" }, probabilityOf(POSITIVE), `, in ${bins} bins`),
    create("p", { class: "negatives" }, "▼ test pictures with label ", named(NEGATIVE)),
  );
  return (t) => {
    line.setAttribute("x1", x(t));
    line.setAttribute("x2", x(t));
  };
}

function tickAt(fraction) {
  const tick = create("span", {}, String(fraction));
  tick.style.left = `${100 * fraction}%`;
  return tick;
}

// ROC and precision-recall; returns what moves their points.
function drawCurves() {
  if (!OF_NEGATIVES.length || !OF_POSITIVES.length) {
    const why = "The test split holds one class only: there are no curves.";
    fill("roc", create("p", { class: "soft" }, why));
    byId("precision-recall").remove();
    return () => {};
  }
  const thresholds = [...new Set(TEST.probabilities)].sort((a, b) => b - a);
  const points = thresholds.map(countsAt);
  const roc = chart("ROC curve", fractions("false positive rate"), fractions("true positive rate"));
  addSegment(roc, [0, 0], [1, 1], "chance");
  const rates = points.map(({ recall, recallOfNegatives }) => [1 - recallOfNegatives, recall]);
  addLine(roc, thinned([...rates, [1, 1]]), "curve");
  byId("roc").append(figure(`ROC curve, AUC = ${decimal(DATA.test.auc)}`, roc.root));

  const tradeOff = chart("precision-recall curve", fractions("recall"), fractions("precision"));
  const fractionPositive = OF_POSITIVES.length / TEST.labels.length;
  addSegment(tradeOff, [0, fractionPositive], [1, fractionPositive], "chance");
  const defined = points.filter(({ precision }) => precision !== null);
  const pairs = defined.map(({ recall, precision }) => [recall, precision]);
  addLine(tradeOff, thinned([...pairs, [1, fractionPositive]]), "curve");
  byId("precision-recall").append(figure("precision-recall curve", tradeOff.root));

  const rocPoint = addPoint(roc, [0, 0], "now");
  const tradeOffPoint = addPoint(tradeOff, [0, 0], "now");
  return ({ recall, recallOfNegatives, precision }) => {
    movePoint(rocPoint, roc, [1 - recallOfNegatives, recall]);
    tradeOffPoint.classList.toggle("undefined", precision === null);
    movePoint(tradeOffPoint, tradeOff, [recall, precision ?? 0]);
  };
}

function movePoint(point, { x, y }, [px, py]) {
  point.setAttribute("cx", x(px));
  point.setAttribute("cy", y(py));
}
