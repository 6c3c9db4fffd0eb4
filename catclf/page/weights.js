// What the model learned: its weights as pictures; of a backbone's features, which are not to be
// seen, the training pictures that these weights tell apart best.

function showWeights() {
  if (OF_BACKBONE) showExtremes();
  else if (FEATURES === "pixels") showPixelWeights();
  else showHistogramWeights();
}

function biasWords() {
  return `bias\u00a0b, ${decimal(TRAINED.b)}`;
}

function showPixelWeights() {
  const { w } = TRAINED;
  const n = SIZE * SIZE;
  byId("weights-text").append(
    `The model has one weight for each pixel and color, ${N_X} in all, and the ${biasWords()}. `,
    "The brighter a color is at a place, the more a ",
    create("b", { class: "for" }, "positive weight (orange)"),
    " there raises ",
    probabilityOf(POSITIVE),
    ", and a ",
    create("b", { class: "against" }, "negative one (blue)"),
    " lowers it. The model knows no shapes, only places and colors.",
  );
  const colored = ["red", "green", "blue"].map((color, c) => ({
    color,
    map: { side: SIZE, values: w.subarray(c * n, (c + 1) * n) },
  }));
  const limit = limitOf(colored.map(({ map }) => map));
  const sum = pixelMap(w);
  const sumLimit = limitOf([sum]);
  byId("weight-pictures").append(
    ...colored.map(({ color, map }) =>
      figure([color, legend(limit)], mapCanvas(map, limit, `weights of ${color}`)),
    ),
    figure(
      ["their sum", legend(sumLimit)],
      mapCanvas(sum, sumLimit, "sum of the weights of all colors"),
    ),
  );
}

const EXTREMES_SHOWN = 6; // of each class

function showExtremes() {
  const kept = NEIGHBORS === null ? [] : NEIGHBORS.columns;
  byId("weights-text").append(
    `The ${N_X} features of a picture are the output of a frozen network, the backbone `,
    named(DATA.preprocessing.features_name),
    DATA.network === null ? ". " : ", which others trained on ImageNet. ",
    `Nothing of it is learned here: only the ${N_X} weights, one for each feature, and the ` +
      `${biasWords()}, are. `,
    kept.length
      ? "No weight has a place or a color to be shown by. Instead, of the " +
          `${kept.length} training pictures that the model keeps, these have the highest and the ` +
          "lowest z: they speak most for each class."
      : "No weight has a place or a color to be shown by, and the model keeps no training pictures.",
  );
  if (!kept.length) return byId("weight-pictures").remove();
  byId("weights-text").append(` ${namesOnlyWords()}`);
  const z = kept.map((column) => forward(TRAINED, column).z);
  const order = [...z.keys()].sort((i, j) => z[j] - z[i]);
  const count = Math.min(EXTREMES_SHOWN, Math.floor(order.length / 2));
  const figures = (indices) =>
    create("div", { class: "figures" }, ...indices.map((index) => extremeFigure(index, z[index])));
  byId("weight-pictures").className = "panel";
  byId("weight-pictures").append(
    create("h3", {}, "The highest z: for ", named(POSITIVE)),
    figures(order.slice(0, count)),
    create("h3", {}, "The lowest z: for ", named(NEGATIVE)),
    figures(order.slice(-count).reverse()),
  );
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

function showHistogramWeights() {
  byId("weights-text").append(
    `The model has ${N_X} weights, and the ${biasWords()}. `,
    "Edges: the picture is divided into 8 x 8 cells, and each has a rose of 18 petals, one for each direction from ",
    "dark to light. The longer a petal, the more such an edge counts: ",
    colorKey(),
    ". Colors: those of each quarter of the picture that speak most for ",
    named(POSITIVE),
    ", and most against.",
  );
  byId("weight-pictures").classList.add("two");
  byId("weight-pictures").append(roses(), figure("colors, the strongest first", strongestColors()));
}

// The weights of each cell's directions, (18, 8, 8), added up over its up to four blocks.
function cellWeights() {
  const sums = new Float64Array(DIRECTIONS * CELLS * CELLS);
  for (let i = 0; i < BLOCKS; i++) {
    for (let j = 0; j < BLOCKS; j++) {
      forBlock(i, j, (feature, cell) => (sums[cell] += TRAINED.w[feature]));
    }
  }
  return sums;
}

function roses() {
  const sums = cellWeights();
  const limit = limitOf([{ values: sums }]);
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

function strongestColors() {
  const quarters = ["upper left", "upper right", "lower left", "lower right"];
  const perQuarter = LEVELS ** 3;
  const root = create("div", { class: "quarters" });
  quarters.forEach((place, quarter) => {
    const first = EDGES_N_X + quarter * perQuarter;
    const order = Array.from({ length: perQuarter }, (_, color) => color);
    const weight = (color) => TRAINED.w[first + color];
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
