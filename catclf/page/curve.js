// How the model learned: the costs of both splits against the iterations.

function showCurve() {
  const { train, test, lowest } = DATA.costs;
  if (train.length < 2) {
    fill("curve-text", create("p", {}, "The model's file records no costs along its training."));
    byId("costs").remove();
    return;
  }
  const most = Math.max(...[...train, ...test].map(([, cost]) => cost));
  const iterations = { name: "iteration", ticks: ticksUpTo(train.at(-1)[0]), text: String };
  const costs = chart("cost against iterations", iterations, {
    name: "cost J",
    ticks: ticksUpTo(most),
    text: String,
  });
  const [trainEnd, testEnd] = [train.at(-1), test.at(-1)];
  addLine(costs, train, "curve");
  addText(costs, trainEnd, "train", "curve");
  if (test.length) {
    addLine(costs, test, "other");
    addText(costs, testEnd, "test", "other");
    addPoint(costs, lowest, "other");
  }
  byId("costs").append(costs.root);
  const lines = [
    `The cost of the train split fell from ${decimal(train[0][1], 6)} to ${decimal(trainEnd[1], 6)} in ` +
      `${counted(trainEnd[0], "iteration")}.`,
  ];
  if (test.length) {
    const [at, cost] = lowest;
    lines.push(
      at === testEnd[0]
        ? `That of the test split is lowest at the end, ${decimal(cost, 6)}.`
        : `That of the test split was lowest, ${decimal(cost, 6)}, after ${counted(at, "iteration")} (the ` +
            `point), and ended at ${decimal(testEnd[1], 6)}: the iterations after it overfit.`,
    );
  }
  fill("curve-text", ...lines.map((line) => create("p", {}, line)));
}
