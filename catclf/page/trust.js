// Can the probabilities be trusted: how often pictures with about equal ones are positive.

function showTrust() {
  const bins = DATA.test.calibration;
  const reliability = chart(
    "reliability diagram",
    fractions("mean probability"),
    fractions("fraction of positives"),
  );
  addSegment(reliability, [0, 0], [1, 1], "chance");
  for (const {
    probability,
    fraction,
    interval: [low, high],
  } of bins) {
    addSegment(reliability, [probability, low], [probability, high], "spread");
    addPoint(reliability, [probability, fraction], "bin");
  }
  byId("reliability").append(reliability.root);
  const { log_loss: logLoss, constant_log_loss: constant } = DATA.test;
  const share = `the log loss of always predicting the fraction of each class, ${decimal(constant)}.`;
  const isBelow = logLoss !== null && logLoss < constant && decimal(logLoss) !== decimal(constant);
  fill(
    "trust-text",
    create(
      "p",
      {},
      `The test pictures in the order of their probability, divided into ${counted(bins.length, "group")} of `,
      `about ${counted(bins[0].count, "picture")}. Where the probabilities are right, the fraction of `,
      named(POSITIVE),
      " in a group is its mean probability: a point on the dashed line. The bars are 95 % intervals.",
    ),
    create(
      "p",
      {},
      constant === 0
        ? `Log loss ${decimal(logLoss)}. The test split holds one class only: there is no constant to compare with.`
        : `Log loss ${decimal(logLoss)}, ${isBelow ? "below" : "not below"} ${share}`,
    ),
  );
}
