// node-media-server as a test peer: RTMP, RTMPS when a certificate is given, every publish recorded as FLV.
// Usage: server.js '{"rtmp": 1, "rtmps": 2, "cert": "...", "key": "...", "dir": "..."}'

const path = require("node:path");
const NodeMediaServer = require("node-media-server");

const { rtmp, rtmps, cert, key, dir } = JSON.parse(process.argv[2]);

const server = new NodeMediaServer({
  bind: "127.0.0.1",
  rtmp: { port: rtmp },
  rtmps: rtmps ? { port: rtmps, cert, key } : undefined,
  record: { auto: true, path: path.join(dir, "rec") },
  store: { path: path.join(dir, "store") },
});
server.run();
