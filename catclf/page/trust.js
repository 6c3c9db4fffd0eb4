// Can the probabilities be trusted: how often pictures with about equal ones are positive; of more
// than two classes, how often those with about equal ones of the predicted class are right.

function showTrust() {
  const bins = DATA.test.calibration;
  const reliability = chart(
    "reliability diagram",
    fractions("mean probability"),
    fractions(TWO ? "fraction of positives" : "fraction predicted right"),
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
  fill(
    "trust-text",
    create(
      "p",
      {},
      "The test pictures, in the order of ",
      TWO ? probabilityOf(POSITIVE) : "the probability of the predicted class",
      `, are divided into ${counted(bins.length, "group")} of about ${counted(bins[0].count, "picture")}. `,
      "A point is a group: its mean probability, and the fraction ",
      ...(TWO ? ["of ", named(POSITIVE), " in it"] : ["of it that is predicted right"]),
      ". Where the two are equal it lies on the dashed line. The bars are 95\u00a0% intervals of the fraction.",
    ),
    create("p", {}, ...logLossWords()),
    DATA.model.class_weight === "balanced"
      ? create(
          "p",
          {},
          `With balanced class weights the model learns as if ${TWO ? "both" : "all"} classes were ` +
            "equally frequent: where they are not, its probabilities of the rarer " +
            `${TWO ? "one" : "ones"} tend to be too high.`,
        )
      : "",
    NEIGHBORS === null ? "" : create("p", {}, beyondWords()),
  );
}

// What no test split tells.
function beyondWords() {
  return (
    "All this holds for pictures of the kind that the test split has. Of one that is unlike the " +
    "training pictures, with a similarity below " +
    `${NEIGHBORS.floor.toFixed(2)}, the model may be sure and wrong.`
  );
}

function logLossWords() {
  const { log_loss: logLoss, constant_log_loss: constant } = DATA.test;
  const text = `The log loss is ${logLoss === null ? "infinite" : decimal(logLoss)}`;
  if (constant === 0) {
    return [`${text}. The test split holds one class only: there is nothing to compare it with.`];
  }
  const isBelow = logLoss !== null && logLoss < constant;
  const alike = logLoss !== null && decimal(logLoss) === decimal(constant);
  const than = alike ? "as high as" : isBelow ? "below" : "above";
  const held = `${text}, ${than} ${decimal(constant)}, that of`;
  if (!TWO) {
    return [`${held} the same probabilities for every picture: the fractions of the classes in the test split.`];
  }
  return [
    `${held} one probability for every picture: the fraction of `,
    named(POSITIVE),
    ` in the test split, ${percent(OF_POSITIVES.length / TEST.labels.length)}.`,
  ];
}
