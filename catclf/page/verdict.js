// The verdict: the accuracy on the test split, or the balanced one, beside the constant's.

function showVerdict() {
  const { test, train } = DATA;
  const onTrain =
    train &&
    `Its accuracy on the ${counted(train.examples, "picture")} it was trained on is ${percent(train.accuracy)}.`;
  if (test === null) {
    const [headline, why] = [
      "How good the model is, is not known: the dataset has no test split",
      "Only pictures that it was not trained on can tell.",
    ];
    byId("accuracy").remove();
    return showWords(headline, [why, onTrain, otherData()]);
  }
  const isBalanced = test.judged.name === "balanced accuracy";
  fill("accuracy", accuracyBar(test.judged, isBalanced ? null : train));
  const headline = isBalanced ? balancedHeadline(test) : accuracyHeadline(test);
  return showWords(headline, [
    ...(test.majority_rate === 1
      ? [`All of them are of one class: nothing can be said of how the model tells the ${TWO ? "two" : "classes"} apart.`]
      : [test.verdict, advice(test)]),
    test.majority_rate < 1 && absentClasses(test),
    isBalanced && plainAccuracy(test),
    onTrain,
    test.also_in_train && alsoInTrain(test.also_in_train),
    test.unlike && unlikeTraining(test.unlike),
    otherData(),
    test.order &&
      `The model's file does not tell the order of its weights; ${test.order} fits these labels best.`,
  ]);
}

function accuracyHeadline({ correct, total, accuracy, majority_rate, majority_class }) {
  const right = `Right on ${correct} of ${counted(total, "test picture")}: ${percent(accuracy)}`;
  if (majority_rate === 1) return [right];
  return [`${right}; `, ...constantWords({ majority_rate, majority_class })];
}

function constantWords({ majority_rate, majority_class }) {
  return ["always answering ", named(majority_class), ` would be right on ${percent(majority_rate)}`];
}

function balancedHeadline({ total, judged: { value, constant } }) {
  return [
    `Balanced accuracy ${percent(value)} on ${counted(total, "test picture")}; ` +
      `always answering the same class would reach ${percent(constant)}`,
  ];
}

// What `catclf evaluate` advises.
function advice({ hint }) {
  const line = (hint ?? "").replace(/`(.+?)`/g, "--$1");
  const words = line.split(/(\S*-\S+)/).map((part, i) => (i % 2 ? unbroken(part) : part));
  return line && create("span", {}, ...words);
}

// What stands beside a balanced accuracy.
function plainAccuracy(test) {
  const { correct, total, accuracy, interval } = test;
  const [low, high] = interval.map(percent);
  return create(
    "span",
    {},
    `It was trained with balanced class weights, so that ${TWO ? "both" : "all"} classes count alike. Its accuracy is ` +
      `${percent(accuracy)} (${correct} of ${total}; 95\u00a0% interval ${low} to ${high}); `,
    ...constantWords(test),
    ".",
  );
}

const ABSENT_NAMED = 3;

// Where the model was never asked.
function absentClasses({ counts }) {
  const absent = CLASSES.filter((_, label) => counts[label] === 0);
  if (absent.length === 0) return null;
  const names = absent.slice(0, ABSENT_NAMED).flatMap((name, i) => [i ? ", " : "", named(name)]);
  const others = absent.length - ABSENT_NAMED;
  return create(
    "span",
    {},
    `Of ${absent.length} of the ${CLASSES.length} classes there is no test picture: `,
    ...names,
    others > 0 ? ` and ${others} more.` : ".",
  );
}

function alsoInTrain(count) {
  const are = count === 1 ? "picture is" : "pictures are";
  return `${count} test ${are} also in the train split, as a copy or near-copy.`;
}

function unlikeTraining(count) {
  const are = count === 1 ? "picture is" : "pictures are";
  const floor = NEIGHBORS.floor.toFixed(2);
  return `${count} test ${are} unlike the training pictures (similarity below ${floor}).`;
}

function otherData() {
  const { other_data: other, files } = DATA;
  if (other === null) return null;
  const which = other === files.dataset ? ", as it was then" : "";
  return create("span", {}, "The model was trained on other data: ", named(other), `${which}.`);
}

function showWords(headline, lines) {
  fill("headline", ...[headline].flat());
  fill("lines", ...lines.filter(Boolean).map((line) => create("p", {}, line)));
}

// A line from 0 to 100 %: what is judged and its interval, the constant's, the train accuracy.
function accuracyBar({ name, value, interval: [low, high], constant }, train) {
  const [width, middle] = [640, 52];
  const x = (fraction) => 40 + fraction * (width - 80);
  const label =
    `${name} ${percent(value)}, 95 % interval ${percent(low)} to ${percent(high)}, ` +
    `always answering the same class ${percent(constant)}`;
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
    svg("line", { class: "constant", x1: x(constant), x2: x(constant), y1: 32, y2: 72 }),
  );
  const key = [
    ["constant", "▎always the same answer"],
    ["test", name === "accuracy" ? "● test" : `● test, ${name}`],
  ];
  if (train !== null) {
    root.append(svg("circle", { class: "train", cx: x(train.accuracy), cy: middle, r: 6 }));
    key.push(["train", "○ train"]);
  }
  root.append(svg("circle", { class: "test", cx: x(value), cy: middle, r: 7 }));
  const texts = key.map(([kind, words]) => svg("tspan", { class: kind, dx: 10 }, words));
  root.append(svg("text", { x: x(0) - 10, y: 22 }, ...texts));
  return root;
}
