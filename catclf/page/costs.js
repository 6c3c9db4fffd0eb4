// How the model learned: the cost on the train split, and the log loss on the test split.

function showCosts() {
  const { train, test, lowest } = DATA.costs;
  if (train.length < 2) {
    fill("costs-text", create("p", {}, "The model's file records no costs along its training."));
    byId("costs").remove();
    return;
  }
  const most = [...train, ...test].reduce((top, [, cost]) => Math.max(top, cost), 0);
  const name = test.length ? "cost J, log loss" : "cost J";
  const costs = chart(
    `${name} against iterations`,
    { name: "iterations", ticks: ticksUpTo(train.at(-1)[0]) },
    { name, ticks: ticksUpTo(most) },
  );
  const keys = [create("span", { class: "key curve" }, "train split: cost J")];
  addLine(costs, train, "curve");
  if (test.length) {
    addLine(costs, test, "other");
    if (lowest !== null) addPoint(costs, lowest, "other");
    keys.push(create("span", { class: "key other" }, "test split: log loss"));
  }
  byId("costs").append(create("p", { class: "keys" }, ...keys), costs.root);
  fill("costs-text", ...costSentences().map((line) => create("p", {}, line)));
}

function costSentences() {
  const { train, test, asked } = DATA.costs;
  const { loss, l2, class_weight: classWeight, cost_is_log_loss: isLogLoss } = DATA.model;
  const mean = { "cross-entropy": "cross-entropy", "squared-error": "squared error, halved" }[loss];
  const weighted = classWeight === "balanced" ? `, in which ${TWO ? "both classes count half" : "all classes count alike"}` : "";
  const lambda = /e/.test(l2) ? inPowers(String(l2)) : l2;
  const penalty = l2 > 0 ? `, plus the penalty ${lambda} / 2 · |w|²` : "";
  const [first, [iterations, end]] = [train[0][1], train.at(-1)];
  return [
    `The cost J is the mean ${mean}${weighted}${penalty}${isLogLoss ? ": the log loss" : ""}.`,
    `On the train split it went from ${decimal(first, 6)} to ${decimal(end, 6)} in ` +
      `${counted(iterations, "iteration")}.`,
    asked && `The training was interrupted: ${counted(asked, "iteration")} were asked for.`,
    ...(test.length ? logLossSentences(isLogLoss) : []),
    DATA.other_data !== null && "Both splits are those of the data that the model was trained on.",
  ].filter(Boolean);
}

function logLossSentences(isCost) {
  const { test, lowest } = DATA.costs;
  const notes = isCost
    ? []
    : ["The log loss is another measure than this cost: compare each curve with itself only."];
  const end = decimal(test.at(-1)[1], 6);
  if (lowest === null) return [`On the test split the log loss ended at ${end}.`, ...notes];
  const [at, least] = [lowest[0], decimal(lowest[1], 6)];
  if (end === least) {
    return [`On the test split the log loss ended at its lowest, ${end}.`, ...notes];
  }
  if (isCost && overfits()) {
    notes.push("From there on it rose while the cost on the train split fell: the model overfits.");
  }
  return [
    `On the test split the log loss was lowest, ${least}, after ${counted(at, "iteration")} ` +
      `(the point), and ended at ${end}.`,
    ...notes,
  ];
}

// Whether, after its lowest, the log loss only rose, by more than 1 %, and the cost only fell.
function overfits() {
  const { train, test, lowest } = DATA.costs;
  const [at, least] = lowest;
  const after = (curve) => curve.filter(([i]) => i >= at).map(([, value]) => value);
  const [losses, costs] = [after(test), after(train)];
  const grows = (values) => values.every((value, i) => i === 0 || value > values[i - 1]);
  return (
    at > 0 &&
    losses.length > 3 &&
    losses.at(-1) > 1.01 * least &&
    grows(losses) &&
    grows(costs.map((cost) => -cost)) &&
    DATA.test?.majority_rate < 1
  );
}
