// The verdict: the accuracy on the test split, beside what the constant reaches.

function showVerdict() {
  const { test, train } = DATA;
  const onTrain =
    train &&
    `On the ${counted(train.examples, "picture")} it was trained on it is right on ${percent(train.accuracy)}.`;
  if (test === null) {
    const [headline, why] = [
      "How good the model is, is not known: the dataset has no test split",
      "Only pictures that it was not trained on can tell.",
    ];
    return showWords(headline, [why, onTrain]);
  }
  fill("accuracy", accuracyBar(test, train));
  const {
    correct,
    total,
    accuracy,
    interval,
    majority_rate: constant,
    majority_class: majority,
  } = test;
  const right = `Right on ${correct} of ${counted(total, "test picture")}: ${percent(accuracy)}`;
  if (constant === 1) {
    const why =
      "All of them are of one class: nothing can be said of how the model tells the two apart.";
    return showWords(right, [why, onTrain]);
  }
  const headline = [
    `${right}; always answering `,
    named(majority),
    ` would be right on ${percent(constant)}`,
  ];
  const [low, high] = interval;
  const range = `the 95 % interval of its accuracy, ${percent(low)} to ${percent(high)}`;
  let verdict = `The model is not surely better than that: ${range}, does not lie above it.`;
  if (test.surely_better)
    verdict = `The model is surely better than that: ${range}, lies above it.`;
  if (high < constant) verdict = `The model is surely worse than that: ${range}, lies below it.`;
  return showWords(headline, [
    verdict,
    onTrain,
    test.also_in_train && `Test pictures in the train split too, or nearly: ${test.also_in_train}.`,
    test.other_data && `The model was trained on other data: ${test.other_data}.`,
    test.order &&
      `The model's file does not tell the order of its weights; ${test.order} fits these labels best.`,
  ]);
}

function showWords(headline, lines) {
  fill("headline", ...[headline].flat());
  fill("lines", ...lines.filter(Boolean).map((line) => create("p", {}, line)));
}

// A line from 0 to 100 %: the interval of the test accuracy, the train accuracy, the constant's.
function accuracyBar({ accuracy, interval: [low, high], majority_rate: majority }, train) {
  const [width, middle] = [640, 52];
  const x = (fraction) => 40 + fraction * (width - 80);
  const label =
    `accuracy ${percent(accuracy)}, interval ${percent(low)} to ${percent(high)}, ` +
    `majority class ${percent(majority)}`;
  const root = svg("svg", {
    viewBox: `0 0 ${width} 96`,
    class: "bar",
    role: "img",
    "aria-label": label,
  });
  root.append(svg("line", { class: "axis", x1: x(0), x2: x(1), y1: middle, y2: middle }));
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    root.append(
      svg("line", { class: "axis", x1: x(tick), x2: x(tick), y1: middle, y2: middle + 20 }),
    );
    root.append(text(x(tick), 90, `${100 * tick} %`));
  }
  root.append(
    svg("rect", {
      class: "interval",
      x: x(low),
      y: middle - 7,
      width: x(high) - x(low),
      height: 14,
      rx: 7,
    }),
    svg("line", { class: "constant", x1: x(majority), x2: x(majority), y1: 32, y2: 72 }),
  );
  const key = [
    ["constant", "▎constant"],
    ["test", "● test"],
  ];
  if (train !== null) {
    root.append(svg("circle", { class: "train", cx: x(train.accuracy), cy: middle, r: 6 }));
    key.push(["train", "○ train"]);
  }
  root.append(svg("circle", { class: "test", cx: x(accuracy), cy: middle, r: 7 }));
  const texts = key.map(([kind, words]) => svg("tspan", { class: kind, dx: 10 }, words));
  root.append(svg("text", { x: x(0) - 10, y: 22 }, ...texts));
  return root;
}
