// One picture, step by step: the lecture's computation graph with this picture's numbers. Of
// several neurons one is chosen, and a table has the numbers of all.

// {name, column, pixels, label, places, model, chosen}; a label of null is not known. Of a backbone
// `places` has for each neuron the map of what the places of the picture add to its z, where that
// is known; it is null where none is. `chosen` is the neuron whose numbers are shown.
let current = null;

function listenForSteps() {
  const ways = [DATA.test && "choose a picture above", CLASSIFIES && "try a photo"].filter(Boolean);
  if (ways.length === 0) {
    for (const each of [byId("steps"), document.querySelector("nav [href='#steps']")]) each.remove();
    return;
  }
  fill("steps-choose", sentence(`${ways.join(", or ")}.`));
  const features = named(DATA.preprocessing.features_name);
  fill("step-features", ...(OF_BACKBONE ? ["(", features, "),"] : [unbroken("(", features, "),")]));
  byId("label").append(...classOptions((name, label) => (TWO ? `${label}: ${name}` : name)));
  byId("learning-rate").value = DATA.model.learning_rate;
  byId("label").addEventListener("change", ({ target }) => {
    current.label = target.value === "" ? null : Number(target.value);
    fill("step-result");
    drawSteps();
  });
  byId("descend").addEventListener("click", descendOnce);
  byId("restart").addEventListener("click", () => {
    current.model = TRAINED;
    fill("step-result");
    drawSteps();
  });
  if (TWO) return;
  byId("neuron").append(...classOptions());
  byId("neuron").addEventListener("change", ({ target }) => {
    current.chosen = Number(target.value);
    drawSteps();
  });
}

function showSteps(picture) {
  const predicted = predictedOf(byClass(forward(TRAINED, picture.column).a));
  current = { ...picture, model: TRAINED, chosen: neuronOf(predicted) };
  byId("label").value = picture.label === null ? "" : String(picture.label);
  if (!TWO) byId("neuron").value = String(current.chosen);
  fill("step-result");
  byId("steps-none").hidden = true;
  byId("graph").hidden = false;
  drawSteps();
}

function drawSteps() {
  const { name, column, label, model, chosen } = current;
  const { z, a } = forward(model, column);
  const answer = { z, a };
  const y = label === null ? null : oneHot(label);
  const dz = y && LOSS.dz(answer, y);
  const parts = contributions(model.w[chosen], column);
  const show = (id, value, digits) => fill(id, y === null ? "?" : decimal(value, digits));
  fill("step-name", named(name));
  fill("step-answer", ...answered(byClass(a)));
  fill("step-class", probabilityOf(CLASSES[TWO ? 1 : chosen]));
  drawStepMaps(parts, dz);
  fill("step-for", signed(sumOf(parts.filter((part) => part > 0)), 4));
  fill("step-against", signed(sumOf(parts.filter((part) => part < 0)), 4));
  fill("step-b", decimal(model.b[chosen]));
  fill("step-z", decimal(z[chosen]));
  fill("step-a", decimal(a[chosen], 6));
  show("step-y", y?.[chosen], 0);
  const formula = (id, parts) => fill(id, ...parts.flatMap((part) => [unbroken(part), " "]));
  formula("step-loss-text", LOSS.text);
  formula("step-da-text", LOSS.daText);
  formula("step-dz-text", LOSS.dzText);
  show("step-loss", y && LOSS.of(answer, y), 6);
  show("step-da", y && LOSS.da(answer, y)[chosen]);
  show("step-dz", dz?.[chosen]);
  show("step-db", dz?.[chosen]);
  if (!TWO) drawNeurons(answer, y, dz);
  byId("descend").disabled = label === null;
  byId("descend-needs").hidden = label !== null;
}

const NEURONS_SHOWN = 12;

// The numbers of each neuron; of many, of the chosen one, the label's, and the most probable.
function drawNeurons({ z, a }, y, dz) {
  const { chosen, label } = current;
  const wanted = [chosen, ...(label === null ? [] : [label]), ...byValue(a)];
  const shown = [...new Set(wanted)].slice(0, NEURONS_SHOWN).sort((i, j) => i - j);
  const rows = shown.map((neuron) => {
    const known = y === null ? ["?", "?"] : [y[neuron], inColumn(dz[neuron])];
    const numbers = [inColumn(z[neuron]), inColumn(a[neuron]), ...known];
    return create(
      "tr",
      { "data-neuron": neuron, "aria-current": neuron === chosen },
      create("th", { scope: "row" }, clipped(CLASSES[neuron])),
      ...numbers.map((number) => create("td", {}, number)),
    );
  });
  fill("step-neurons", ...rows);
  const more = CLASSES.length - shown.length;
  fill("step-neurons-more", more ? `and ${more} more` : "");
}

// As short as a phone's column is narrow: four decimals, or one, and no small powers of ten.
function inColumn(value) {
  return decimal(Math.round(1e4 * value) / 1e4, Math.abs(value) < 100 ? 4 : 1);
}

function drawStepMaps(parts, dz) {
  const { column, pixels, model, chosen } = current;
  fill("step-x", pictureCanvas(pixels, "the picture"));
  if (OF_BACKBONE) return drawPlaces();
  // The colors of w stay those of the trained w, so that a step is seen.
  fill("step-w", ...mapsWithLegends(model.w[chosen], "w", TRAINED.w[chosen]));
  fill("step-wx", ...mapsWithLegends(parts, "w times x"));
  if (dz === null) {
    fill("step-dw", create("p", { class: "soft" }, "Choose the label y to see it."));
    return;
  }
  const dw = Float64Array.from(column, (value) => (value / 255) * dz[chosen]);
  fill("step-dw", ...mapsWithLegends(dw, "dw"));
}

// Each feature is of the whole picture: only of w x, by the trained w, the places may be known.
function drawPlaces() {
  const { places = null, pixels, model, chosen } = current;
  byId("step-wx").closest("figure").hidden = places === null;
  if (places === null) return;
  const maps = byId("step-wx");
  const map = places[chosen] ?? null;
  if (model !== TRAINED || map === null) {
    const of = model === TRAINED ? "predicted class and the label’s" : "trained w";
    maps.style.minHeight = `${maps.offsetHeight}px`; // nothing below it moves
    fill("step-wx", create("p", { class: "soft" }, `By place it is known for the ${of} only.`));
    return;
  }
  maps.style.minHeight = "";
  const limit = limitOf([map]);
  fill("step-wx", overlaidCanvas(pixels, map, limit, "w times x by place"), legend(limit));
}

// The maps of a vector, colored by the numbers of another where one is given.
function mapsWithLegends(vector, label, scaledBy = vector) {
  const limits = mapsOf(scaledBy).map((map) => limitOf([map]));
  return mapsOf(vector).flatMap((map, i) => [
    mapCanvas(map, limits[i], `${label} by ${map.what}`),
    legend(limits[i], limits.length > 1 ? map.what : ""),
  ]);
}

function descendOnce() {
  const learningRate = Number(byId("learning-rate").value);
  if (!(learningRate > 0)) {
    fill("step-result", "The learning rate must be above 0.");
    return;
  }
  const { column, label, model } = current;
  const [y, neuron] = [oneHot(label), neuronOf(label)];
  const before = forward(model, column);
  current.model = stepped(model, column, LOSS.dz(before, y), learningRate);
  const after = forward(current.model, column);
  const a = (answer) => decimal(answer.a[neuron], 6);
  const loss = (answer) => decimal(LOSS.of(answer, y), 6);
  fill(
    "step-result",
    TWO ? "" : create("span", {}, "Of ", named(CLASSES[label]), ": "),
    unbroken(`a ${a(before)} → ${a(after)}, `),
    " ",
    unbroken(`L ${loss(before)} → ${loss(after)}`),
  );
  drawSteps();
}
