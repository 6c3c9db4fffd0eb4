// How the model learned: the costs of both splits against the iterations.

function showCosts() {
  const { train, test, lowest } = DATA.costs;
  if (train.length < 2) {
    fill("costs-text", create("p", {}, "The model's file records no costs along its training."));
    byId("costs").remove();
    return;
  }
  const most = [...train, ...test].reduce((top, [, cost]) => Math.max(top, cost), 0);
  const costs = chart(
    "cost against iterations",
    { name: "iterations", ticks: ticksUpTo(train.at(-1)[0]) },
    { name: "cost J", ticks: ticksUpTo(most) },
  );
  drawCosts(costs, train, "train", "curve");
  if (test.length) {
    drawCosts(costs, test, "test", "other");
    addPoint(costs, lowest, "other");
  }
  byId("costs").append(costs.root);
  fill("costs-text", ...costSentences(train, test, lowest).map((line) => create("p", {}, line)));
}

function drawCosts(costs, points, name, kind) {
  addLine(costs, points, kind);
  const [at, cost] = points.at(-1);
  const place = { class: kind, "text-anchor": "end" };
  costs.root.append(text(costs.x(at), costs.y(cost) - 7, name, place));
}

function costSentences(train, test, lowest) {
  const { loss, l2, class_weight: classWeight } = DATA.model;
  const weighted = classWeight === "balanced" ? ", in which both classes count half" : "";
  const penalty = l2 > 0 ? `, plus the penalty ${l2} / 2 · |w|²` : "";
  const [first, end] = [train[0][1], train.at(-1)[1]];
  const sentences = [
    `J is the mean ${loss.replace("-", " ")}${weighted}${penalty}.`,
    `On the train split it went from ${decimal(first, 6)} to ${decimal(end, 6)} in ` +
      `${counted(train.at(-1)[0], "iteration")}.`,
  ];
  if (!test.length) return sentences;
  const [at, cost] = lowest;
  if (decimal(cost, 6) === decimal(test.at(-1)[1], 6)) {
    return [...sentences, `On the test split it ended at its lowest, ${decimal(cost, 6)}.`];
  }
  const trainThere = train.find(([iteration]) => iteration >= at)[1];
  const overfits = end < trainThere ? " From there on the model overfits." : "";
  return [
    ...sentences,
    `On the test split it was lowest, ${decimal(cost, 6)}, after ${counted(at, "iteration")} ` +
      `(the point), and ended at ${decimal(test.at(-1)[1], 6)}.${overfits}`,
  ];
}
