// Test pictures, wrong ones and right ones, the most probable answers first. Each has a map of
// what its places add to z.

const TWO_GRIDS =
  " This model sees edges and colors, so there are two grids. " +
  `Edges: ${SQUARES.edges}. Colors: ${SQUARES.colors}.`;

function showGalleries() {
  byId("mistakes-text").append(
    "Beside each picture is its evidence, what its places add to z: ",
    colorKey(),
    `.${FEATURES === "pixels" ? "" : TWO_GRIDS} `,
  );
  const { wrong, right, total, correct } = DATA.test;
  fill("wrong-heading", shownOf("wrong", wrong.length, total - correct));
  fill("right-heading", shownOf("right", right.length, correct));
  if (!HAS_BLOCKS) byId("detail").remove();
  for (const input of document.querySelectorAll("#mistakes input")) {
    input.addEventListener("change", drawGalleries);
  }
  drawGalleries();
}

function shownOf(what, shown, count) {
  const part = shown < count ? `, ${shown} of them shown` : "";
  return `Predicted ${what}: ${count} of ${counted(DATA.test.total, "test picture")}${part}`;
}

function drawGalleries() {
  const { wrong, right } = DATA.test;
  const cards = [...wrong, ...right].map((shown) => ({ shown, maps: evidence(shown) }));
  const limits = cards.length
    ? cards[0].maps.map((_, i) => limitOf(cards.map(({ maps }) => maps[i])))
    : [];
  const draw = (list) => list.map(({ shown, maps }) => card(shown, maps, limits));
  const none = (what) => [
    create("li", { class: "soft" }, `No test picture is predicted ${what}.`),
  ];
  fill("wrong", ...(wrong.length ? draw(cards.slice(0, wrong.length)) : none("wrong")));
  fill("right", ...(right.length ? draw(cards.slice(wrong.length)) : none("right")));
  const rest = decimal(sumOf(contributions(TRAINED.w, reference())) + TRAINED.b);
  const what =
    chosen("reference") === "mean" ? "the z of the mean training picture" : "the bias\u00a0b";
  fill("adds-up", `All places of a picture and ${what}, ${rest}, add up to its z.`);
  const kinds = cards.length ? cards[0].maps.map(({ what }) => what) : [];
  fill("evidence-legend", ...limits.map((limit, i) => legend(limit, kinds[i])));
}

function chosen(name) {
  const input = document.querySelector(`input[name=${name}]:checked`);
  return input === null ? null : input.value;
}

function reference() {
  return chosen("reference") === "mean" ? MEAN : NOTHING;
}

function evidence(shown) {
  const maps = mapsOf(contributions(TRAINED.w, bytesOf(shown.column), reference()));
  return chosen("detail") === "blocks" ? maps.map(inBlocks) : maps;
}

function pixelsOfPicture({ column, pixels }) {
  const unrolled = bytesOf(pixels === null ? column : pixels);
  const n = unrolled.length / 3;
  return Uint8Array.from(unrolled, (_, i) => unrolled[(i % 3) * n + Math.floor(i / 3)]);
}

function showStepsOf(shown) {
  const { name, label } = shown;
  showSteps({ name, label, column: bytesOf(shown.column), pixels: pixelsOfPicture(shown) });
}

function card(shown, maps, limits) {
  const label = DATA.classes[shown.label];
  const button = create(
    "button",
    { type: "button", class: "card", title: shown.name },
    create(
      "span",
      { class: "images" },
      pictureCanvas(pixelsOfPicture(shown), shown.name),
      ...maps.map((map, i) => mapCanvas(map, limits[i], `evidence by ${map.what}`)),
    ),
    create("b", {}, ...answered(shown.probability)),
    create("span", {}, "label ", named(label)),
    create("span", {}, `z = ${decimal(shown.logit)}`),
    create("span", { class: "name" }, named(shown.name)),
  );
  button.addEventListener("click", () => {
    showStepsOf(shown);
    byId("steps").scrollIntoView();
    byId("steps").focus();
  });
  return create("li", {}, button);
}
