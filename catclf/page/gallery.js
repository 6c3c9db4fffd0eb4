// Test pictures, wrong ones and right ones, the most probable answers first; of more than two
// classes the wrong ones by pairs of label and predicted class. Each has a map of what its places
// add to z, of more than two classes that of the predicted class; those of a backbone where it is
// known, and their nearest training pictures.

const TWO_GRIDS =
  " This model sees edges and colors, so there are two grids. " +
  `Edges: ${SQUARES.edges}. Colors: ${SQUARES.colors}.`;

function showGalleries() {
  byId("mistakes-text").append(...(OF_BACKBONE ? backboneWords() : evidenceWords()));
  const { wrong, right, total, correct } = DATA.test;
  fill("wrong-heading", shownOf("wrong", wrong.length, total - correct));
  fill("right-heading", shownOf("right", right.length, correct));
  if (!HAS_BLOCKS) byId("detail")?.remove();
  for (const input of document.querySelectorAll("#mistakes input")) {
    input.addEventListener("change", drawGalleries);
  }
  drawGalleries();
}

function evidenceWords() {
  return [
    "Beside each picture is its evidence, what its places add to z: ",
    colorKey(),
    `.${FEATURES === "pixels" ? "" : TWO_GRIDS} `,
  ];
}

function backboneWords() {
  const { wrong, right, missing_evidence: missing } = DATA.test;
  const shown = [...wrong, ...right];
  const words = [];
  if (shown.some(({ evidence }) => evidence !== null)) {
    words.push(
      `Each picture ${missing.length ? "whose evidence is known " : ""}stands twice, the second ` +
        "time in gray with its evidence over it, what its places add to z: ",
      colorKey(),
      ". ",
    );
  }
  if (DATA.preprocessing.places === null) {
    words.push(
      "There is no evidence by place: the output of this network is not a map of the picture. ",
    );
  }
  words.push(...missing.map((each) => `${sentence(each)} `));
  if (NEIGHBORS !== null) {
    words.push(
      `Below each picture are its nearest training pictures, of the ${NEIGHBORS.names.length} that ` +
        "the model keeps. Where its similarity to these is below " +
        `${NEIGHBORS.floor.toFixed(2)} it is unlike them. ${namesOnlyWords()}`,
    );
  }
  return words;
}

function shownOf(what, shown, count) {
  const part = shown < count ? `, ${shown} of them shown` : "";
  return `Predicted ${what}: ${count} of ${counted(DATA.test.total, "test picture")}${part}`;
}

function drawGalleries() {
  const { wrong, right } = DATA.test;
  const cards = [...wrong, ...right].map((shown) => ({ shown, maps: evidence(shown) }));
  const known = cards.map(({ maps }) => maps).filter((maps) => maps.length);
  const limits = known.length
    ? known[0].map((_, i) => limitOf(known.map((maps) => maps[i])))
    : [];
  const draw = (list) => list.map(({ shown, maps }) => card(shown, maps, limits));
  const wrongOnes = cards.slice(0, wrong.length);
  const none = (what) => [
    create("li", { class: "soft" }, `No test picture is predicted ${what}.`),
  ];
  if (wrong.length === 0) fill("wrong", ...none("wrong"));
  else if (TWO) fill("wrong", ...draw(wrongOnes));
  else fillPairs(wrongOnes, draw);
  fill("right", ...(right.length ? draw(cards.slice(wrong.length)) : none("right")));
  if (known.length || !OF_BACKBONE) fill("adds-up", addsUpWords());
  const kinds = known.length ? known[0].map(({ what }) => what) : [];
  fill("evidence-legend", ...limits.map((limit, i) => legend(limit, kinds[i])));
}

function addsUpWords() {
  const what =
    chosen("reference") === "mean" ? "the z of the mean training picture" : "the bias\u00a0b";
  if (!TWO) return `All places of a picture and ${what}, of the predicted class, add up to its z.`;
  const rest = sumOf(contributions(TRAINED.w[0], reference())) + TRAINED.b[0];
  return `All places of a picture and ${what}, ${decimal(rest)}, add up to its z.`;
}

// Cards that are of one label and predicted class stand together.
function fillPairs(cards, draw) {
  byId("wrong").className = "pairs";
  const pairs = new Map();
  for (const each of cards) {
    const pair = `${each.shown.label} ${predictedBy(each.shown)}`;
    pairs.set(pair, [...(pairs.get(pair) ?? []), each]);
  }
  fill(
    "wrong",
    ...[...pairs.values()].map((alike) => {
      const [{ shown }] = alike;
      const pair = { label: shown.label, predicted: predictedBy(shown) };
      const part = alike.length < shown.alike ? `, ${alike.length} shown` : "";
      const heading = create("h4", {}, ...pairWords(pair), `: ${shown.alike}${part}`);
      const item = create("li", {}, heading, create("ul", { class: "gallery" }, ...draw(alike)));
      item.style.setProperty("--cards", alike.length);
      return item;
    }),
  );
}

function predictedBy({ probabilities }) {
  return predictedOf(probabilities);
}

function chosen(name) {
  const input = document.querySelector(`input[name=${name}]:checked`);
  return input === null ? null : input.value;
}

function reference() {
  return chosen("reference") === "mean" ? MEAN : NOTHING;
}

// What the places of a picture add to the z that its prediction is by.
function evidence(shown) {
  const neuron = neuronOf(predictedBy(shown));
  if (OF_BACKBONE) return shown.evidence === null ? [] : [placeMap(shown.evidence[neuron])];
  const maps = mapsOf(contributions(TRAINED.w[neuron], bytesOf(shown.column), reference()));
  return chosen("detail") === "blocks" ? maps.map(inBlocks) : maps;
}

function pixelsOfPicture({ column, pixels }) {
  const unrolled = bytesOf(pixels === null ? column : pixels);
  const result = new Uint8Array(unrolled.length);
  for (let from = 0, c = 0; c < 3; c++) {
    for (let to = c; to < result.length; to += 3) result[to] = unrolled[from++];
  }
  return result;
}

function showStepsOf(shown) {
  const { name, label } = shown;
  const [column, pixels] = [bytesOf(shown.column), pixelsOfPicture(shown)];
  const known = shown.evidence; // by neuron, of the class predicted and of the label
  const places = known && TRAINED.w.map((_, neuron) => known[neuron] && placeMap(known[neuron]));
  showSteps({ name, label, column, pixels, places });
}

function card(shown, maps, limits) {
  const label = DATA.classes[shown.label];
  const pixels = pixelsOfPicture(shown);
  const likeness = likenessOf(bytesOf(shown.column));
  const button = create(
    "button",
    { type: "button", class: "card", title: shown.name },
    create(
      "span",
      { class: "images" },
      pictureCanvas(pixels, shown.name),
      ...maps.map((map, i) => {
        const label = `evidence by ${map.what}`;
        return OF_BACKBONE
          ? overlaidCanvas(pixels, map, limits[i], label)
          : mapCanvas(map, limits[i], label);
      }),
    ),
    create("b", {}, ...answered(shown.probabilities)),
    create("span", {}, "label ", named(label), ...labelWords(shown)),
    create("span", {}, `${TWO ? "z" : "its z"} = ${decimal(shown.logit)}`),
    ...(likeness === null ? [] : [create("span", {}, ...likenessWords(likeness))]),
    create("span", { class: "name" }, named(shown.name)),
  );
  button.addEventListener("click", () => {
    showStepsOf(shown);
    byId("steps").scrollIntoView();
    byId("steps").focus();
  });
  if (likeness === null) return create("li", {}, button);
  const nearest = create("div", { class: "figures three" }, ...likeness.nearest.map(neighborFigure));
  return create("li", { class: "with-nearest" }, button, nearest);
}

// Of two classes the probability of one tells that of the other.
function labelWords(shown) {
  const { label, probabilities } = shown;
  if (TWO || label === predictedBy(shown)) return [];
  return [", ", probabilityOf(CLASSES[label], ` = ${probabilities[label].toFixed(4)}`)];
}

function likenessWords({ similarity, unlike }) {
  const words = `similarity ${similarity.toFixed(2)}`;
  return unlike ? [`${words}: `, create("b", {}, "unlike the training pictures")] : [words];
}
