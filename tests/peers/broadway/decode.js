// Counts the pictures that Broadway decodes of an H.264 file (Annex B, baseline profile). Anything it has to say on the
// way goes to standard error, and is a failure for who reads it.

// It looks for a browser and finds one.
globalThis.window = globalThis;

const { readFileSync } = require("node:fs");
const Decoder = require("broadway-player/Player/Decoder.js");

const bytes = new Uint8Array(readFileSync(process.argv[2]));
const starts = [];
for (let at = 0; at + 3 < bytes.length; at++) {
  if (bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 1) starts.push(at);
}
let pictures = 0;
const decoder = new Decoder({ rgb: false });
decoder.onPictureDecoded = () => pictures++;
starts.forEach((start, n) => decoder.decode(bytes.subarray(start, starts[n + 1] ?? bytes.length)));
console.log(pictures);
