// What the model learned: its weights as pictures; of a backbone's features, which are not to be
// seen, the training pictures that these weights tell apart best. Of several neurons one is chosen;
// the colors of all have one scale.

// Each kind of features has its words, and what draws a neuron's weights.
function showWeights() {
  const kind = OF_BACKBONE ? extremes : FEATURES === "pixels" ? pixelWeights : histogramWeights;
  const draw = kind();
  byId("weights-text").append(roundingWords());
  if (draw === null) {
    for (const id of ["weights-choice", "weight-pictures"]) byId(id)?.remove();
    return;
  }
  if (!TWO) listenForNeuron(draw);
  fill("weight-pictures", ...draw(0));
}

function listenForNeuron(draw) {
  const select = byId("weights-class");
  const tellBias = (neuron) =>
    fill("weights-bias", "bias\u00a0b: ", create("b", {}, decimal(TRAINED.b[neuron])));
  select.append(...classOptions());
  select.addEventListener("change", () => {
    const neuron = Number(select.value);
    fill("weight-pictures", ...draw(neuron));
    tellBias(neuron);
  });
  tellBias(0);
}

// What the model has, up to its bias.
function weightsWords(weights) {
  if (TWO) return `The model has ${weights}, and the bias\u00a0b, ${decimal(TRAINED.b[0])}. `;
  return `The model has a neuron for each of its ${CLASSES.length} classes, each with ${weights}, and a bias\u00a0b. `;
}

// How far the page's probabilities are from those of the model's file.
function roundingWords() {
  if (TWO) return "";
  const { bits, scales } = DATA.model;
  const holds = ` This page holds the weights as whole numbers of ${bits} bits, with a scale for each neuron: `;
  if (bits > 8) {
    // A weight is off by half a scale at most, a feature is at most 1, and a probability changes by
    // at most half of what each z does.
    const most = decimal((N_X * Math.max(...scales)) / 4);
    return `${holds}its probabilities differ by less than ${most} from those of the model's file.`;
  }
  // Of 8 bits that bound would tell nothing: by chance the errors nearly cancel.
  const shown = DATA.test === null ? [] : [...DATA.test.wrong, ...DATA.test.right];
  if (shown.length === 0) return `${holds}its probabilities differ a little from those of the model's file.`;
  const differences = shown.flatMap(({ column, probabilities }) => {
    const { a } = forward(TRAINED, bytesOf(column));
    return a.map((each, label) => Math.abs(each - probabilities[label]));
  });
  const most = decimal(differences.reduce((top, each) => Math.max(top, each)));
  return `${holds}of the ${counted(shown.length, "test picture")} shown above, predicted wrong and right, its probabilities differ by up to ${most} from those of the model's file.`;
}

function pixelWeights() {
  byId("weights-text").append(
    weightsWords(`one weight for each pixel and color, ${N_X} ${TWO ? "in all" : "of them"}`),
    "The brighter a color is at a place, the more a ",
    create("b", { class: "for" }, "positive weight (orange)"),
    " there raises ",
    TWO ? probabilityOf(POSITIVE) : "the z of the class",
    ", and a ",
    create("b", { class: "against" }, "negative one (blue)"),
    " lowers it. The model knows no shapes, only places and colors.",
  );
  const n = SIZE * SIZE;
  const limit = limitOf(TRAINED.w.map((values) => ({ values })));
  const sumLimit = limitOf(TRAINED.w.map(pixelMap));
  return (neuron) => [
    ...["red", "green", "blue"].map((color, c) => {
      const values = TRAINED.w[neuron].subarray(c * n, (c + 1) * n);
      const map = mapCanvas({ side: SIZE, values }, limit, `weights of ${color}`);
      return figure([color, legend(limit)], map);
    }),
    figure(
      ["their sum", legend(sumLimit)],
      mapCanvas(pixelMap(TRAINED.w[neuron]), sumLimit, "sum of the weights of all colors"),
    ),
  ];
}

const EXTREMES_SHOWN = 6; // of each class

function extremes() {
  const kept = NEIGHBORS === null ? [] : NEIGHBORS.columns;
  byId("weights-text").append(
    `The ${N_X} features of a picture are the output of a frozen network, the backbone `,
    named(DATA.preprocessing.features_name),
    DATA.network === null ? ". " : ", which others trained on ImageNet. ",
    TWO
      ? `Nothing of it is learned here: only the ${N_X} weights, one for each feature, and the ` +
          `bias\u00a0b, ${decimal(TRAINED.b[0])}, are. `
      : "Nothing of it is learned here: only a neuron for each class is, each with " +
          `${N_X} weights, one for each feature, and a bias\u00a0b. `,
    kept.length
      ? "No weight has a place or a color to be shown by. Instead, of the " +
          `${kept.length} training pictures that the model keeps, these have the highest and the ` +
          `lowest z: they speak most for ${TWO ? "each class" : "the class, and against it"}.`
      : "No weight has a place or a color to be shown by, and the model keeps no training pictures.",
  );
  if (!kept.length) return null;
  byId("weights-text").append(` ${namesOnlyWords()}`);
  byId("weight-pictures").className = "panel";
  const count = Math.min(EXTREMES_SHOWN, Math.floor(kept.length / 2));
  return (neuron) => {
    const z = kept.map((column) => dot(TRAINED.w[neuron], column) + TRAINED.b[neuron]);
    const order = byValue(z);
    const figures = (places) =>
      create("div", { class: "figures" }, ...places.map((index) => extremeFigure(index, z[index])));
    const [highest, lowest] = TWO
      ? [named(POSITIVE), named(NEGATIVE)]
      : [named(CLASSES[neuron]), named(CLASSES[neuron])];
    return [
      create("h3", {}, "The highest z: for ", highest),
      figures(order.slice(0, count)),
      create("h3", {}, `The lowest z: ${TWO ? "for" : "against"} `, lowest),
      figures(order.slice(-count).reverse()),
    ];
  };
}

function extremeFigure(index, z) {
  const { names, labels, pictures } = NEIGHBORS;
  return figure(
    [
      named(names[index]),
      create("br"),
      "label ",
      unbroken(named(DATA.classes[labels[index]]), ","),
      " ",
      unbroken(`z = ${decimal(z, 2)}`),
    ],
    ...(pictures === null ? [] : [jpegCanvas(pictures[index], names[index])]),
  );
}

function histogramWeights() {
  byId("weights-text").append(
    weightsWords(`${N_X} weights`),
    "Edges: the picture is divided into 8 x 8 cells, and each has a rose of 18 petals, one for each direction from ",
    "dark to light. The longer a petal, the more such an edge counts: ",
    colorKey(TWO ? named(POSITIVE) : "the class"),
    ". Colors: those of each quarter of the picture that speak most for ",
    TWO ? named(POSITIVE) : "it",
    ", and most against.",
  );
  byId("weight-pictures").classList.add("two");
  const cells = TRAINED.w.map(cellWeights);
  const limit = limitOf(cells.map((values) => ({ values })));
  return (neuron) => [
    roses(cells[neuron], limit),
    figure("colors, the strongest first", strongestColors(TRAINED.w[neuron])),
  ];
}

// The weights of each cell's directions, (18, 8, 8), added up over its up to four blocks.
function cellWeights(w) {
  const sums = new Float64Array(DIRECTIONS * CELLS * CELLS);
  for (let i = 0; i < BLOCKS; i++) {
    for (let j = 0; j < BLOCKS; j++) {
      forBlock(i, j, (feature, cell) => (sums[cell] += w[feature]));
    }
  }
  return sums;
}

function roses(sums, limit) {
  const step = 40;
  const root = svg("svg", {
    viewBox: `0 0 ${CELLS * step} ${CELLS * step}`,
    class: "roses",
    role: "img",
  });
  root.setAttribute("aria-label", "weights of edge directions, a rose for each of 8 x 8 cells");
  sums.forEach((weight, index) => {
    const k = Math.floor(index / CELLS ** 2);
    const x = ((index % CELLS) + 0.5) * step;
    const y = ((Math.floor(index / CELLS) % CELLS) + 0.5) * step;
    const length = 0.48 * step * Math.min(1, Math.abs(weight) / limit);
    const angle = (2 * Math.PI * k) / DIRECTIONS; // clockwise from the right
    const end = { x2: x + length * Math.cos(angle), y2: y + length * Math.sin(angle) };
    root.append(svg("line", { class: weight > 0 ? "for" : "against", x1: x, y1: y, ...end }));
  });
  const caption = "edges: weight of the longest petal";
  return figure([caption, legend(limit)], root);
}

const COLORS_SHOWN = 6;

function strongestColors(w) {
  const quarters = ["upper left", "upper right", "lower left", "lower right"];
  const perQuarter = LEVELS ** 3;
  const root = create("div", { class: "quarters" });
  quarters.forEach((place, quarter) => {
    const first = EDGES_N_X + quarter * perQuarter;
    const order = Array.from({ length: perQuarter }, (_, color) => color);
    const weight = (color) => w[first + color];
    order.sort((a, b) => weight(b) - weight(a));
    const speaking = order.slice(0, COLORS_SHOWN).filter((color) => weight(color) > 0);
    const opposing = order
      .slice(-COLORS_SHOWN)
      .reverse()
      .filter((color) => weight(color) < 0);
    root.append(
      create(
        "div",
        {},
        create("p", {}, place),
        swatches("for", speaking),
        swatches("against", opposing),
      ),
    );
  });
  return root;
}

function swatches(kind, colors) {
  const label = create("span", { class: kind }, kind);
  return create("p", { class: "swatches" }, label, ...colors.map(swatch));
}

// The middle of a bin of the color histogram.
function swatch(color) {
  const levels = [color >> 6, (color >> 3) & 7, color & 7].map((level) => level * 32 + 16);
  const shown = create("span", {
    class: "swatch",
    role: "img",
    "aria-label": `RGB ${levels.join(" ")}`,
  });
  shown.style.backgroundColor = `rgb(${levels.join(" ")})`;
  return shown;
}
