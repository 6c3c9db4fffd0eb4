// A picture file becomes pixels: the browser decodes it, nothing leaves the page.

// What catclf reads, by the first bytes; TIFF and PPM no browser does.
const FORMATS = [
  ["JPEG", /^\xff\xd8\xff/],
  ["PNG", /^\x89PNG\r\n\x1a\n/],
  ["WebP", /^RIFF[^]{4}WEBP/],
  ["GIF", /^GIF8[79]a/],
  ["BMP", /^BM/],
  ["TIFF", /^(II[*+]\0|MM\0[*+])/],
  ["PPM", /^P[1-6][\s#]/],
];
const PREDICT = "'catclf predict' reads it.";
const REDUCTION_MARGIN = 2.5; // as in catclf/pictures/jpeg.py

async function formatOf(file) {
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const text = String.fromCharCode(...head);
  const found = FORMATS.find(([, signature]) => signature.test(text));
  return found ? found[0] : null;
}

// Returns {pixels, width, height, format}; throws an Error whose message is for the user.
async function decode(file) {
  const format = await formatOf(file);
  if (format === null) throw new Error("This is no picture of a format that catclf reads.");
  if (format === "TIFF" || format === "PPM") {
    throw new Error(`Browsers cannot read ${format} files. ${PREDICT}`);
  }
  if (altersPixels()) {
    throw new Error(
      "This browser alters the pixels that a page reads, as a protection against " +
        "fingerprinting: the probability would be wrong. Allow this page to read canvas data, " +
        "or use another browser, or 'catclf predict'.",
    );
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new Error(`This browser cannot read the file: a damaged or unusual ${format}.`);
  }
  try {
    return { format, width: bitmap.width, height: bitmap.height, pixels: pixelsOf(bitmap) };
  } catch {
    throw new Error(
      `Too large for this browser: ${bitmap.width} x ${bitmap.height} pixels. ${PREDICT}`,
    );
  } finally {
    bitmap.close();
  }
}

// What is transparent becomes white.
function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  const context = canvasContext(width, height);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  return withoutAlpha(context.getImageData(0, 0, width, height).data);
}

function canvasContext(width, height) {
  const canvas = create("canvas", { width, height });
  return canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
}

function withoutAlpha(rgba) {
  const pixels = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    pixels[to++] = rgba[from];
    pixels[to++] = rgba[from + 1];
    pixels[to++] = rgba[from + 2];
  }
  return pixels;
}

// Some browsers answer getImageData with noise, so that no site can recognize them by a canvas.
function altersPixels() {
  const side = 32;
  const context = canvasContext(side, side);
  const drawn = context.createImageData(side, side);
  for (let i = 0; i < drawn.data.length; i++)
    drawn.data[i] = i % 4 === 3 ? 255 : (i * i + 7 * i) % 256;
  context.putImageData(drawn, 0, 0);
  const read = context.getImageData(0, 0, side, side).data;
  return read.some((value, i) => value !== drawn.data[i]);
}

// Whether `catclf predict` decodes a JPEG at 1/2, 1/4 or 1/8 of its size, which no browser can.
function isReduced({ format, width, height }) {
  const side = FIT === "pad" ? Math.max(width, height) : Math.min(width, height);
  return format === "JPEG" && side >= 2 * REDUCTION_MARGIN * SIZE;
}
