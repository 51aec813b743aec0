// Serves a directory by libraries of npm: express (send) plain and compressed, and http-server.
// Arguments: the directory, then a port of 127.0.0.1 for each of the three.
import { createRequire } from "node:module";
import { join } from "node:path";

// packages are looked for from where the test has installed them
const require = createRequire(join(process.cwd(), "package.json"));
const express = require("express");
const compression = require("compression");
const httpServer = require("http-server");

const [root, plain, compressed, other] = process.argv.slice(2);
express().use(express.static(root)).listen(Number(plain), "127.0.0.1");
express().use(compression({ threshold: 0 })).use(express.static(root)).listen(Number(compressed), "127.0.0.1");
httpServer.createServer({ root, showDir: false }).listen(Number(other), "127.0.0.1");
