// One picture, step by step: the lecture's computation graph with this picture's numbers.

// {name, column, pixels, label, places, neuron}; a label of null is not known. Of a backbone
// `places` is the map of what the places of the picture add to z, where that is known.
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
  fill("step-positive", probabilityOf(POSITIVE));
  fill("label-negative", `0: ${NEGATIVE}`);
  fill("label-positive", `1: ${POSITIVE}`);
  byId("learning-rate").value = DATA.model.learning_rate;
  byId("label").addEventListener("change", ({ target }) => {
    current.label = target.value === "" ? null : Number(target.value);
    fill("step-result");
    drawSteps();
  });
  byId("descend").addEventListener("click", descendOnce);
  byId("restart").addEventListener("click", () => {
    current.neuron = TRAINED;
    fill("step-result");
    drawSteps();
  });
}

function showSteps(picture) {
  current = { ...picture, neuron: TRAINED };
  byId("label").value = picture.label === null ? "" : String(picture.label);
  fill("step-result");
  byId("steps-none").hidden = true;
  byId("graph").hidden = false;
  drawSteps();
}

function drawSteps() {
  const { name, column, pixels, label, neuron } = current;
  const { z, a } = forward(neuron, column);
  const answer = { z, a };
  const dz = label === null ? null : LOSS.dz(answer, label);
  const parts = contributions(neuron.w, column);
  const show = (id, value, digits) => fill(id, label === null ? "?" : decimal(value, digits));
  fill("step-name", named(name));
  fill("step-answer", ...answered(a));
  drawStepMaps(neuron.w, parts, column, pixels, dz);
  fill("step-for", signed(sumOf(parts.filter((part) => part > 0)), 4));
  fill("step-against", signed(sumOf(parts.filter((part) => part < 0)), 4));
  fill("step-b", decimal(neuron.b));
  fill("step-z", decimal(z));
  fill("step-a", decimal(a, 6));
  show("step-y", label, 0);
  const formula = (id, parts) => fill(id, ...parts.flatMap((part) => [unbroken(part), " "]));
  formula("step-loss-text", LOSS.text);
  formula("step-da-text", LOSS.daText);
  formula("step-dz-text", LOSS.dzText);
  show("step-loss", LOSS.of(answer, label), 6);
  show("step-da", LOSS.da(answer, label));
  show("step-dz", dz);
  show("step-db", dz);
  byId("descend").disabled = label === null;
  byId("descend-needs").hidden = label !== null;
}

function drawStepMaps(w, parts, column, pixels, dz) {
  fill("step-x", pictureCanvas(pixels, "the picture"));
  if (OF_BACKBONE) return drawPlaces();
  // The colors of w stay those of the trained w, so that a step is seen.
  fill("step-w", ...mapsWithLegends(w, "w", TRAINED.w));
  fill("step-wx", ...mapsWithLegends(parts, "w times x"));
  if (dz === null) {
    fill("step-dw", create("p", { class: "soft" }, "Choose the label y to see it."));
    return;
  }
  const dw = Float64Array.from(column, (value) => (value / 255) * dz);
  fill("step-dw", ...mapsWithLegends(dw, "dw"));
}

// Each feature is of the whole picture: only of w x, by the trained w, the places may be known.
function drawPlaces() {
  const { places = null, pixels, neuron } = current;
  byId("step-wx").closest("figure").hidden = places === null;
  if (places === null) return;
  const maps = byId("step-wx");
  if (neuron !== TRAINED) {
    maps.style.minHeight = `${maps.offsetHeight}px`; // nothing below it moves
    fill("step-wx", create("p", { class: "soft" }, "By place it is known for the trained w only."));
    return;
  }
  maps.style.minHeight = "";
  const limit = limitOf([places]);
  fill("step-wx", overlaidCanvas(pixels, places, limit, "w times x by place"), legend(limit));
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
  const { column, label, neuron } = current;
  const before = forward(neuron, column);
  current.neuron = stepped(neuron, column, LOSS.dz(before, label), learningRate);
  const after = forward(current.neuron, column);
  const loss = (answer) => decimal(LOSS.of(answer, label), 6);
  fill(
    "step-result",
    unbroken(`a ${decimal(before.a, 6)} → ${decimal(after.a, 6)}, `),
    " ",
    unbroken(`L ${loss(before)} → ${loss(after)}`),
  );
  drawSteps();
}
