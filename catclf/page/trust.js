// Can the probabilities be trusted: how often pictures with about equal ones are positive.

function showTrust() {
  const bins = DATA.test.calibration;
  const reliability = chart(
    "fraction of positives against mean probability",
    fractions("mean probability"),
    fractions("fraction positive"),
  );
  addLine(
    reliability,
    [
      [0, 0],
      [1, 1],
    ],
    "chance",
  );
  for (const {
    probability,
    fraction,
    interval: [low, high],
  } of bins) {
    addLine(
      reliability,
      [
        [probability, low],
        [probability, high],
      ],
      "spread",
    );
    addPoint(reliability, [probability, fraction], "bin");
  }
  byId("reliability").append(reliability.root);
  const sizes = bins.map(({ count }) => count);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const each = least === most ? counted(most, "picture") : `${least} or ${most} pictures`;
  const { log_loss: logLoss, constant_log_loss: constant } = DATA.test;
  fill(
    "trust-text",
    create(
      "p",
      {},
      "The test pictures in the order of their probability, in groups of ",
      each,
      ". Of those with a probability near 0.8, eight in ten should be ",
      named(POSITIVE),
      ": on the dashed line. The bars are 95 % intervals.",
    ),
    create(
      "p",
      {},
      `Log loss ${decimal(logLoss)}; always predicting the fraction of each class: ${decimal(constant)}. `,
      logLoss < constant
        ? "These probabilities are better than that."
        : "Predicting the fractions is better than these probabilities.",
    ),
  );
}
